"""Django's own settings and habits of sessions: secrets, ``modified``, explicit saves, streaming."""

from datetime import timedelta

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory, override_settings

from frontdesk.engine import SessionStore
from frontdesk.middleware import SessionMiddleware
from tests.fixtures import sign_in
from tests.requests import own_engine
from tests.requests.browsers import cookie
from tests.requests.site import step

pytestmark = pytest.mark.django_db


# --- secrets ------------------------------------------------------------------------------------


@pytest.fixture
def new_secret(settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret " * 5


def test_a_session_of_a_fallback_secret_gets_a_new_hash(member, new_secret, settings):
    assert member.username() == "ada"
    settings.SECRET_KEY_FALLBACKS = []
    assert member.username() == "ada"


def test_a_session_of_a_fallback_secret_keeps_its_key(member, new_secret):
    """Unlike in Django: the key does not depend on the secret, and other requests are under way with it."""
    before = member.key
    response = member.do(lambda request: request.user.get_username())
    assert member.key == before
    assert cookie(response) is None


def test_a_session_of_a_forgotten_secret_is_anonymous(member, settings):
    settings.SECRET_KEY = "another secret " * 5
    assert member.username() == ""


# --- settings of the session --------------------------------------------------------------------


def test_a_change_inside_a_value_needs_modified(browser):
    """As in Django, which documents it."""
    browser.put(cart=["lamp"])
    browser.do(lambda request: request.session["cart"].append("sofa"))
    assert browser.values() == {"cart": ["lamp"]}

    def add(request):
        request.session["cart"].append("sofa")
        request.session.modified = True

    browser.do(add)
    assert browser.values() == {"cart": ["lamp", "sofa"]}


def test_save_every_request_renews_the_cookie(browser, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    browser.put(cart=1)
    assert cookie(browser.get("/plain/")).value == browser.key


def test_save_every_request_starts_no_session(browser, settings, journal):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    assert cookie(browser.get("/home/")) is None
    assert journal == []


@pytest.mark.parametrize("use_tz", [True, False])
def test_it_works_with_and_without_time_zones(browser, user, settings, use_tz):
    settings.USE_TZ = use_tz
    settings.TIME_ZONE = "America/St_Johns"
    sign_in(browser, user)
    browser.do(lambda request: request.session.set_expiry(timedelta(hours=1)))
    assert browser.username() == "ada"


def test_the_test_cookie_works(browser):
    def call(name):
        def task(request):
            return (yield step(request.session, name))

        return browser.do(task).answer

    call("set_test_cookie")
    assert call("test_cookie_worked")
    call("delete_test_cookie")  # Django's adelete_test_cookie() forgets to set modified
    assert not call("test_cookie_worked")


def test_an_explicit_save_counts_although_the_response_fails(browser):
    browser.put(cart=1)

    def task(request):
        request.session["cart"] = 2
        request.session.save()
        return HttpResponse(status=500)

    browser.do(task)
    assert browser.values() == {"cart": 2}


def test_a_view_may_create_a_session_to_learn_its_key(browser):
    def task(request):
        if not request.session.session_key:
            request.session.create()
        return request.session.session_key

    key = browser.do(task).answer
    assert browser.key == key
    assert browser.do(task).answer == key


def test_settings_may_be_overridden_in_a_test(browser):
    with override_settings(SESSION_COOKIE_NAME="other"):
        browser.put(cart=1)
        assert browser.cookies["other"].value


def test_a_projects_engine_may_extend_save(browser, user, settings, mode):
    settings.SESSION_ENGINE = "tests.requests.own_engine"
    own_engine.saved.clear()
    browser.put(cart=1)
    browser.username()
    sign_in(browser, user)
    assert own_engine.saved == [{"sync": "save", "async": "asave"}[mode]] * 2
    assert browser.username() == "ada"
    assert browser.values() == {"cart": 1}


@pytest.mark.parametrize("saves", [False, True])
def test_a_streaming_view_saves_what_it_changed_before(saves):
    """What it changes while it is being sent counts only if it calls save()."""
    session = SessionStore()
    session.create()
    key = session.session_key

    def view(request):
        request.session["before"] = 1

        def lines():
            request.session["after"] = 1
            if saves:
                request.session.save()
            yield b"a line"

        return StreamingHttpResponse(lines())

    request = RequestFactory().get("/")
    request.COOKIES["sessionid"] = key
    assert b"".join(SessionMiddleware(view)(request)) == b"a line"
    assert ("after" in SessionStore(key)) is saves
    assert SessionStore(key)["before"] == 1

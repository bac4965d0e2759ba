"""Each heading of docs/explanation/differences.md is true: the test that shows it names it."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY, authenticate, login
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session as StockSession
from django.http import HttpResponse
from django.test import Client

from frontdesk import sessions
from frontdesk.core import policy
from frontdesk.core.keys import Key
from frontdesk.engine import SessionStore
from frontdesk.errors import StorageUnavailable
from frontdesk.models import HistoryEntry, Session
from frontdesk.storages import get_storage
from frontdesk.testing import Clock
from tests.docs import site
from tests.docs.pages import ROOT, headings

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.docs.site")]

SHOWN: dict[str, str] = {}


def shows(heading: str) -> Callable[[Callable], Callable]:
    def noted(test: Callable) -> Callable:
        SHOWN[heading] = test.__name__
        return test

    return noted


@pytest.fixture
def user() -> User:
    return User.objects.create_user("eve", password="open-sesame")


@pytest.fixture
def browser(user) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def view(monkeypatch) -> Callable[[Callable], None]:
    return lambda act: monkeypatch.setattr(site, "act", act)


def key_of(browser: Client) -> str:
    return browser.cookies["sessionid"].value


def seen_as(browser: Client) -> str:
    return browser.get("/").content.decode()


def sign_in(user: User) -> Callable:
    def act(request):
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return HttpResponse()

    return act


def test_each_heading_has_its_test():
    assert sorted(SHOWN) == sorted(headings(ROOT / "docs" / "explanation" / "differences.md")[1:])


@shows("A session that ends during a request is not a 400")
def test_interrupted(browser, view, caplog):
    def act(request):
        request.session["cart"] = [1]
        SessionStore().delete(request.session.session_key)
        return HttpResponse("done")

    view(act)
    with caplog.at_level("INFO", "frontdesk"):
        answer = browser.get("/")
    assert (answer.status_code, answer.content) == (200, b"done")
    assert not answer.cookies
    assert "ended during a request" in caplog.text
    assert not SessionStore().exists(key_of(browser))


@shows("Activity extends the idle timeout")
def test_activity(browser):
    with Clock() as clock:
        assert seen_as(browser) == "eve"
        clock.advance(timedelta(days=10))
        assert seen_as(browser) == "eve"
        clock.advance(timedelta(days=10))
        assert seen_as(browser) == "eve"
        clock.advance(timedelta(days=14, seconds=1))
        assert seen_as(browser) == ""


@shows("The cookie is set when it changes")
def test_cookie_with_news(browser, user, view, settings):
    def change(request):
        request.session["visits"] = request.session.get("visits", 0) + 1
        return HttpResponse()

    view(change)
    assert not browser.get("/").cookies
    view(sign_in(user))
    assert browser.get("/").cookies["sessionid"]["max-age"] == 30 * 86_400
    settings.SESSION_SAVE_EVERY_REQUEST = True
    view(change)
    assert browser.get("/").cookies["sessionid"].value == key_of(browser)


@shows("There is an absolute timeout")
def test_absolute(browser, settings):
    with Clock() as clock:
        for _ in range(3):
            clock.advance(timedelta(days=9))
            assert seen_as(browser) == "eve"
        clock.advance(timedelta(days=3, minutes=1))
        assert seen_as(browser) == ""


def test_without_an_absolute_limit_activity_is_enough(user, settings):
    settings.FRONTDESK = {"ABSOLUTE_TIMEOUT": None}
    browser = Client()
    browser.force_login(user)
    with Clock() as clock:
        for _ in range(6):
            clock.advance(timedelta(days=9))
            assert seen_as(browser) == "eve"


@shows("Signing in again gives a new key")
def test_signing_in_again(browser, user, view):
    key = key_of(browser)
    view(sign_in(user))
    browser.get("/")
    assert key_of(browser) != key
    assert SessionStore().exists(key_of(browser))
    assert not SessionStore().exists(key)


@shows("A fallback secret keeps the key")
def test_fallback_secret(browser, settings):
    key, before = (
        key_of(browser),
        json.loads(Session.objects.get(ended=None).data)["_auth_user_hash"],
    )
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-one-for-tests-" + "y" * 40
    assert seen_as(browser) == "eve"
    assert key_of(browser) == key
    assert json.loads(Session.objects.get(ended=None).data)["_auth_user_hash"] != before


@shows("A password that changed elsewhere ends the session after a moment")
def test_password_elsewhere(browser, user):
    user.set_password("another")
    user.save()
    with Clock() as clock:
        assert seen_as(browser) == ""
        assert SessionStore().exists(key_of(browser))
        assert seen_as(browser) == ""
        clock.advance(31)
        assert not SessionStore().exists(key_of(browser))


@shows("The cookie of an unknown session may stay for a moment")
def test_dead_cookie(browser, monkeypatch):
    with Clock() as clock:
        SessionStore().delete(key_of(browser))
        assert not browser.get("/").cookies
        clock.advance(31)
        with monkeypatch.context() as patched:
            patched.setattr(policy, "CLEARING_WINDOW", 0)
            assert not browser.get("/").cookies
        assert browser.get("/").cookies["sessionid"].value == ""


@shows("A page for a signed-in user is private")
def test_private(browser, view):
    browser.get("/")
    assert browser.get("/").headers["Cache-Control"] == "private"
    assert not Client().get("/").has_header("Cache-Control")
    view(lambda request: HttpResponse(request.user, headers={"Cache-Control": "max-age=5"}))
    assert browser.get("/").headers["Cache-Control"] == "max-age=5"

    def changes(request):
        request.session["cart"] = [1]
        return HttpResponse(headers={"Cache-Control": "max-age=5"})

    view(changes)
    assert "private" in Client().get("/").headers["Cache-Control"]


@shows("A record that cannot be decoded is treated as ended")
def test_unreadable(browser, view, caplog):
    key = key_of(browser)
    damaged = json.dumps({SESSION_KEY: "not json"})
    Session.objects.update(data=damaged)

    def act(request):
        request.session["cart"] = [1]
        return HttpResponse(request.user.get_username())

    view(act)
    assert browser.get("/").content == b""
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert key_of(browser) != key
    assert Session.objects.get(pk=Key(key).id).data == damaged


@shows("Only changed keys are written")
def test_changed_keys(user):
    session = SessionStore()
    session["color"] = "red"
    session.create()
    one, two = SessionStore(session.session_key), SessionStore(session.session_key)
    one["size"], two["color"] = 7, two["color"] + "dish"
    two.save()
    one.save()
    there = SessionStore(session.session_key)
    assert dict(there.items()) == {"size": 7, "color": "reddish"}


@shows("Values are neither signed nor compressed")
def test_plain(view):
    session = SessionStore()
    session["cart"] = ["tea"] * 100
    session.create()
    stored = json.loads(Session.objects.get().data)
    assert stored == {"cart": SessionStore().serializer().dumps(["tea"] * 100).decode()}


@shows("The storage has a digest, not the key")
def test_digest(browser):
    assert not StockSession.objects.filter(session_key=key_of(browser)).exists()
    row, key = Session.objects.get(ended=None), Key(key_of(browser))
    assert (row.pk, row.secret) == (key.id, hashlib.sha256(key.secret.encode()).hexdigest())
    assert key.secret not in str(vars(row))
    assert browser.session.session_key == key_of(browser)


@shows("A new password ends the other sessions at once, or not at all")
@pytest.mark.urls("tests.docs.urls")
@pytest.mark.parametrize(("choice", "left"), [({"other_sessions": "keep"}, 2), ({}, 1)])
def test_new_password(user, choice, left):
    browsers = [Client(), Client()]
    for browser in browsers:
        browser.force_login(user)
    fields = {"old_password": "open-sesame", "new_password1": "new", "new_password2": "new"}
    browsers[0].post("/accounts/password_change/", {**fields, **choice})
    assert Session.objects.filter(user=user, ended=None).count() == left


@shows("Sign-ins are recorded")
@pytest.mark.django_db(transaction=True)
def test_recorded(user, view, settings):
    view(sign_in(user))
    Client().get("/")
    assert [entry.what for entry in HistoryEntry.objects.all()] == ["signed_in"]

    authenticate(username="eve", password="wrong")
    user.set_password("another")
    user.save()
    assert HistoryEntry.objects.count() == 1

    def fail_twice(request):
        for password in ("wrong", "wrong too"):
            authenticate(request, username="eve", password=password)
        return HttpResponse()

    view(fail_twice)
    Client().get("/")
    assert HistoryEntry.objects.get(what="failed").count == 2

    sessions.end_all(user)
    assert HistoryEntry.objects.count() == 3
    assert HistoryEntry.objects.filter(what="ended").count() == 1

    settings.FRONTDESK = {"HISTORY_RETENTION": None}
    Client().get("/")
    assert HistoryEntry.objects.count() == 3


@shows("There is no session model to extend")
def test_no_model():
    assert not hasattr(SessionStore, "get_model_class")
    assert not hasattr(SessionStore, "create_model_instance")


@shows("A key has 40 lower-case letters and digits")
def test_shape(django_assert_num_queries, view):
    session = SessionStore("my-own-key")
    session.save(must_create=True)
    assert re.fullmatch("[a-z0-9]{40}", session.session_key)
    own = SessionStore("a" * 32)
    own.save(must_create=True)
    assert own.session_key == "a" * 32
    browser = Client()
    for key in ("my-own-key", "A" * 40, "x" * 39, "x" * 8192, "\x00", "é", "' OR 1=1 --"):
        browser.cookies["sessionid"] = key
        with django_assert_num_queries(0):
            assert seen_as(browser) == ""


@shows("A password is not checked after too many others")
def test_throttle(settings, user, view):
    backends = ["frontdesk.backends.ThrottleBackend", "django.contrib.auth.backends.ModelBackend"]
    settings.AUTHENTICATION_BACKENDS = backends

    def with_password(password):
        def act(request):
            found = authenticate(request, username="eve", password=password)
            return HttpResponse("right" if found else "refused")

        view(act)
        return Client().get("/").content

    assert with_password("open-sesame") == b"right"
    assert {with_password("wrong") for _ in range(10)} == {b"refused"}
    assert with_password("open-sesame") == b"refused"

    view(lambda request: login(request, user) or HttpResponse())
    with pytest.raises(ValueError, match="multiple authentication backends"):
        Client().get("/")
    view(lambda request: login(request, user, backend=backends[1]) or HttpResponse())
    assert Client().get("/").status_code == 200


@shows("An outage is a 503")
def test_outage(browser, monkeypatch):
    def down(*_args):
        raise StorageUnavailable("down")

    with monkeypatch.context() as patched:
        patched.setattr(get_storage(), "load_with_user", down)
        answer = browser.get("/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not answer.cookies
    assert seen_as(browser) == "eve"


@shows("Deleting a test cookie in async code is saved")
@pytest.mark.django_db(transaction=True)
async def test_test_cookie():
    session = SessionStore()
    await session.aset_test_cookie()
    await session.acreate()
    session = SessionStore(session.session_key)
    await session.adelete_test_cookie()
    assert session.modified
    await session.asave()
    assert await SessionStore(session.session_key).akeys() == set()


def test_with_an_engine_of_djangos_the_middleware_does_what_djangos_does(settings, user, view):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    browser = Client()
    view(sign_in(user))
    browser.get("/")
    view(site.name_of_user)
    assert seen_as(browser) == "eve"
    assert StockSession.objects.filter(session_key=key_of(browser)).exists()

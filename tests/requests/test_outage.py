"""An outage is not a sign-out: 503, the cookie stays, one line in the log, and it works again."""

import logging
from types import SimpleNamespace

import django
import pytest
from django.contrib import auth
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, ProgrammingError
from django.db.backends.utils import CursorWrapper
from django.http import HttpResponse

from frontdesk import sessions
from frontdesk.errors import Contention, StorageUnavailable
from frontdesk.storages import outage
from tests.fixtures import DATABASE, sign_in, sign_out, use
from tests.requests.browsers import cookie, directives
from tests.requests.doubles import PRIMITIVES

pytestmark = pytest.mark.django_db


def is_an_outage(response):
    return (
        response.status_code == 503
        and int(response["Retry-After"]) > 0
        and cookie(response) is None
        and directives(response) == {"no-store"}
    )


@pytest.fixture
def log(caplog):
    """``log(name)`` returns the levels and messages of a logger, so far."""
    caplog.set_level(logging.INFO)
    return lambda name: [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name == name
    ]


# --- what the user gets -------------------------------------------------------------------------

NEEDS = {
    "session": lambda request: request.session.get("cart"),
    "user": lambda request: request.user.is_authenticated,
    "write": lambda request: request.session.update({"cart": 2}),
    "modify": lambda request: request.session.modify("cart", lambda cart: 1),
    "sign-in": lambda request: auth.login(request, User.objects.get()),
    "sign-out": auth.logout,
    "rotation": lambda request: request.session.cycle_key(),
    "flush": lambda request: request.session.flush(),
    "clear": lambda request: request.session.clear(),
    "list": lambda request: sessions.for_user(User.objects.get()),
    "end others": sessions.end_others,
    "end all": lambda request: sessions.end_all(User.objects.get()),
}


@pytest.mark.parametrize("task", NEEDS.values(), ids=NEEDS)
def test_a_page_that_needs_the_session_is_unavailable(flaky, member, task):
    flaky.down = set(PRIMITIVES)
    assert is_an_outage(member.do(task))
    flaky.down = set()
    assert member.username() == "ada"


@pytest.mark.parametrize("page", ["/home/", "/ahome/", "/members/", "/amembers/", "/admin/"])
def test_every_kind_of_view_is_unavailable(flaky, member, page):
    flaky.down = {"load"}
    assert is_an_outage(member.get(page))


def test_a_page_that_does_not_look_is_available(flaky, member):
    flaky.down = set(PRIMITIVES)
    assert member.get("/plain/").status_code == 200


def test_a_user_without_a_cookie_is_served(flaky, browser):
    flaky.down = set(PRIMITIVES)
    assert browser.get("/home/").status_code == 200


def test_a_page_whose_changes_cannot_be_stored_is_unavailable(flaky, member):
    flaky.down = {"swap"}
    assert is_an_outage(member.put(cart=1))
    flaky.down = set()
    assert member.values() == {}


def test_a_sign_in_that_cannot_be_stored_is_unavailable(flaky, browser, user):
    flaky.down = {"swap"}
    assert is_an_outage(sign_in(browser, user))
    flaky.down = set()
    assert browser.username() == ""


def test_a_sign_out_that_cannot_be_stored_is_unavailable(flaky, member):
    """No user is told "you are signed out" while the key still works."""
    flaky.down = {"swap"}
    assert is_an_outage(sign_out(member))
    flaky.down = set()
    assert member.username() == "ada"


def test_activity_that_cannot_be_stored_does_not_fail_the_page(flaky, member, clock, journal):
    clock.move(minutes=5)
    flaky.down = {"swap"}
    response = member.get("/home/")
    assert (response.status_code, cookie(response)) == (200, None)
    flaky.down = set()
    journal.clear()
    member.get("/home/")
    assert journal.writes == ["swap"]


def test_a_view_may_answer_an_outage_itself(flaky, member):
    def task(request):
        try:
            request.session.get("cart")
        except StorageUnavailable:
            return HttpResponse("no cart today")

    flaky.down = {"load"}
    response = member.do(task)
    assert (response.status_code, cookie(response)) == (200, None)


def test_a_view_that_tries_again_keeps_what_it_changed(flaky, member):
    def task(request):
        try:
            request.session.get("cart")
        except StorageUnavailable:
            flaky.down = set()
        request.session["cart"] = ["lamp"]

    flaky.down = {"load"}
    assert member.do(task).status_code == 200
    assert member.values() == {"cart": ["lamp"]}


@pytest.mark.parametrize("debug", [False, True])
def test_the_page_names_the_cause_only_to_developers(flaky, member, settings, debug):
    settings.DEBUG = debug
    flaky.down = {"load"}
    assert ("the server is gone" in member.get("/home/").content.decode()) is debug


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_a_project_without_templates_gets_plain_text(flaky, member, settings, page):
    settings.TEMPLATES = []
    flaky.down = {"load"}
    response = member.get(page)
    assert is_an_outage(response)
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert "You haven't been signed out" in response.content.decode()


def test_a_request_asks_a_storage_that_is_down_once(flaky, member, journal):
    """Each time may take as long as the client's timeout."""
    flaky.down = {"load"}
    journal.clear()
    member.get("/home/")
    assert journal == ["load"]


# --- LoginRequiredMiddleware asks for the user outside of any view ------------------------------


@pytest.fixture
def guarded(settings, member):
    guard = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, guard]
    browser = type(member)(raise_request_exception=False)
    browser.key = member.key
    return browser


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_a_page_behind_login_required_is_unavailable(flaky, guarded, page, log):
    flaky.down = {"load"}
    assert is_an_outage(guarded.get(page))
    assert log("django.request") == []


def test_an_open_page_behind_login_required_is_served(flaky, guarded, log):
    flaky.down = {"load"}
    response = guarded.get("/open/")
    # Django 5.2 asks for the user even there.
    assert response.status_code == (503 if django.VERSION < (6, 1) else 200)
    assert cookie(response) is None
    assert log("django.request") == []


# --- what the log says --------------------------------------------------------------------------


def test_an_outage_is_logged_once_with_its_cause(flaky, member, log):
    flaky.down = {"load", "swap"}
    for _ in range(5):
        member.get("/home/")
    ((level, message),) = log("frontdesk")
    assert level == "ERROR"
    assert "the server is gone" in message
    assert log("django.request") == []  # each would be a mail to ADMINS


def test_the_end_of_an_outage_is_logged_once_with_its_size(flaky, member, log):
    flaky.down = {"load"}
    for _ in range(3):
        member.get("/home/")
    flaky.down = set()
    for _ in range(3):
        member.get("/home/")
    _, (level, message) = log("frontdesk")
    assert level == "WARNING"
    assert "3 failures" in message


def test_the_next_outage_is_logged_again(flaky, member, log):
    for _ in range(2):
        flaky.down = {"load"}
        member.get("/home/")
        flaky.down = set()
        member.get("/home/")
    assert [level for level, _ in log("frontdesk")] == ["ERROR", "WARNING"] * 2


def test_activity_that_cannot_be_stored_is_logged(flaky, member, clock, log):
    clock.move(minutes=5)
    flaky.down = {"swap"}
    member.get("/home/")
    ((level, _),) = log("frontdesk")
    assert level == "ERROR"


# --- a storage that hangs -----------------------------------------------------------------------


@pytest.fixture
def hanging(flaky, member, monkeypatch):
    """A storage each of whose failures takes a second of ``hanging.now``, a clock of the test."""
    time = SimpleNamespace(now=1000.0, monotonic=lambda: time.now)
    monkeypatch.setattr(outage, "time", time)

    def wait():
        time.now += 1

    flaky.when_down = wait
    flaky.down = {"load"}
    return time


def asks(flaky, member):
    """Return whether a request reaches the storage. Its response is an outage."""
    before = flaky.failures
    assert is_an_outage(member.get("/home/"))
    return flaky.failures > before


def test_a_storage_that_hangs_is_not_asked_for_a_while(hanging, flaky, member):
    """A few requests that wait for it would occupy all workers of the site."""
    assert [asks(flaky, member) for _ in range(5)] == [True, False, False, False, False]
    hanging.now += outage.PAUSE - 0.1
    assert not asks(flaky, member)
    hanging.now += 0.1
    assert [asks(flaky, member) for _ in range(2)] == [True, False]


def test_a_storage_that_answers_again_is_asked_by_all(hanging, flaky, member):
    member.get("/home/")
    hanging.now += outage.PAUSE
    flaky.down = set()
    assert [member.get("/home/").status_code for _ in range(3)] == [200] * 3


def test_a_storage_that_fails_quickly_is_asked_by_all(flaky, member):
    flaky.down = {"load"}
    assert all(asks(flaky, member) for _ in range(5))
    flaky.down = set()
    assert member.username() == "ada"


# --- one request's trouble ----------------------------------------------------------------------


def test_contention_is_a_503_but_no_outage(hanging, flaky, member, log):
    """Only this request could not be served, however long it took."""
    flaky.error = Contention("a lock was held too long")
    flaky.down = {"swap"}
    assert is_an_outage(member.put(cart=1))
    assert member.get("/home/").status_code == 200
    assert log("frontdesk") == []


# --- the database -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_a_database_that_is_gone_is_an_outage(browser, user, settings, monkeypatch, page):
    use(settings, DATABASE)
    sign_in(browser, user)

    def refuse(*args, **kwargs):
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(CursorWrapper, "execute", refuse)
        assert is_an_outage(browser.get(page))
        assert browser.get("/plain/").status_code == 200
    assert browser.username() == "ada"


@pytest.mark.django_db(transaction=True)
def test_a_missing_table_is_an_outage_with_a_hint(browser, user, settings, log):
    """SQLite calls it an OperationalError. The page is served again as soon as the table is there."""
    use(settings, DATABASE)
    sign_in(browser, user)
    call_command("migrate", "frontdesk", "zero", verbosity=0)
    try:
        assert is_an_outage(browser.get("/home/"))
    finally:
        call_command("migrate", "frontdesk", verbosity=0)
    ((_, message),) = log("frontdesk")
    assert "manage.py migrate" in message
    assert browser.username() == ""


def test_an_error_of_the_code_is_no_outage(new_browser, user, settings, monkeypatch, log):
    """A missing column or permission is a 500 that is reported, as in Django."""
    use(settings, DATABASE)
    browser = new_browser(raise_request_exception=False)
    sign_in(browser, user)

    def refuse(*args, **kwargs):
        raise ProgrammingError("column frontdesk_session.secret does not exist")

    monkeypatch.setattr(CursorWrapper, "execute", refuse)
    assert browser.get("/home/").status_code == 500
    assert log("frontdesk") == []
    assert log("django.request")

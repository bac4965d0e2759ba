"""How many statements a request takes on the database storage: one read, and a write only for a change.

Also what costs time without being a statement: SQL that is compiled, hops between threads, and memory that
waits for the garbage collector.
"""

import gc
import sys
import threading
from io import BytesIO
from pathlib import Path
from weakref import ref

import pytest
from django.contrib import auth
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connection
from django.db.models.sql.compiler import SQLCompiler
from django.test.utils import CaptureQueriesContext

import frontdesk
from frontdesk import sessions
from frontdesk.engine import SessionStore
from tests.fixtures import DATABASE, MEMORY, sign_in, sign_out, use
from tests.requests.site import current_user, step

pytestmark = pytest.mark.django_db

KEY = "a1" * 20


SOURCE = str(Path(frontdesk.__file__).parent)


@pytest.fixture(autouse=True)
def storage(site, settings):
    """The database, and nothing beside the session that a sign-in would write."""
    settings.FRONTDESK["HISTORY_RETENTION"] = None
    settings.FRONTDESK["MAX_SESSIONS_PER_USER"] = None
    return use(settings, DATABASE)


@pytest.fixture
def statements():
    """``statements(function)`` returns the verbs of the statements that a call takes."""

    def count(function, *args, **kwargs):
        with CaptureQueriesContext(connection) as seen:
            function(*args, **kwargs)
        return [query["sql"].split()[0] for query in seen.captured_queries]

    return count


# --- reading ------------------------------------------------------------------------------------

PAGES = {
    "user": ("/home/", ["SELECT"]),
    "user in an async view": ("/ahome/", ["SELECT"]),
    "login_required": ("/members/", ["SELECT"]),
    "login_required in an async view": ("/amembers/", ["SELECT"]),
    "nothing": ("/plain/", []),
}


@pytest.mark.parametrize(("page", "expected"), PAGES.values(), ids=PAGES)
def test_a_page_of_a_signed_in_user_takes(member, statements, page, expected):
    assert statements(member.get, page) == expected


@pytest.mark.parametrize("page", [page for page, _ in PAGES.values()])
def test_a_page_without_a_cookie_takes_none(browser, statements, page):
    assert statements(browser.get, page) == []


READS = {
    "session": lambda request: request.session.get("cart"),
    "session and user": lambda request: (request.session["_auth_user_id"], request.user.pk),
    "user and session": lambda request: (request.user.pk, request.session["_auth_user_id"]),
    "both again": lambda request: [(request.user.pk, request.session.get("a")) for _ in range(3)],
    "current": sessions.current,
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reading_takes_one_statement(member, statements, read):
    assert statements(member.do, read) == ["SELECT"]


def test_the_user_passes_at_most_twelve_files(member):
    """So that a newcomer can follow a request."""
    files = set()

    def note(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(SOURCE):
            files.add(frame.f_code.co_filename.removeprefix(SOURCE))

    member.username()
    sys.setprofile(note)
    threading.setprofile(note)  # of async views
    try:
        member.get("/home/")
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert "/storages/database.py" in files
    assert len(files) <= 12, sorted(files)


def test_a_user_of_the_browsers_mode_takes_one_statement(member, user, statements):
    def task(request):
        return (yield current_user(request))

    assert statements(member.do, task) == ["SELECT"]


def test_a_malformed_cookie_takes_none(browser, statements):
    browser.key = KEY.upper()
    assert statements(browser.get, "/home/") == []


@pytest.mark.parametrize("key", [KEY, KEY[:32]])
def test_an_unknown_cookie_takes_one_read(browser, statements, key):
    browser.key = key
    assert statements(browser.get, "/home/") == ["SELECT"]


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_the_user_is_one_statement_on_other_storages(new_browser, user, settings, statements, page):
    use(settings, MEMORY)
    browser = new_browser()
    sign_in(browser, user)
    assert statements(browser.get, page) == ["SELECT"]


# --- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 20])
def test_a_change_takes_a_read_and_a_write(member, statements, number):
    values = {f"key{index}": index for index in range(number)}
    assert statements(member.put, **values) == ["SELECT", "UPDATE"]


@pytest.mark.django_db(transaction=True)
def test_the_first_value_takes_one_insert(browser, statements):
    assert statements(browser.put, cart=1) == ["INSERT"]


def test_modify_takes_a_read_and_a_write(member, statements):
    def task(request):
        return (yield step(request.session, "modify", "visits", lambda visits: visits + 1, 0))

    assert statements(member.do, task) == ["SELECT", "UPDATE"]


def test_activity_takes_a_write_at_most_once_per_interval(member, clock, statements):
    clock.move(minutes=2)
    assert statements(member.get, "/home/") == ["SELECT", "UPDATE"]
    clock.move(seconds=59)
    assert statements(member.get, "/home/") == ["SELECT"]
    clock.move(seconds=1)
    assert statements(member.get, "/home/") == ["SELECT", "UPDATE"]


# --- signing in and out -------------------------------------------------------------------------


@pytest.fixture
def of_sessions(statements):
    """The verbs of the statements on the table of sessions, without the user's own."""

    def count(function, *args, **kwargs):
        with CaptureQueriesContext(connection) as seen:
            function(*args, **kwargs)
        sql = (query["sql"] for query in seen.captured_queries)
        return [each.split()[0] for each in sql if "frontdesk_session" in each]

    return count


def test_signing_in_without_a_session_takes_one_insert(browser, user, of_sessions):
    assert of_sessions(sign_in, browser, user) == ["INSERT"]


def test_signing_in_with_an_unknown_cookie_takes_one_insert(browser, user, of_sessions):
    browser.key = KEY
    assert of_sessions(sign_in, browser, user) == ["SELECT", "INSERT"]


def test_signing_in_with_a_session_rotates_and_saves_it(browser, user, of_sessions):
    browser.put(cart=1)
    assert of_sessions(sign_in, browser, user) == ["SELECT", "UPDATE", "UPDATE"]


@pytest.mark.django_db(transaction=True)
def test_signing_in_takes_no_statement_beside_djangos_own(browser, user, statements):
    """The user is read by ``authenticate()``, and ``last_login`` is written."""
    assert statements(sign_in, browser, user) == ["SELECT", "UPDATE", "INSERT"]


def test_a_failed_sign_in_touches_no_session(browser, user, of_sessions):
    fields = {"username": "ada", "password": "wrong"}
    assert of_sessions(browser.post, "/login/", fields) == []


@pytest.mark.django_db(transaction=True)
def test_signing_out_takes_a_read_and_a_write(member, statements):
    """Inside a transaction it takes another read after the view, see test_transactions.py."""
    assert statements(sign_out, member) == ["SELECT", "UPDATE"]


def test_a_sign_in_costs_the_same_with_many_sessions(new_browser, user, of_sessions):
    for _ in range(100):
        new_browser().force_login(user)
    assert of_sessions(sign_in, new_browser(), user) == ["INSERT"]


# --- all sessions of a user ---------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 50])
def test_a_list_takes_one_statement(user, new_browser, statements, number):
    for _ in range(number):
        new_browser().force_login(user)
    assert statements(sessions.for_user, user) == ["SELECT"]
    assert sessions.count(user) == number


@pytest.mark.parametrize("number", [1, 50])
def test_ending_all_takes_two_statements(user, new_browser, statements, number):
    for _ in range(number):
        new_browser().force_login(user)
    assert statements(sessions.end_all, user) == ["SELECT", "UPDATE"]
    assert sessions.count(user) == 0


def test_ending_one_takes_two_statements(member, user, statements):
    (info,) = sessions.for_user(user)
    assert statements(sessions.end, user, info.id) == ["SELECT", "UPDATE"]
    assert statements(sessions.end, user, "no id") == []


# --- what no request repeats --------------------------------------------------------------------


@pytest.fixture
def compilations(monkeypatch):
    """The SQL that the ORM has compiled."""
    compiled, as_it_is = [], SQLCompiler.as_sql

    def as_sql(self, *args, **kwargs):
        compiled.append(made := as_it_is(self, *args, **kwargs))
        return made

    monkeypatch.setattr(SQLCompiler, "as_sql", as_sql)
    return compiled


@pytest.mark.parametrize("backend", [DATABASE, MEMORY])
@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_reading_compiles_no_sql(new_browser, user, settings, compilations, backend, page):
    use(settings, backend)
    browser = new_browser()
    sign_in(browser, user)
    browser.get(page)
    compilations.clear()
    assert browser.get(page).status_code == 200
    assert compilations == []


@pytest.mark.parametrize("page", ["/home/", "/members/", "/plain/"])
def test_a_request_is_freed_without_the_garbage_collector(settings, user, page):
    """In a cycle of references, it would cost more to free than its session to read."""
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path.startswith("frontdesk.")]
    session = SessionStore()
    session.update({auth.SESSION_KEY: str(user.pk)})
    session.save()
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": page,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "HTTP_COOKIE": f"{settings.SESSION_COOKIE_NAME}={session.session_key}",
        "wsgi.input": BytesIO(),
        "wsgi.url_scheme": "http",
    }
    handler = WSGIHandler()
    gc.disable()
    try:
        request = WSGIRequest(environ)
        remembered = ref(request)
        handler.get_response(request)
        del request
        assert remembered() is None
    finally:
        gc.enable()
    assert User.objects.count() == 1

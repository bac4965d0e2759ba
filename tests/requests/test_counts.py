"""How often the storage is asked: the promises of one round trip, and of reading without writing.

And of what costs time without being a round trip: SQL that is compiled, and memory that waits for the
garbage collector.
"""

import gc
from io import BytesIO
from weakref import ref

import pytest
from django.contrib import auth
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connections
from django.db.models.sql.compiler import SQLCompiler
from django.test.utils import CaptureQueriesContext

from tests import services
from tests.requests.conftest import PASSWORD
from tests.requests.site import step

pytestmark = [pytest.mark.django_db]

KEY = "a1" * 16


@pytest.fixture
def queries(request):
    """Count the statements to the database of the test: ``with queries(1): ...``"""
    alias = request.getfixturevalue("database") if "database" in request.fixturenames else "default"

    class Counted(CaptureQueriesContext):
        def __init__(self, expected):
            super().__init__(connections[alias])
            self.expected = expected

        def __exit__(self, kind, error, trace):
            super().__exit__(kind, error, trace)
            if kind is None:
                said = "\n".join(query["sql"] for query in self.captured_queries)
                assert len(self.captured_queries) == self.expected, said

    return Counted


PAGES = {
    "user": ("/home/", 1),
    "user in an async view": ("/ahome/", 1),
    "login_required": ("/members/", 1),
    "login_required in an async view": ("/amembers/", 1),
    "nothing": ("/plain/", 0),
}


# --- statements on the database storage -------------------------------------------------------------


@services.each_database()
@pytest.mark.parametrize(("page", "expected"), PAGES.values(), ids=PAGES)
def test_a_page_of_a_signed_in_person_takes(database, member, queries, page, expected):
    member.get(page)  # whatever happens once per process
    with queries(expected):
        assert member.get(page).status_code == 200


@services.each_database()
def test_reading_only_the_session_takes_one_statement(database, member, queries):
    member.kept()
    with queries(1):
        member.kept()


@services.each_database()
def test_reading_session_and_user_takes_one_statement(database, member, queries):
    def both(request):
        return request.session["_auth_user_id"], request.user.is_authenticated

    member.do(both)
    with queries(1):
        assert member.do(both).answer[1] is True


@services.each_database()
@pytest.mark.parametrize("page", [page for page, _ in PAGES.values()])
def test_a_visitor_without_a_cookie_takes_none(database, browser, queries, page):
    browser.get(page)
    with queries(0):
        browser.get(page)


@services.each_database()
def test_a_malformed_cookie_takes_none(database, browser, queries):
    browser.key = KEY.upper()
    with queries(0):
        browser.get("/home/")


@services.each_database()
def test_an_unknown_cookie_takes_one_statement_that_reads(database, browser, queries):
    browser.key = KEY
    with queries(1) as seen:
        browser.get("/home/")
    assert seen.captured_queries[0]["sql"].startswith("SELECT")


@services.each_database()
def test_signing_out_takes_one_read_and_one_write(database, member, queries, settings):
    """And one into the history, if there is one: see tests/history/test_counts.py."""
    settings.FRONTDESK = {"HISTORY_RETENTION": None}

    def leave(request):
        yield step(auth, "logout", request)

    with queries(2) as seen:
        member.do(leave)
    assert [query["sql"].split()[0] for query in seen.captured_queries] == ["SELECT", "UPDATE"]


# --- what no request needs to repeat ---------------------------------------------------------------


@pytest.fixture
def compilations(monkeypatch):
    """A list of the SQL that the ORM has compiled."""
    compiled = []

    def as_sql(self, *args, **options):
        compiled.append(made := as_it_is(self, *args, **options))
        return made

    as_it_is = SQLCompiler.as_sql
    monkeypatch.setattr(SQLCompiler, "as_sql", as_sql)
    return compiled


@pytest.mark.parametrize("page", [page for page, _ in PAGES.values()])
def test_a_page_of_a_signed_in_person_compiles_no_sql(storage_setting, member, page, compilations):
    member.get(page)
    compilations.clear()
    assert member.get(page).status_code == 200
    assert compilations == []


@services.each_database()
def test_the_user_is_one_statement_where_the_storage_does_not_bring_them(
    database, settings, redis_place, new_browser, user, queries
):
    settings.FRONTDESK = {
        "STORAGE": {"BACKEND": "frontdesk.storages.redis.RedisStorage", "OPTIONS": redis_place}
    }
    browser = new_browser()
    browser.post("/login/", {"username": user.get_username(), "password": PASSWORD})
    browser.get("/home/")
    with queries(1):
        assert user.get_username() in browser.get("/home/").text


@pytest.mark.parametrize("page", ["/home/", "/members/", "/plain/"])
def test_a_request_is_freed_without_the_garbage_collector(storage_setting, settings, member, page):
    """In a cycle of references it would cost more to free than its session to read."""
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path.startswith("frontdesk.")]
    handler = WSGIHandler()
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": page,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "HTTP_COOKIE": f"{settings.SESSION_COOKIE_NAME}={member.key}",
        "wsgi.input": BytesIO(),
        "wsgi.url_scheme": "http",
    }
    gc.disable()
    try:
        request = WSGIRequest(environ)
        remembered = ref(request)
        assert handler.get_response(request).status_code == 200
        del request
        assert remembered() is None
    finally:
        gc.enable()


# --- verbs on every storage -------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/home/", "/ahome/", "/members/"])
def test_a_page_of_a_signed_in_person_is_one_read(storage_setting, member, journal, page):
    journal.clear()
    member.get(page)
    assert len(journal.reads) == 1
    assert journal.writes == []


def test_a_page_that_does_not_look_is_no_read(storage_setting, member, journal):
    journal.clear()
    member.get("/plain/")
    assert journal == []


def test_a_visitor_without_a_cookie_is_no_read(storage_setting, browser, journal):
    browser.get("/home/")
    assert journal == []


def test_an_unknown_cookie_is_one_read_and_no_write(storage_setting, browser, journal):
    browser.key = KEY
    browser.get("/home/")
    assert len(journal.reads) == 1
    assert journal.writes == []


@pytest.fixture
def sign_in(user):
    def task(request):
        name = user.get_username()
        found = yield step(auth, "authenticate", request, username=name, password=PASSWORD)
        yield step(auth, "login", request, found)

    return task


def test_signing_in_on_a_fresh_browser_writes_the_session_once(
    storage_setting, browser, user, sign_in, journal
):
    browser.do(sign_in)
    assert journal == ["insert"]


def test_signing_in_through_djangos_view_writes_the_session_once(
    storage_setting, browser, user, sign_in, journal
):
    browser.post("/login/", {"username": user.get_username(), "password": PASSWORD})
    assert journal == ["insert"]


def test_signing_in_with_an_unknown_cookie_writes_the_session_once(
    storage_setting, browser, user, sign_in, journal
):
    browser.key = KEY
    browser.do(sign_in)
    assert len(journal.reads) == 1
    assert journal.writes == ["insert"]


def test_signing_in_with_a_session_rotates_it_and_keeps_what_login_left(
    storage_setting, browser, user, sign_in, journal
):
    browser.keep(cart=1)
    journal.clear()
    browser.do(sign_in)
    assert journal.writes == ["rotate", "update"]


def test_signing_out_writes_the_session_once(storage_setting, member, journal):
    def leave(request):
        yield step(auth, "logout", request)

    journal.clear()
    member.do(leave)
    assert journal.writes == ["remove"]


def test_a_failed_sign_in_writes_nothing(storage_setting, browser, user, sign_in, journal):
    browser.post("/login/", {"username": user.get_username(), "password": "wrong"})
    assert journal == []


def test_changing_many_values_writes_once(storage_setting, browser, journal):
    browser.keep(cart=1)
    journal.clear()

    def change(request):
        for number in range(20):
            request.session[f"key{number}"] = number

    browser.do(change)
    assert len(journal.reads) == 1
    assert journal.writes == ["update"]


def test_a_session_is_read_once_however_often_it_is_asked(storage_setting, member, journal):
    journal.clear()

    def ask(request):
        for _ in range(3):
            request.session.get("cart")
            request.user.get_username()

    member.do(ask)
    assert len(journal.reads) == 1

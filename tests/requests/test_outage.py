"""An outage is not a sign-out: 503, the cookie stays, one line in the log, and it works again."""

import logging
import pickle
import time
from dataclasses import replace
from types import SimpleNamespace

import django
import pytest
from django.contrib import auth
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.http import HttpResponse

from frontdesk.errors import StorageUnavailable
from frontdesk.models import Session
from frontdesk.outage import Incident
from frontdesk.storages import get_storage
from frontdesk.storages.connection import unavailable
from tests.requests.browsers import cookie, directives
from tests.requests.conftest import PASSWORD
from tests.requests.site import step
from tests.storages import places

pytestmark = pytest.mark.django_db


def is_an_outage(response):
    return (
        response.status_code == 503
        and int(response["Retry-After"]) > 0
        and cookie(response) is None
        and directives(response) == {"no-store"}
    )


def sign_in(request):
    user = yield step(auth, "authenticate", request, username="ada", password=PASSWORD)
    yield step(auth, "login", request, user)


def sign_out(request):
    yield step(auth, "logout", request)


@pytest.fixture
def records(caplog):
    """What was logged by frontdesk and by Django, as (logger, level)."""
    caplog.set_level(logging.INFO)

    def chosen(name):
        return [record for record in caplog.records if record.name == name]

    return chosen


# --- what the visitor gets --------------------------------------------------------------------------

NEEDS = {
    "session": lambda request: request.session.get("cart"),
    "user": lambda request: request.user.is_authenticated,
    "write": lambda request: request.session.update({"cart": 2}),
    "sign-in": sign_in,
    "sign-out": sign_out,
    "sign-in again": lambda request: request.session.cycle_key(),
    "flush": lambda request: request.session.flush(),
    "cleared": lambda request: request.session.clear(),
}


@pytest.mark.parametrize("task", NEEDS.values(), ids=NEEDS)
def test_a_page_that_needs_the_session_is_unavailable(flaky, member, task):
    flaky.down = {"read", "insert", "update", "rotate", "remove"}
    assert is_an_outage(member.do(task))


@pytest.mark.parametrize("page", ["/home/", "/ahome/", "/members/", "/amembers/", "/admin/"])
def test_every_kind_of_view_is_unavailable(flaky, member, page):
    flaky.down = {"read"}
    assert is_an_outage(member.get(page))


def test_a_page_that_does_not_look_is_available(flaky, member):
    flaky.down = {"read", "insert", "update", "rotate", "remove"}
    assert member.get("/plain/").status_code == 200


def test_a_visitor_without_a_cookie_is_served(flaky, browser):
    flaky.down = {"read"}
    assert browser.get("/home/").status_code == 200


def test_the_person_is_still_signed_in_afterwards(flaky, member):
    flaky.down = {"read"}
    member.get("/home/")
    flaky.down = set()
    assert member.who() == "ada"


def test_a_page_whose_changes_cannot_be_kept_is_unavailable(flaky, member):
    flaky.down = {"update"}
    assert is_an_outage(member.keep(cart=1))
    flaky.down = set()
    assert member.kept() == {}


def test_a_first_visit_that_cannot_be_kept_is_unavailable(flaky, browser):
    flaky.down = {"insert"}
    assert is_an_outage(browser.keep(cart=1))


def test_a_sign_in_that_cannot_be_kept_is_unavailable(flaky, browser, user):
    flaky.down = {"insert", "rotate"}
    assert is_an_outage(browser.do(sign_in))
    flaky.down = set()
    assert browser.who() == ""


def test_a_sign_out_that_cannot_be_kept_is_unavailable(flaky, member):
    """Nobody is told "you are signed out" while the key still works."""
    flaky.down = {"remove"}
    assert is_an_outage(member.do(sign_out))
    flaky.down = set()
    assert member.who() == "ada"


def test_activity_that_cannot_be_recorded_does_not_fail_the_page(flaky, member, clock):
    clock.move(minutes=5)
    flaky.down = {"update"}
    response = member.get("/home/")
    assert response.status_code == 200
    assert cookie(response) is None


def test_activity_is_recorded_once_the_storage_is_back(flaky, member, clock, journal):
    clock.move(minutes=5)
    flaky.down = {"update"}
    member.get("/home/")
    flaky.down = set()
    journal.clear()
    member.get("/home/")
    assert journal.writes == ["update"]


def test_a_view_may_answer_an_outage_itself(flaky, member):
    def task(request):
        try:
            request.session.get("cart")
        except StorageUnavailable:
            return HttpResponse("our cart is having a nap")

    flaky.down = {"read"}
    assert cookie(member.do(task)) is None


def test_a_view_that_rides_out_a_hiccup_keeps_what_it_changed(flaky, member):
    def task(request):
        try:
            request.session.get("cart")
        except StorageUnavailable:
            flaky.down = set()
        request.session["cart"] = ["lamp"]

    flaky.down = {"read"}
    response = member.do(task)
    assert (response.status_code, member.kept()) == (200, {"cart": ["lamp"]})


def test_the_page_says_nothing_of_the_cause(flaky, member):
    flaky.down = {"read"}
    assert "the desk is closed" not in member.get("/home/").content.decode()


def test_the_page_says_the_cause_to_a_developer(flaky, member, settings):
    settings.DEBUG = True
    flaky.down = {"read"}
    assert "the desk is closed" in member.get("/home/").content.decode()


# --- LoginRequiredMiddleware asks outside of any view -------------------------------------------------


@pytest.fixture
def guarded(settings, member):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    browser = type(member)(raise_request_exception=False)
    browser.key = member.key
    return browser


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_a_guarded_page_is_unavailable(flaky, guarded, page, records):
    flaky.down = {"read"}
    assert is_an_outage(guarded.get(page))
    assert not [record for record in records("django.request") if record.exc_info]


def test_an_open_page_of_a_guarded_site_does_not_fail_loudly(flaky, guarded, records):
    flaky.down = {"read"}
    response = guarded.get("/open/")
    # Django 5.2 asks for the user even there.
    assert response.status_code == (503 if django.VERSION < (6, 1) else 200)
    assert cookie(response) is None
    assert not [record for record in records("django.request") if record.exc_info]


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_a_guarded_site_lets_members_in_and_sends_others_to_the_door(guarded, new_browser, page):
    assert guarded.get(page).status_code == 200
    assert new_browser().get(page).url == f"/login/?next={page}"
    assert new_browser().get("/open/").status_code == 200


def test_a_request_asks_a_storage_that_is_down_only_once(flaky, member, journal):
    """Each time may take as long as the client's timeout."""
    flaky.down = {"read"}
    journal.clear()
    member.get("/home/")
    assert journal == ["read"]


# --- what the log says --------------------------------------------------------------------------------


def test_an_outage_is_logged_once_with_its_cause(flaky, member, records):
    flaky.down = {"read"}
    for _ in range(5):
        member.get("/home/")
    (line,) = records("frontdesk")
    assert line.levelname == "ERROR"
    assert "the desk is closed" in line.getMessage()
    assert line.exc_info


def test_django_logs_no_error_for_each_request_of_an_outage(flaky, member, records):
    """Each would be a mail to ADMINS."""
    flaky.down = {"read", "update"}
    member.get("/home/")
    member.keep(cart=1)
    assert [record.getMessage() for record in records("django.request")] == []


def test_the_end_of_an_outage_is_logged_once_with_its_size(flaky, member, records):
    flaky.down = {"read"}
    for _ in range(3):
        member.get("/home/")
    failures = flaky.incident._failures
    flaky.down = set()
    for _ in range(3):
        member.get("/home/")
    _, line = records("frontdesk")
    assert line.levelname == "WARNING"
    assert f"{failures} failures" in line.getMessage()


def test_the_next_outage_is_a_new_incident(flaky, member, records):
    for _ in range(2):
        flaky.down = {"read"}
        member.get("/home/")
        flaky.down = set()
        member.get("/home/")
    assert [line.levelname for line in records("frontdesk")] == ["ERROR", "WARNING"] * 2


def test_failed_activity_is_logged_as_an_outage_too(flaky, member, clock, records):
    clock.move(minutes=5)
    flaky.down = {"update"}
    member.get("/home/")
    (line,) = records("frontdesk")
    assert line.levelname == "ERROR"


# --- the database storage -----------------------------------------------------------------------------


@pytest.fixture
def without_table(browser):
    """Call it to take the table of the sessions away."""
    table = Session._meta.db_table
    renamed = []

    def rename(old, new):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

    def take():
        rename(table, "elsewhere")
        renamed.append(True)

    yield take
    if renamed:
        rename("elsewhere", table)


@pytest.fixture
def closed(monkeypatch):
    """Call it to make the database refuse every statement, as one that has gone away does."""

    def close():
        def refuse(*args, **kwargs):
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(CursorWrapper, "execute", refuse)

    yield close
    monkeypatch.undo()


@pytest.mark.parametrize("fault", ["without_table", "closed"])
@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_a_database_that_fails_is_an_outage(request, member, fault, page):
    request.getfixturevalue(fault)()
    assert is_an_outage(member.get(page))
    assert member.get("/plain/").status_code == 200


def test_a_database_that_is_back_needs_no_restart(member, without_table, records):
    without_table()
    member.get("/home/")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {Session._meta.db_table} AS SELECT * FROM elsewhere")
    try:
        assert member.who() == "ada"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {Session._meta.db_table}")
    assert [line.levelname for line in records("frontdesk")] == ["ERROR", "WARNING"]


# --- damaged records ----------------------------------------------------------------------------------


def damage_memory(storage):
    for digest, record in storage._slots.items():
        storage._slots[digest] = replace(record, values={"cart": b"{damaged"})


def damage_database(storage):
    Session.objects.update(data={"cart": "{damaged"})


def damage_cache(storage):
    for name in list(storage._cache._cache):
        if ":s-" in name:
            storage._cache._cache[name] = pickle.dumps(b"{damaged")


def damage_file(storage):
    for path in (storage._root / "s").glob("*/*"):
        path.write_bytes(b"{damaged")


def damage_redis(storage):
    for client, key in places.redis_keys(storage, b"s"):
        client.hset(key, "=cart", b"z{damaged")


def damage_cached_database(storage):
    """In both places: a copy that is good answers for a row that is not."""
    generation = storage.trust._view.generation
    names = [f"{generation}:{digest}" for digest in Session.objects.values_list("pk", flat=True)]
    storage.front.put(names, b"c{damaged", 60)
    damage_database(storage)


DAMAGES = {
    "memory": damage_memory,
    "database": damage_database,
    "cache": damage_cache,
    "file": damage_file,
    "redis": damage_redis,
    "redis cluster": damage_redis,
    "cached_database": damage_cached_database,
}


@pytest.fixture
def damaged(storage_setting, member):
    member.keep(cart=1)
    DAMAGES[storage_setting](get_storage())
    return member


def test_a_damaged_record_is_an_ended_session(damaged):
    assert damaged.who() == ""


def test_a_damaged_record_is_logged_by_its_digest(damaged, records):
    key = damaged.key
    damaged.do(lambda request: request.session.get("cart"))
    (line,) = records("frontdesk")
    assert line.levelname == "ERROR"
    assert "treated as ended" in line.getMessage()
    assert key not in line.getMessage()


def test_a_damaged_record_is_never_overwritten(damaged, journal):
    before = damaged.key
    damaged.keep(cart=2)
    assert journal.writes == ["insert"]
    assert damaged.key != before
    assert damaged.kept() == {"cart": 2}


def test_a_damaged_record_does_not_keep_anybody_out(damaged):
    damaged.do(sign_in)
    assert damaged.who() == "ada"


# --- a storage that hangs -------------------------------------------------------------------------------


@pytest.fixture
def hanging(flaky, monkeypatch):
    """A storage that keeps everybody waiting for a second, by the clock that measures outages."""
    now = [1000.0]
    for module in ("outage", "asking"):
        monkeypatch.setattr(f"frontdesk.{module}.time", SimpleNamespace(monotonic=lambda: now[0]))
    flaky.when_down = lambda: now.__setitem__(0, now[0] + 1)
    flaky.down = {"read"}
    return now


def asks(journal, member):
    """Return whether a request asks the storage; its answer is an outage."""
    journal.clear()
    assert is_an_outage(member.get("/home/"))
    return journal == ["read"]


def test_a_storage_that_hangs_is_left_alone_by_the_next_requests(hanging, journal, member):
    """A few that wait would hold all the workers of the site."""
    assert [asks(journal, member) for _ in range(5)] == [True, False, False, False, False]


def test_a_storage_that_hangs_is_asked_again_after_a_while(hanging, journal, member):
    for _ in range(3):
        asks(journal, member)
    hanging[0] += 0.9
    assert not asks(journal, member)
    hanging[0] += 1.2  # twice the time that it hung has passed
    assert asks(journal, member)
    assert not asks(journal, member)


def test_while_one_asks_whether_it_hangs_others_do_not(hanging, flaky, member):
    for _ in range(3):
        member.get("/home/")
    hanging[0] += 2.1
    flaky.incident.asks(hanging[0])
    with pytest.raises(StorageUnavailable):
        flaky.incident.asks(hanging[0])
    hanging[0] += 2.1  # nobody waits for one that never comes back
    flaky.incident.asks(hanging[0])


def test_a_storage_that_answers_again_is_asked_by_everybody(hanging, flaky, journal, member):
    for _ in range(3):
        member.get("/home/")
    hanging[0] += 2.1
    flaky.down = set()
    journal.clear()
    assert [member.get("/home/").status_code for _ in range(3)] == [200] * 3
    assert journal == ["read"] * 3


def test_an_outage_that_is_told_at_once_is_tried_by_every_request(flaky, journal, member):
    flaky.down = {"read"}
    assert all(asks(journal, member) for _ in range(5))
    flaky.down = set()
    assert member.who() == "ada"


def test_those_who_are_not_let_through_are_counted(hanging, flaky, member, records):
    for _ in range(5):
        member.get("/home/")
    hanging[0] += 2.1
    flaky.down = set()
    member.get("/home/")
    _, line = records("frontdesk")
    assert "5 failures" in line.getMessage()


# --- requests that overtake each other --------------------------------------------------------------------


def test_a_slow_failure_of_one_while_others_are_answered_is_no_hang():
    """One locked row kept everybody in a process from their sessions."""
    incident = Incident()
    incident.answering = time.monotonic() - 1
    incident.failed(StorageUnavailable("slow"), time.monotonic() - 30)
    incident.asks(time.monotonic())  # raises nothing


def test_a_storage_that_hangs_for_long_is_not_left_alone_for_long():
    incident, now = Incident(), time.monotonic()
    incident.failed(StorageUnavailable("slow"), now - 3600)
    with pytest.raises(StorageUnavailable):
        incident.asks(now + 4)
    incident.asks(now + 11)


@pytest.mark.parametrize("error", [(1205, "Lock wait timeout"), ("database is locked",)])
def test_a_row_that_is_locked_is_nobody_elses_outage(error):
    assert unavailable(OperationalError(*error)).partial


def test_a_database_that_is_away_is_everybodys_outage():
    assert not unavailable(OperationalError(2003, "Can't connect")).partial


def test_a_late_answer_is_not_the_end_of_an_outage(caplog):
    incident = Incident()
    asked_first, asked_later = time.monotonic(), time.monotonic() + 0.1
    incident.failed(StorageUnavailable("killed"), asked_later)
    incident.answered(asked_first)
    assert incident.open
    incident.answered(asked_later)
    assert not incident.open
    assert len(caplog.records) == 2


def test_a_late_failure_is_not_a_new_outage(caplog):
    incident = Incident()
    asked = time.monotonic()
    incident.failed(StorageUnavailable("killed"), asked)
    incident.answered(time.monotonic())
    incident.failed(StorageUnavailable("killed"), asked)
    assert not incident.open
    assert len(caplog.records) == 2
    incident.failed(StorageUnavailable("killed again"), time.monotonic())
    assert incident.open

"""What the history costs: one statement where something is recorded, and none elsewhere."""

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test.utils import CaptureQueriesContext

from frontdesk import history, sessions
from frontdesk.core import clock
from frontdesk.core.flow import run
from frontdesk.http.purge import purge as purge_sessions
from frontdesk.models import HistoryEntry, Session
from tests import services
from tests.fixtures import DATABASE, sign_out, use
from tests.history.conftest import log_in

OURS = HistoryEntry._meta.db_table

sync_only = pytest.mark.parametrize("mode", ["sync"], indirect=True)


@pytest.fixture(autouse=True)
def _in_the_database(_site, settings):
    use(settings, DATABASE)


@pytest.fixture
def statements(database):
    """Return the first words of the statements of a call, and those of them that are the history's."""

    def count(function, *args, **kwargs):
        with CaptureQueriesContext(connections[database]) as seen:
            function(*args, **kwargs)
        sql = [query["sql"] for query in seen.captured_queries]
        return (
            [each.split()[0] for each in sql if each.split()[0] not in {"BEGIN", "COMMIT"}],
            [each.split()[0] for each in sql if OURS in each],
        )

    return count


# --- a request ------------------------------------------------------------------------------------


@services.each_database(transaction=True)
def test_an_ordinary_page_costs_nothing(database, member, statements):
    assert statements(member.get, "/home/") == (["SELECT"], [])


@services.each_database(transaction=True)
def test_a_sign_in_takes_one_statement_more(database, device, user, statements, set_options):
    log_in(device())  # what happens once in a process
    with_history, ours = statements(log_in, device())
    set_options(HISTORY_RETENTION=None)
    without, none = statements(log_in, device())
    assert (ours, none) == (["INSERT"], [])
    assert with_history == [*without, "INSERT"]


@services.each_database(transaction=True)
def test_a_sign_out_takes_one_read_and_two_writes(database, member, statements):
    every, ours = statements(sign_out, member)
    assert (every, ours) == (["SELECT", "UPDATE", "INSERT"], ["INSERT"])


@services.each_database(transaction=True)
@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_failed_attempts_take_the_same_whoever_is_tried(database, device, user, statements, name):
    """A look-up of the user could be measured from outside (ASVS 6.3.8)."""
    _, first = statements(log_in, device(), name, "wrong")
    _, second = statements(log_in, device(), name, "wrong")
    assert (first, second) == (["UPDATE", "INSERT"], ["UPDATE"])


@sync_only
@services.each_database(transaction=True)
def test_a_sign_in_takes_no_more_after_a_thousand(database, device, user, statements, set_options):
    set_options(NEW_DEVICE_MAIL=True)
    for _ in range(2):
        log_in(device())
    few = statements(log_in, device())
    many = [HistoryEntry(what="signed_in", user=user, at=clock.now()) for _ in range(1000)]
    HistoryEntry.objects.bulk_create(many)
    assert statements(log_in, device()) == few


# --- many at once ---------------------------------------------------------------------------------


def begin_sessions(user, number):
    now = clock.now()
    times = {"created": now, "last_seen": now, "idle": clock.DAY, "version": 1}
    ends = {"deadline": now + clock.DAY, "expires": now + clock.DAY}
    Session.objects.bulk_create(
        Session(id=f"{place:015}", user=user, **times, **ends) for place in range(number)
    )


def most(database):
    # SQLite takes a limited number of values with a statement.
    return 20 if connections[database].vendor == "sqlite" else 1


@services.each_database(transaction=True)
def test_a_thousand_ends_take_a_few_statements(database, user, statements):
    begin_sessions(user, 1000)
    every, ours = statements(sessions.end_all, user)
    assert HistoryEntry.objects.filter(what="ended", reason="revoked").count() == 1000
    assert set(ours) == {"INSERT"}
    assert len(ours) <= most(database)
    assert len(every) <= len(ours) + 6


@services.each_database(transaction=True)
def test_a_purge_writes_the_history_once_for_each_batch(database, user, statements, monkeypatch):
    begin_sessions(user, 300)
    later = clock.now() + 2 * clock.DAY
    monkeypatch.setattr(clock, "now", lambda: later)
    _, ours = statements(lambda: run(purge_sessions(100)))
    assert HistoryEntry.objects.filter(reason="idle").count() == 300
    assert ours.count("INSERT") <= 3 * most(database)


# --- reading and forgetting -----------------------------------------------------------------------


def past(user, number):
    hashed, now = history.hashes_of(user.get_username())[0], clock.now()
    failed = {"what": "failed", "name_hash": hashed}
    HistoryEntry.objects.bulk_create(
        HistoryEntry(at=now - place, period=now - place, **failed)
        if place % 2
        else HistoryEntry(at=now - place, what="signed_in", user=user)
        for place in range(number)
    )


@services.each_database()
@pytest.mark.parametrize("number", [0, 10, 1000])
def test_the_history_of_a_user_takes_one_query(database, user, statements, number):
    past(user, number)
    assert statements(history.recent, user)[0] == ["SELECT"]
    assert len(history.recent(user)) == min(number, 20)


@services.each_database()
def test_the_history_of_a_user_is_found_by_the_indexes(database, user):
    past(user, 40)
    for other in User.objects.bulk_create([User(username=f"user{n}") for n in range(20)]):
        past(other, 200)
    connection = connections[database]
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as seen:
        history.recent(user)
        if connection.vendor == "postgresql":
            cursor.execute(f"ANALYZE {OURS}")
        words = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        cursor.execute(words + seen.captured_queries[0]["sql"])
        plan = repr(cursor.fetchall())
    assert "frontdesk_history_user" in plan
    assert "frontdesk_history_name" in plan or "(name_hash=?)" in plan  # of a constraint in SQLite


@services.each_database(transaction=True)
def test_forgetting_a_user_takes_one_statement(database, user, statements):
    past(user, 10)
    assert statements(history.forget, user)[0] == ["DELETE"]
    assert HistoryEntry.objects.count() == 0


@services.each_database(transaction=True)
def test_a_batch_of_the_purge_takes_two_statements(database, user, statements, monkeypatch):
    past(user, 1000)
    later = clock.now() + 91 * clock.DAY
    monkeypatch.setattr(clock, "now", lambda: later)
    assert statements(history.purge, 600)[0] == ["SELECT", "DELETE"]
    assert HistoryEntry.objects.count() == 400

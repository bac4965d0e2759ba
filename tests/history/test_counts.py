"""What the history costs: one statement where something is remembered, and nothing anywhere else."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib import auth
from django.contrib.auth.models import User
from django.db import connections
from django.db.models.sql.compiler import SQLInsertCompiler
from django.test.utils import CaptureQueriesContext

from frontdesk import clock, history, sessions
from frontdesk.drive import run
from frontdesk.engine import SessionStore
from frontdesk.models import HistoryEntry, Session
from frontdesk.purging import purged
from frontdesk.signals import End, Reason, session_ended, sessions_ended, told_ends
from frontdesk.storages.memory import MemoryStorage
from tests import services
from tests.history.conftest import leave, sign_in

OURS = HistoryEntry._meta.db_table


@pytest.fixture
def statements(database):
    """Return the first words of the statements that a function makes, and the history's part of them."""

    def count(function, *args, **kwargs):
        with CaptureQueriesContext(connections[database]) as seen:
            function(*args, **kwargs)
        said = [query["sql"] for query in seen.captured_queries]
        return [sql.split()[0] for sql in said if sql.split()[0] not in {"BEGIN", "COMMIT"}], [
            sql.split()[0] for sql in said if OURS in sql
        ]

    return count


@pytest.fixture
def compilations(monkeypatch):
    """A list of the statements that the ORM has compiled to insert something."""
    compiled = []

    def as_sql(self):
        compiled.append(made := as_it_is(self))
        return made

    as_it_is = SQLInsertCompiler.as_sql
    monkeypatch.setattr(SQLInsertCompiler, "as_sql", as_sql)
    return compiled


# --- a request -------------------------------------------------------------------------------------------


@services.each_database(transaction=True)
def test_an_ordinary_page_costs_nothing(database, member, statements):
    every, ours = statements(member.get, "/home/")
    assert (every, ours) == (["SELECT"], [])


@services.each_database(transaction=True)
def test_a_sign_in_takes_one_statement_more(database, browser, user, statements, settings):
    sign_in(browser)  # whatever happens once per process
    with_history, ours = statements(sign_in, type(browser)())
    settings.FRONTDESK = {"HISTORY_RETENTION": None}
    without, none = statements(sign_in, type(browser)())
    assert (ours, none) == (["INSERT"], [])
    assert with_history == [*without, "INSERT"]


@services.each_database(transaction=True)
def test_what_a_request_writes_is_not_compiled_anew(database, browser, user, compilations):
    def come_and_go(visitor):
        sign_in(visitor, password="wrong")
        sign_in(visitor)
        visitor.do(leave)

    come_and_go(browser)
    compilations.clear()
    come_and_go(type(browser)())
    assert compilations == []
    assert HistoryEntry.objects.count() == 6


@services.each_database(transaction=True)
def test_a_sign_in_takes_as_many_statements_after_a_thousand(
    database, browser, user, statements, settings
):
    settings.FRONTDESK = {"NEW_DEVICE_MAIL": True}
    for _ in range(2):
        sign_in(browser)
    few = statements(sign_in, type(browser)())
    told = {"what": "signed_in", "user": user, "at": clock.now()}
    HistoryEntry.objects.bulk_create([HistoryEntry(**told) for _ in range(1000)])
    assert statements(sign_in, type(browser)()) == few


@services.each_database(transaction=True)
def test_a_sign_out_takes_one_read_and_two_writes(database, member, statements):
    every, ours = statements(member.do, leave)
    assert every == ["SELECT", "UPDATE", "INSERT"]
    assert ours == ["INSERT"]


@services.each_database(transaction=True)
@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_a_failed_try_takes_the_same_statements_whether_or_not_there_is_such_a_user(
    database, user, statements, name
):
    """What a look-up of the user would add, could be measured from outside (ASVS 6.3.8)."""
    every, ours = statements(auth.authenticate, username=name, password="wrong")
    assert every == ["SELECT", "INSERT"]
    assert ours == ["INSERT"]


@services.each_database()
def test_within_a_transaction_a_savepoint_comes_around_it(database, user, statements):
    every, _ = statements(auth.authenticate, username="ada", password="wrong")
    assert every == ["SELECT", "SAVEPOINT", "INSERT", "RELEASE"]


# --- many at once ----------------------------------------------------------------------------------------


def crowd(user, number):
    """Begin sessions of ``user``, without a word."""
    now = clock.now()
    Session.objects.bulk_create(
        Session(
            digest=f"{place:064x}",
            user=user,
            created=now,
            last_seen=now,
            idle=clock.DAY,
            deadline=now + clock.DAY,
            expires=now + clock.DAY,
        )
        for place in range(number)
    )


def most(database):
    # SQLite takes but so many values with a statement that a thousand entries need several.
    return 12 if connections[database].vendor == "sqlite" else 1


@services.each_database(transaction=True)
def test_a_thousand_sessions_end_with_a_few_statements(database, user, statements):
    crowd(user, 1000)
    every, ours = statements(sessions.end_all, user)
    assert HistoryEntry.objects.filter(what="ended", reason="revoked").count() == 1000
    assert set(ours) == {"INSERT"}
    assert len(ours) <= most(database)
    assert len(every) <= len(ours) + 4


@services.each_database(transaction=True)
async def test_a_thousand_sessions_end_with_a_few_statements_in_async_code(database, user):
    await sync_to_async(crowd)(user, 1000)
    told = []

    def note(ends, **kwargs):
        told.append(len(ends))

    sessions_ended.connect(note)
    try:
        await sessions.aend_all(user)
    finally:
        sessions_ended.disconnect(note)
    assert told == [1000]
    assert await HistoryEntry.objects.filter(what="ended").acount() == 1000


@services.each_database(transaction=True)
def test_a_purge_tells_the_history_once_for_each_batch(database, user, statements, monkeypatch):
    crowd(user, 2500)
    later = clock.now() + 2 * clock.DAY
    monkeypatch.setattr(clock, "now", lambda: later)
    every, ours = statements(SessionStore.clear_expired)
    written = [verb for verb in ours if verb == "INSERT"]
    assert HistoryEntry.objects.filter(reason="idle").count() == 2500
    assert len(written) <= 3 * most(database)
    assert len(every) < 3 * most(database) + 20


@services.each_database(transaction=True)
def test_what_a_purge_writes_is_not_compiled_anew(database, user, compilations, monkeypatch):
    crowd(user, 12)
    later = clock.now() + 2 * clock.DAY
    monkeypatch.setattr(clock, "now", lambda: later)
    run(purged(5, limit=5))
    compilations.clear()
    run(purged(4))  # other numbers, as in batches with sessions of nobody
    assert compilations == []
    assert HistoryEntry.objects.filter(reason="idle").count() == 12


def test_nobody_is_asked_for_each_end_whether_somebody_listens(monkeypatch):
    asked = []
    monkeypatch.setattr(session_ended, "has_listeners", asked.append)
    ends = [End(f"{number:064x}", None, Reason.IDLE) for number in range(100)]
    run(told_ends(MemoryStorage(), ends))
    assert asked == [MemoryStorage]


# --- reading and forgetting ------------------------------------------------------------------------------


def past(user, number, **facts):
    hashed = history.hashes_of(user.get_username())[0]
    now = clock.now()
    HistoryEntry.objects.bulk_create(
        HistoryEntry(
            what="failed" if place % 2 else "signed_in",
            user=None if place % 2 else user,
            name_hash=hashed if place % 2 else "",
            at=now - place,
        )
        for place in range(number)
    )


@services.each_database()
@pytest.mark.parametrize("number", [0, 10, 1000])
def test_the_history_of_a_person_takes_one_query(database, user, statements, number):
    past(user, number)
    every, _ = statements(history.recent, user)
    assert every == ["SELECT"]
    assert len(history.recent(user)) == min(number, 20)


@services.each_database()
def test_the_history_of_a_person_is_found_along_the_indexes(database, user):
    past(user, 40)
    others = [User(username=f"user{number}") for number in range(20)]
    for other in User.objects.bulk_create(others):
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
    assert "frontdesk_history_name" in plan


@services.each_database(transaction=True)
def test_forgetting_a_person_takes_one_statement(database, user, statements):
    past(user, 10)
    every, _ = statements(history.forget, user)
    assert every == ["DELETE"]
    assert HistoryEntry.objects.count() == 0


@services.each_database(transaction=True)
def test_a_batch_of_the_purge_takes_two_statements(database, user, statements, monkeypatch):
    past(user, 1000)
    later = clock.now() + 91 * clock.DAY
    monkeypatch.setattr(clock, "now", lambda: later)
    every, _ = statements(history.purge, 600)
    assert every == ["SELECT", "DELETE"]
    assert HistoryEntry.objects.count() == 400

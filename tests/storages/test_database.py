"""What the database storage promises beyond the contract: faults, damaged rows, statement counts."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connections
from django.test.utils import CaptureQueriesContext

from frontdesk import clock
from frontdesk.errors import InvalidSetting, StorageUnavailable, UndecodableRecord
from frontdesk.models import Session
from frontdesk.storages.database import DatabaseStorage
from frontdesk.storages.record import UNCHANGED, Changes, Ended
from frontdesk.storages.sql import Sql
from frontdesk.testing.conformance.ground import a_record, fresh_digest
from tests import services


@pytest.fixture
def storage():
    return DatabaseStorage()


VERBS = {
    "read": lambda storage: storage.read(fresh_digest()),
    "read_with_user": lambda storage: storage.read_with_user(fresh_digest()),
    "insert": lambda storage: storage.insert(a_record(user_id="1")),
    "update": lambda storage: storage.update(fresh_digest(), Changes()),
    "rotate": lambda storage: storage.rotate(fresh_digest(), fresh_digest(), Changes()),
    "remove": lambda storage: storage.remove([fresh_digest()]),
    "of_user": lambda storage: storage.of_user("1"),
    "remove_of_user": lambda storage: storage.remove_of_user("1"),
    "purge": lambda storage: storage.purge(clock.now(), 10),
}


# --- faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [OperationalError, InterfaceError])
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
@services.each_database()
def test_a_database_that_cannot_answer_is_an_outage(storage, database, verb, fault, monkeypatch):
    def broken(*args, **options):
        raise fault("the server has gone away")

    monkeypatch.setattr(connections[database], "cursor", broken)
    with pytest.raises(StorageUnavailable, match="the server has gone away") as outage:
        verb(storage)
    assert isinstance(outage.value.__cause__, fault)


@services.each_database()
def test_a_mistake_of_ours_is_no_outage(storage, database, monkeypatch):
    def broken(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(connections[database], "cursor", broken)
    with pytest.raises(ZeroDivisionError):
        storage.read(fresh_digest())


def test_a_database_that_frontdesk_cannot_merge_in_is_a_setting_to_correct(monkeypatch):
    monkeypatch.setattr(connections["default"], "vendor", "oracle")
    with pytest.raises(InvalidSetting, match="PostgreSQL, SQLite, MariaDB or MySQL"):
        Sql(connections["default"])


# --- damaged rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", ['"text"', "[]", "1", "null", '{"a": 1}', '{"a": "~*"}', '{"\\\\x": "1"}', '{"a": "é"}']
)
@services.each_database()
def test_a_row_whose_values_are_damaged_is_undecodable(storage, database, data):
    record = a_record()
    storage.insert(record)
    _damage(database, record.digest, data)
    with pytest.raises(UndecodableRecord, match=record.digest):
        storage.read(record.digest)


def test_a_row_that_is_no_json_is_undecodable(storage, db):
    if connections["default"].vendor != "sqlite":
        pytest.skip("only SQLite could hold it, with its checks switched off")
    record = a_record()
    storage.insert(record)
    with connections["default"].cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        _damage("default", record.digest, '{"cart": "[1')
        cursor.execute("PRAGMA ignore_check_constraints = OFF")
    with pytest.raises(UndecodableRecord, match=record.digest):
        storage.read(record.digest)


@services.each_database()
def test_a_damaged_row_can_be_ended(storage, database):
    record = a_record()
    storage.insert(record)
    _damage(database, record.digest, "[]")
    assert storage.remove([record.digest]) == [record.digest]
    assert isinstance(storage.read(record.digest), Ended)


@services.each_database()
def test_a_damaged_row_hides_no_other_of_its_user(storage, database):
    damaged, record = a_record(user_id="1"), a_record(user_id="1")
    storage.insert(damaged)
    storage.insert(record)
    _damage(database, damaged.digest, "[]")
    assert storage.of_user("1") == [record]


def _damage(database, digest, data):
    mark = "%s::jsonb" if connections[database].vendor == "postgresql" else "%s"
    with connections[database].cursor() as cursor:
        cursor.execute(
            f"UPDATE frontdesk_session SET data = {mark} WHERE digest = %s", [data, digest]
        )


# --- the row -----------------------------------------------------------------------------------------


@services.each_database()
def test_the_row_knows_when_it_expires(storage, database):
    record = a_record()
    storage.insert(record)
    storage.update(record.digest, Changes(last_seen=record.last_seen + 5, deadline=2**61, idle=9))
    row = Session.objects.get(pk=record.digest)
    assert row.expires == record.last_seen + 5 + 9


@services.each_database()
def test_an_ended_row_keeps_nothing_of_the_session(storage, database):
    record = a_record(user_id="1", ip="192.0.2.7", user_agent="curl/8")
    storage.insert(record)
    storage.remove([record.digest])
    row = Session.objects.get(pk=record.digest)
    assert (row.data, row.user_id, row.ip, row.user_agent) == ({}, None, "", "")


# --- record and user in one read ---------------------------------------------------------------------


@services.each_database()
def test_the_user_comes_with_the_record(storage, database):
    user = User.objects.create_user("mary")
    record = a_record(user_id=str(user.pk))
    storage.insert(record)
    found, along = storage.read_with_user(record.digest)
    assert found == record
    assert along == user
    assert vars(along).keys() == vars(User.objects.get()).keys()


@services.each_database()
def test_a_user_who_is_gone_comes_as_none(storage, database):
    record = a_record(user_id="1")
    storage.insert(record)
    assert storage.read_with_user(record.digest) == (record, None)


@services.each_database()
def test_no_user_comes_with_an_ended_session(storage, database):
    record = a_record(user_id="1")
    storage.insert(record)
    storage.remove([record.digest])
    found, along = storage.read_with_user(record.digest)
    assert isinstance(found, Ended)
    assert along is UNCHANGED


# --- statements --------------------------------------------------------------------------------------


@services.each_database()
class TestStatements:
    """How many statements each verb costs. Savepoints are the test's transaction, not the verb's."""

    @pytest.fixture
    def record(self, storage, database):
        for verb in VERBS.values():  # the ORM and the dialect are asked once per database
            verb(storage)
        record = a_record(user_id="7")
        storage.insert(record)
        return record

    @pytest.fixture
    def statements(self, database):
        def count(verb, *args):
            with CaptureQueriesContext(connections[database]) as captured:
                verb(*args)
            sql = [query["sql"] for query in captured]
            return [text.split()[0] for text in sql if "SAVEPOINT" not in text]

        return count

    def test_read_is_one(self, storage, record, statements):
        assert statements(storage.read, record.digest) == ["SELECT"]

    def test_read_of_an_unknown_session_is_one(self, storage, record, statements):
        assert statements(storage.read, fresh_digest()) == ["SELECT"]

    def test_read_with_the_user_is_one(self, storage, record, statements):
        assert statements(storage.read_with_user, record.digest) == ["SELECT"]

    def test_insert_is_one(self, storage, record, statements):
        assert statements(storage.insert, a_record()) == ["INSERT"]

    def test_update_is_one(self, storage, record, statements):
        changes = Changes(values={"a": b"1"}, removed=["cart"], last_seen=record.last_seen + 1)
        assert statements(storage.update, record.digest, changes) == ["UPDATE"]

    def test_update_of_a_session_that_is_gone_is_one(self, storage, record, statements):
        assert statements(storage.update, fresh_digest(), Changes(values={"a": b"1"})) == ["UPDATE"]

    def test_update_at_the_expected_version_is_one(self, storage, record, statements):
        changes = Changes(values={"a": b"1"}, expected_version=1)
        assert statements(storage.update, record.digest, changes) == ["UPDATE"]

    def test_rotate_is_two(self, storage, record, statements):
        calls = statements(storage.rotate, record.digest, fresh_digest(), Changes())
        assert calls == ["UPDATE", "INSERT"]

    def test_remove_is_one(self, storage, record, statements):
        assert statements(storage.remove, [record.digest]) == ["UPDATE"]

    def test_remove_for_a_user_is_one(self, storage, record, statements):
        assert statements(storage.remove, [record.digest], "7") == ["UPDATE"]

    def test_remove_looks_once_where_those_are_that_are_not_there(
        self, storage, record, statements
    ):
        gone = [fresh_digest(), fresh_digest()]
        assert statements(storage.remove, gone)[-1] == "SELECT"

    def test_remove_beyond_a_limit_is_two_however_many(self, storage, record, statements):
        for _ in range(20):
            storage.insert(a_record(user_id="7"))
        calls = statements(storage.remove_beyond, "7", 3)
        assert len([call for call in calls if call in {"SELECT", "UPDATE"}]) <= 3

    def test_a_scan_is_one_for_each_handful(self, storage, record, statements):
        assert statements(lambda: list(storage.scan())) == ["SELECT", "SELECT"]

    def test_remove_of_nothing_is_none(self, storage, record, statements):
        assert statements(storage.remove, []) == []

    def test_of_user_is_one_however_many(self, storage, record, statements):
        storage.insert(a_record(user_id="7"))
        assert statements(storage.of_user, "7") == ["SELECT"]

    def test_remove_of_user_is_one_where_the_database_returns_what_it_changed(
        self, storage, record, statements, database
    ):
        returns = connections[database].vendor != "mysql"
        expected = ["UPDATE"] if returns else ["SELECT", "UPDATE"]
        assert statements(storage.remove_of_user, "7", [fresh_digest()]) == expected

    def test_purge_of_nothing_is_one(self, storage, record, statements):
        assert statements(storage.purge, clock.now(), 10) == ["SELECT"]

    def test_purge_of_many_is_two(self, storage, record, statements):
        for _ in range(3):
            storage.insert(a_record(idle=0))
        assert statements(storage.purge, clock.now(), 10) == ["SELECT", "DELETE"]


# --- several threads ----------------------------------------------------------------------------------


@services.each_database(transaction=True)
def test_threads_that_change_one_session_lose_nothing(storage, database):
    record = a_record(values={})
    storage.insert(record)

    def change(name):
        for number in range(10):
            storage.update(record.digest, Changes(values={f"{name}{number}": b"1"}))
        connections.close_all()

    _at_once(change, "abc")
    found = storage.read(record.digest)
    assert len(found.values) == 30
    assert found.version == 31


@services.each_database(transaction=True)
def test_of_several_rotations_at_once_one_wins(storage, database):
    record = a_record()
    storage.insert(record)
    new = [fresh_digest() for _ in range(3)]
    won = []

    def rotate(digest):
        if storage.rotate(record.digest, digest, Changes(values={"by": digest.encode()})):
            won.append(digest)
        connections.close_all()

    _at_once(rotate, new)
    (winner,) = won
    assert [digest for digest in new if storage.read(digest)] == [winner]
    assert storage.read(winner).values["by"] == winner.encode()


def _at_once(work, arguments):
    errors = []

    def run(argument):
        try:
            work(argument)
        except Exception as error:  # noqa: BLE001 (shown below; a thread would only print it)
            errors.append(error)

    threads = [threading.Thread(target=run, args=[argument]) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


# --- the table ---------------------------------------------------------------------------------------


@services.each_database()
def test_each_index_is_one_that_a_statement_looks_into(database):
    with connections[database].cursor() as cursor:
        found = connections[database].introspection.get_constraints(cursor, "frontdesk_session")
    kinds = ("index", "unique", "primary_key")
    indexed = sorted(one["columns"] for one in found.values() if any(one[kind] for kind in kinds))
    assert indexed == [["digest"], ["expires"], ["user_id"]]

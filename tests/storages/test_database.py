"""What the database storage promises beyond the contract: few queries, and which faults are whose."""

import threading
from contextlib import nullcontext, suppress
from dataclasses import replace

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import (
    DataError,
    InternalError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.models import CharField

from frontdesk.core import clock
from frontdesk.core.flow import run
from frontdesk.core.keys import Key
from frontdesk.core.record import UNCHANGED, Record
from frontdesk.errors import Contention, StorageUnavailable
from frontdesk.models import Session
from frontdesk.storages.database import DatabaseStorage
from frontdesk.storages.rows import RETRIES, pk_of_id
from tests import services


def a_record(user_id="1", **changes):
    key, now = Key.new(), clock.now()
    given = {
        "id": key.id,
        "secret": key.digest,
        "values": {"color": b'"red"'},
        "user_id": user_id,
        "created": now,
        "last_seen": now,
        "idle": clock.DAY,
        "deadline": now + clock.DAY,
    }
    return Record(**{**given, **changes})


@pytest.fixture
def storage():
    return DatabaseStorage()


@pytest.fixture
def three(storage):
    """Three sessions of user 1."""
    records = [a_record() for _ in range(3)]
    for record in records:
        run(storage.insert(record))
    return records


@pytest.fixture
def one(three):
    return three[0]


# Queries.


@pytest.mark.django_db
def test_a_session_and_its_user_are_one_query(storage, django_assert_num_queries):
    user = get_user_model().objects.create_user("ada")
    record = a_record(str(user.pk))
    run(storage.insert(record))
    with django_assert_num_queries(1):
        found, its_user = run(storage.read_with_user(record.id))
    assert (found, its_user) == (record, user)


@pytest.mark.django_db
def test_a_session_of_a_deleted_user_has_none(storage, one):
    assert run(storage.read_with_user(one.id)) == (one, None)


@pytest.mark.django_db
def test_an_unknown_id_says_nothing_about_a_user(storage):
    assert run(storage.read_with_user("0" * 15)) == (None, UNCHANGED)


@pytest.mark.django_db
def test_a_list_is_one_query(storage, three, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert len(run(storage.of_user("1"))) == 3


@pytest.mark.django_db
def test_all_sessions_of_a_user_end_in_two_queries(storage, three, django_assert_num_queries):
    with django_assert_num_queries(2):
        ended = run(storage.end_of_user("1", keep=[three[0].id]))
    assert {each.id for each in ended} == {each.id for each in three[1:]}
    assert [each.id for each in run(storage.of_user("1"))] == [three[0].id]


@pytest.mark.django_db
def test_a_change_of_a_session_that_was_read_is_one_query(storage, one, django_assert_num_queries):
    with django_assert_num_queries(1):
        run(storage.change(one, lambda found: replace(found, values={})))


# What is stored.


@pytest.mark.django_db
def test_a_user_id_that_is_no_key_of_the_model_is_stored_as_none(storage):
    record = a_record("not a number")
    run(storage.insert(record))
    assert run(storage.read(record.id)).user_id is None


def test_a_user_who_does_not_pass_the_validators_of_the_key_has_sessions():
    """Django runs them in forms only: not in ``create_user()``, nor when a project adds one."""
    key = CharField(primary_key=True, max_length=4, validators=[UnicodeUsernameValidator()])
    key.attname = "key"
    for user_id in ("ada", "ada lovelace"):
        assert pk_of_id(user_id, key) == user_id


@pytest.mark.django_db
def test_a_damaged_row_is_logged_and_does_not_hide_the_others(storage, three, caplog):
    Session.objects.filter(pk=three[1].id).update(data='{"color": 7}')
    assert len(run(storage.of_user("1"))) == 2
    assert three[1].id in caplog.text


@pytest.mark.django_db
def test_an_ended_row_keeps_no_user_value_or_address(storage, one):
    run(storage.end_of_user("1"))
    row = Session.objects.get(pk=one.id)
    assert (row.user_id, row.data, row.ip, row.user_agent) == (None, "{}", "", "")


@services.each_database(transaction=True)
def test_two_purges_at_once_report_each_session_once(database):
    storage = DatabaseStorage()
    for _ in range(40):
        run(storage.insert(a_record(last_seen=0, deadline=1)))
    reported: list[str] = []

    def purge():
        while gone := run(storage.expire(clock.now(), 5)):
            reported.extend(each.id for each in gone)
        connections.close_all()

    threads = [threading.Thread(target=purge) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reported) == len(set(reported)) == 40


# Faults.


class Failing:
    """Makes the next statements fail, as a database would: ``connection.execute_wrapper(Failing(...))``."""

    def __init__(self, code, times):
        self.code, self.left, self.seen = code, times, 0

    def __call__(self, execute, sql, params, many, context):
        self.seen += 1
        if self.left:
            self.left -= 1
            raise OperationalError(self.code, "made by the test")
        return execute(sql, params, many, context)


DEADLOCK, LOCK_WAIT, TOO_LARGE, GONE = 1213, 1205, 1153, 2006


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_outside_of_a_transaction_is_tried_again(storage, one):
    with connection.execute_wrapper(Failing(DEADLOCK, RETRIES - 1)):
        assert run(storage.read(one.id)) == one


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_is_not_tried_for_ever(storage, one):
    failing = Failing(DEADLOCK, 10**6)
    with connection.execute_wrapper(failing), pytest.raises(Contention):
        run(storage.read(one.id))
    assert failing.seen == RETRIES


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_inside_a_transaction_is_for_the_project_to_try_again(storage, one):
    failing = Failing(DEADLOCK, 1)
    with transaction.atomic(), connection.execute_wrapper(failing), pytest.raises(Contention):
        run(storage.read(one.id))
    assert failing.seen == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "error"), [(LOCK_WAIT, Contention), (TOO_LARGE, OperationalError)]
)
def test_the_failure_of_one_request_is_no_outage(storage, one, code, error):
    with connection.execute_wrapper(Failing(code, 1)), pytest.raises(error):
        run(storage.read(one.id))
    assert not storage.outage.open


@pytest.mark.needs("mariadb")
@pytest.mark.django_db(databases=["mariadb"], transaction=True)
@pytest.mark.parametrize("times", [1, 3], ids=["a little", "much"])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
def test_a_value_larger_than_the_server_takes_fails_alone(storage, monkeypatch, times, inside):
    """Otherwise the server closes the connection, which others use, and that looks like an outage."""
    monkeypatch.setattr(services.RouteToCurrent, "alias", "mariadb")
    database, one = connections["mariadb"], a_record()
    run(storage.insert(one))
    with database.cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        (most,) = cursor.fetchone()
    large = {"note": b"x" * (most * times)}

    def write(flow):
        with pytest.raises(DataError, match="max_allowed_packet"):
            run(flow)

    with transaction.atomic(using="mariadb") if inside else nullcontext():
        write(storage.change(one, lambda current: replace(current, values=large)))
        write(storage.insert(a_record(values=large)))
        assert run(storage.read(one.id)) == one
    assert not storage.outage.open


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_a_large_statement_has_cost_is_not_used_again(storage, one, monkeypatch):
    """The limit of a server may be smaller than what is sent without asking for it."""
    closed = []
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: closed.append(1))
    with connection.execute_wrapper(Failing(TOO_LARGE, 1)), pytest.raises(OperationalError):
        run(storage.read(one.id))
    assert closed == [1]


@pytest.mark.django_db
def test_a_server_that_went_away_is_an_outage(storage, one):
    with connection.execute_wrapper(Failing(GONE, 1)), pytest.raises(StorageUnavailable):
        run(storage.read(one.id))
    assert storage.outage.open


@pytest.mark.django_db
def test_a_missing_table_says_what_to_run(storage):
    class Missing(Failing):
        def __call__(self, *args):
            raise OperationalError("no such table: frontdesk_session")

    with connection.execute_wrapper(Missing(0, 0)), pytest.raises(StorageUnavailable) as raised:
        run(storage.read("0" * 15))
    assert "manage.py migrate" in str(raised.value)


@pytest.mark.needs("postgresql")
@pytest.mark.django_db(databases=["postgresql"], transaction=True)
def test_a_transaction_that_the_project_broke_is_no_outage(storage, monkeypatch):
    monkeypatch.setattr(services.RouteToCurrent, "alias", "postgresql")

    @transaction.atomic(using="postgresql")
    def view():
        with suppress(DataError):
            connections["postgresql"].cursor().execute("SELECT 1/0")
        run(storage.read("0" * 15))

    with pytest.raises(InternalError, match="current transaction is aborted"):
        view()
    assert not storage.outage.open


@pytest.mark.django_db
def test_a_taken_id_leaves_the_projects_transaction_usable(storage, one):
    assert run(storage.insert(one)) is False
    assert Session.objects.count() == 3

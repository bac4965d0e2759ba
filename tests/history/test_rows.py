"""The rows that are written without the ORM: each as the ORM would have written it."""

import pytest
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext

from frontdesk import clock, history
from frontdesk.client import Client
from frontdesk.history_rows import TOGETHER, Insert, Row
from frontdesk.models import HistoryEntry
from frontdesk.models.history import What
from tests import services

COLUMNS = [field.column for field in HistoryEntry._meta.concrete_fields if not field.primary_key]


@pytest.fixture
def insert(database):
    return Insert(connections[database])


@pytest.fixture
def stored(database):
    """Return what is in the table, as the driver gives it, and empty that."""

    def take():
        with connections[database].cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM frontdesk_historyentry ORDER BY id")
            rows = cursor.fetchall()
        HistoryEntry.objects.all().delete()
        return rows

    return take


def full(what, user_id):
    """A row in which each column has what it can hold, and text that needs care in a statement."""
    odd = 'it\'s 100 % "%s" \\ %(what)s ? é \U0001f511'
    client = Client("2001:db8:ffff:ffff:ffff:ffff:255.255.255.255", f"{odd}{'x' * 200}")
    return Row(what.value, 2**62, user_id, "f" * 64, "a" * 64, odd[:32], odd, *client)


def plain(number, user_id=None):
    return Row("ended", clock.DAY + number, user_id, "", f"{number:064x}", "idle")


def by_the_orm(rows):
    for row in rows:
        HistoryEntry(**row._asdict()).save(force_insert=True)


def test_a_row_has_the_columns_of_the_model_in_their_order():
    assert [*Row._fields] == [
        field.attname for field in HistoryEntry._meta.concrete_fields if not field.primary_key
    ]


@services.each_database()
@pytest.mark.parametrize("what", What)
@pytest.mark.parametrize("whose", ["somebody's", "nobody's"])
def test_a_row_is_what_the_orm_would_write(database, insert, stored, user, what, whose):
    key = user.pk if whose == "somebody's" else None
    rows = [full(what, key), Row(what.value, 1, key)]
    by_the_orm(rows)
    expected = stored()
    for row in rows:
        insert.one(connections[database], row)
    assert stored() == expected


@services.each_database()
@pytest.mark.parametrize("number", [1, 2, TOGETHER, TOGETHER + 1])
def test_many_rows_are_what_the_orm_would_write(database, insert, stored, user, other_user, number):
    keys = [user.pk, None, other_user.pk]
    rows = [plain(place, keys[place % 3]) for place in range(number)]
    rows[-1] = full(What.ENDED, user.pk)
    HistoryEntry.objects.bulk_create(HistoryEntry(**row._asdict()) for row in rows)
    expected = stored()
    insert.many(connections[database], rows)
    assert stored() == expected


@services.each_database()
def test_one_row_gets_the_key_that_it_is_told_with(database, user):
    """By it, the mail about a new device knows which sign-ins came before."""
    entries = [history.remember(plain(number, user.pk)) for number in range(3)]
    assert entries == list(HistoryEntry.objects.order_by("at"))
    assert entries[1].user_agent == ""
    assert {entry._state.db for entry in entries} == {database}


@services.each_database()
def test_as_many_rows_go_together_as_the_database_takes(database, monkeypatch):
    connection = connections[database]
    monkeypatch.setattr(connection.ops, "bulk_batch_size", lambda fields, objs: 3)
    with CaptureQueriesContext(connection) as seen:
        Insert(connection).many(connection, [plain(number) for number in range(8)])
    verbs = [query["sql"].split()[0] for query in seen]
    assert [verb for verb in verbs if verb != "SAVEPOINT"] == ["INSERT"] * 3
    assert HistoryEntry.objects.count() == 8


@services.each_database(transaction=True)
def test_of_rows_that_need_several_statements_all_are_written_or_none(database, monkeypatch):
    connection = connections[database]
    monkeypatch.setattr(connection.ops, "bulk_batch_size", lambda fields, objs: 2)
    rows = [plain(0), plain(1), plain(2)._replace(at=None)]
    with pytest.raises(DatabaseError):
        Insert(connection).many(connection, rows)
    assert HistoryEntry.objects.count() == 0


@services.each_database()
def test_rows_of_a_transaction_go_with_it(database, insert):
    with transaction.atomic(using=database):
        insert.one(connections[database], plain(1))
        insert.many(connections[database], [plain(2), plain(3)])
        transaction.set_rollback(True, using=database)
    assert HistoryEntry.objects.count() == 0


@services.each_database()
def test_a_column_of_arrays_is_used_where_the_orm_does_so(database, insert):
    """The same statement for any number of rows, which the driver parses in no time."""
    connection = connections[database]
    with CaptureQueriesContext(connection) as seen:
        insert.many(connection, [plain(1), plain(2)])
        HistoryEntry.objects.bulk_create(HistoryEntry(**plain(n)._asdict()) for n in (1, 2))
    ours, orms = (query["sql"].partition(" RETURNING ")[0] for query in seen)
    assert ours == orms
    assert ("UNNEST" in ours) == (connection.vendor == "postgresql")

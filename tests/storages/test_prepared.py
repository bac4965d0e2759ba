"""A SELECT that PostgreSQL has prepared: when it is, and what may befall it."""

import pytest
from django.db import transaction

from frontdesk.models import Session
from frontdesk.storages import direct
from frontdesk.storages.select import Select
from tests.storages.driving import DIGEST, by_cursor, on


@pytest.fixture
def preparing(connection):
    """The connection, where the project allows statements to be prepared."""
    connection.ensure_connection()
    connection.connection.prepare_threshold = 5
    yield connection
    connection.close()


def prepared(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, generic_plans + custom_plans FROM pg_prepared_statements")
        return dict(cursor.fetchall())


@on("postgresql")
def test_by_default_nothing_is_prepared(connection, kept, select):
    direct.one_row(connection, select, DIGEST)
    assert prepared(connection) == {}


@on("postgresql")
def test_where_the_project_allows_it_the_statement_is_prepared_once(preparing, kept, select):
    rows = [direct.one_row(preparing, select, DIGEST) for _ in range(3)]
    assert rows == [by_cursor(preparing, select, DIGEST)] * 3
    assert prepared(preparing) == {select.name.decode(): 3}


@on("postgresql")
def test_a_statement_that_the_server_has_forgotten_is_prepared_anew(preparing, kept, select):
    direct.one_row(preparing, select, DIGEST)
    with preparing.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert direct.one_row(preparing, select, DIGEST) is not None
    assert prepared(preparing) == {select.name.decode(): 1}


@on("postgresql")
def test_a_statement_whose_columns_have_changed_is_prepared_anew(preparing):
    with preparing.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE changing (id integer, a integer)")
        cursor.execute("INSERT INTO changing VALUES (1, 2)")
    select = Select("SELECT a FROM changing WHERE id = %s")
    assert direct.one_row(preparing, select, 1) == (2,)
    with preparing.cursor() as cursor:
        cursor.execute("ALTER TABLE changing ALTER a TYPE text")
    assert direct.one_row(preparing, select, 1) == ("2",)


@on("postgresql")
def test_within_a_transaction_nothing_is_prepared_so_that_it_cannot_fail_for_that(
    preparing, kept, select
):
    direct.one_row(preparing, select, DIGEST)
    with preparing.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with transaction.atomic(using=preparing.alias):
        Session.objects.using(preparing.alias).count()
        assert direct.one_row(preparing, select, DIGEST) is not None
    assert prepared(preparing) == {}

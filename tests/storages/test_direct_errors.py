"""A SELECT past Django's cursor: the same errors, and the same care for the connection."""

import asyncio
import threading

import psycopg
import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, OperationalError, ProgrammingError, transaction
from django.db.transaction import TransactionManagementError

from frontdesk.storages import direct
from frontdesk.storages.select import Select
from tests.storages.driving import DIGEST, on, params_of, straight


@straight
def test_an_error_is_djangos(connection):
    with pytest.raises((OperationalError, ProgrammingError)) as caught:
        direct.one_row(connection, Select('SELECT 1 FROM "nowhere" WHERE 1 = %s'), "1")
    assert type(caught.value.__cause__).__module__ in {"sqlite3", "psycopg.errors"}
    assert connection.errors_occurred


@straight
def test_in_a_transaction_that_is_broken_django_says_so(connection, kept, select):
    with transaction.atomic(using=connection.alias):
        connection.needs_rollback = True
        with pytest.raises(TransactionManagementError):
            direct.one_row(connection, select, DIGEST)


@straight
def test_of_another_threads_connection_django_says_so(connection, kept, select):
    errors = []

    def ask():
        try:
            direct.one_row(connection, select, DIGEST)
        except DatabaseError as error:
            errors.append(str(error))

    connection.ensure_connection()
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert "can only be used in that same thread" in errors[0]


@straight
def test_in_an_event_loop_django_says_so(connection, kept, select):
    async def ask():
        direct.one_row(connection, select, DIGEST)

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(ask())


@straight
def test_a_connection_that_was_closed_is_opened(connection, kept, select):
    connection.close()
    assert direct.one_row(connection, select, DIGEST) is not None


@on("postgresql")
def test_a_connection_that_was_lost_is_an_operational_error_and_is_opened_anew(
    connection, kept, select
):
    with psycopg.connect(**params_of(connection)) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    with pytest.raises(OperationalError) as caught:
        direct.one_row(connection, select, DIGEST)
    assert caught.value.__cause__.sqlstate == "57P01"
    connection.close_if_unusable_or_obsolete()
    assert direct.one_row(connection, select, DIGEST) is not None


@on("postgresql")
def test_a_statement_that_takes_too_long_is_an_operational_error(connection, kept):
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 50")
    try:
        with pytest.raises(OperationalError) as caught:
            direct.one_row(connection, Select("SELECT pg_sleep(%s)"), 5)
    finally:
        connection.close()
    assert caught.value.__cause__.sqlstate == "57014"

"""A SELECT past Django's cursor: the same rows, and nobody who watches misses one."""

import signal
import sqlite3
from datetime import timedelta
from functools import wraps

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext

from frontdesk.models import Session
from frontdesk.storages import direct, libpq
from frontdesk.storages.one_row import OneRow
from frontdesk.storages.select import Select
from tests.storages.driving import DIGEST, Tool, by_cursor, each_database, on, params_of, straight

User = get_user_model()


# --- the same rows ----------------------------------------------------------------------------------


@each_database
def test_the_row_is_the_one_that_djangos_cursor_gives(connection, kept, select):
    assert direct.one_row(connection, select, DIGEST) == by_cursor(connection, select, DIGEST)


@each_database
def test_there_is_none_where_there_is_none(connection, kept, select):
    assert direct.one_row(connection, select, "b2" * 32) is None


@each_database
def test_the_row_of_a_user_is_the_one_that_the_orm_gives(connection, user):
    users = type(user)._default_manager.using(connection.alias)
    found = OneRow(users.filter(pk=user.pk).order_by())
    row = found.fetch(connection, user.pk)
    expected = users.values_list(*found.places).get()
    assert tuple(row) == expected


@each_database
def test_what_its_own_transaction_has_written_is_there(connection, select, request):
    with transaction.atomic(using=connection.alias):
        request.getfixturevalue("kept")
        assert direct.one_row(connection, select, DIGEST) is not None


@on("postgresql")
def test_the_first_statement_of_a_transaction_is_within_it(connection, kept, select):
    with transaction.atomic(using=connection.alias):
        assert direct.one_row(connection, select, DIGEST) is not None
        status = connection.connection.info.transaction_status
    assert status == psycopg.pq.TransactionStatus.INTRANS


def test_a_percent_sign_in_the_statement_is_no_place_for_a_value():
    select = Select("SELECT '%%s' WHERE x = %s")
    assert select.for_sqlite == "SELECT '%s' WHERE x = ?"
    assert select.for_libpq == b"SELECT '%s' WHERE x = $1"
    assert select.for_cursor % {"value": "1"} == "SELECT '%s' WHERE x = 1"


def test_only_what_is_selected_loses_its_type_on_sqlite():
    select = Select(
        'SELECT "t"."a", "t"."ab", "t"."b" FROM "t" WHERE "t"."a" = %s', ['"t"."a"', '"t"."b"']
    )
    assert select.for_sqlite == 'SELECT +"t"."a", "t"."ab", +"t"."b" FROM "t" WHERE "t"."a" = ?'
    assert b"+" not in select.for_libpq
    assert "+" not in select.for_cursor


def test_a_field_of_the_projects_own_keeps_its_type_on_sqlite(monkeypatch):
    name = User._meta.get_field(User.USERNAME_FIELD)
    column = f'"{User._meta.db_table}"."{name.column}"'
    users = User._default_manager.filter(pk=1).order_by()
    assert f"+{column}" in OneRow(users).select.for_sqlite
    monkeypatch.setattr(type(name), "__module__", __name__)
    assert f"+{column}" not in OneRow(users).select.for_sqlite


@on("sqlite")
def test_a_foreign_key_to_such_a_field_keeps_its_type_too(connection, monkeypatch):
    sessions = Session.objects.filter(digest="x")
    assert '+"frontdesk_session"."user_id"' in OneRow(sessions).select.for_sqlite
    monkeypatch.setattr(type(User._meta.pk), "__module__", __name__)
    assert '+"frontdesk_session"."user_id"' not in OneRow(sessions).select.for_sqlite


# --- nobody misses one ------------------------------------------------------------------------------


@straight
def test_where_nobody_watches_no_cursor_is_made(connection, kept, select, cursors):
    assert direct.one_row(connection, select, DIGEST) is not None
    assert cursors == []


@straight
def test_where_nobody_watches_no_cursor_is_made_in_a_transaction(connection, kept, select, cursors):
    with transaction.atomic(using=connection.alias):
        Session.objects.using(connection.alias).count()
        cursors.clear()
        assert direct.one_row(connection, select, DIGEST) is not None
    assert cursors == []


@straight
def test_who_counts_queries_sees_it(connection, kept, select):
    with CaptureQueriesContext(connection) as seen:
        direct.one_row(connection, select, DIGEST)
    assert len(seen) == 1


@straight
def test_a_project_with_debug_sees_it(connection, kept, select, settings):
    settings.DEBUG = True
    connection.queries_log.clear()
    direct.one_row(connection, select, DIGEST)
    assert len(connection.queries_log) == 1


@straight
def test_the_setting_sends_it_through_the_cursor(connection, kept, select, cursors, settings):
    settings.FRONTDESK = {"DIRECT_ACCESS": False}
    direct.one_row(connection, select, DIGEST)
    assert len(cursors) == 1


@straight
def test_a_wrapper_of_statements_sees_it(connection, kept, select):
    seen = []

    def wrapper(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        direct.one_row(connection, select, DIGEST)
    assert len(seen) == 1


@straight
@pytest.mark.parametrize("name", direct.USING)
def test_a_tool_before_a_method_of_cursors_sees_it(connection, kept, select, monkeypatch, name):
    direct.one_row(connection, select, DIGEST)
    tool = Tool(getattr(CursorWrapper, name))
    monkeypatch.setattr(CursorWrapper, name, tool)
    direct.one_row(connection, select, DIGEST)
    assert tool.calls == 1


@straight
@pytest.mark.parametrize("name", direct.MAKING)
@pytest.mark.parametrize("of", [type, lambda connection: connection], ids=["all", "this one"])
def test_a_tool_before_a_method_of_connections_sees_it(
    connection, kept, select, monkeypatch, name, of
):
    direct.one_row(connection, select, DIGEST)
    connection.__dict__.pop(name, None)
    tool = Tool(getattr(of(connection), name))
    monkeypatch.setattr(of(connection), name, tool)
    direct.one_row(connection, select, DIGEST)
    assert tool.calls == 1


@straight
def test_a_backend_with_cursors_of_its_own_makes_one(connection, kept, select, cursors):
    kind = type(connection)

    class Own(kind):
        @wraps(kind.make_cursor)
        def make_cursor(self, cursor):
            return super().make_cursor(cursor)

    connection.__class__ = Own
    try:
        direct.one_row(connection, select, DIGEST)
    finally:
        connection.__class__ = kind
    assert len(cursors) == 1


@on("sqlite")
def test_a_row_factory_of_the_projects_is_used(connection, kept, select):
    connection.connection.row_factory = sqlite3.Row
    try:
        row = direct.one_row(connection, select, DIGEST)
    finally:
        connection.connection.row_factory = None
    assert isinstance(row, sqlite3.Row)


@on("postgresql")
@pytest.mark.parametrize("value", ["a\0b", 1.5, b"x", True])
def test_what_the_server_might_take_for_something_else_goes_by_the_cursor(
    connection, select, cursors, value
):
    with pytest.raises((ValueError, TypeError, DatabaseError)):
        by_cursor(connection, select, value)
    cursors.clear()
    with pytest.raises((ValueError, TypeError, DatabaseError)):
        direct.one_row(connection, select, value)
    assert len(cursors) == 1


@on("postgresql")
def test_where_psycopg_is_written_in_python_it_goes_by_the_cursor(
    connection, kept, select, cursors, monkeypatch
):
    monkeypatch.setattr(libpq, "HAS_PSYCOPG", False)
    direct.one_row(connection, select, DIGEST)
    assert len(cursors) == 1


def test_psycopg_is_written_in_c_here():
    """Otherwise most tests above would say nothing of PostgreSQL."""
    assert libpq.HAS_PSYCOPG


@on("postgresql")
def test_in_a_pipeline_of_psycopgs_it_goes_by_the_cursor(connection, kept, select, cursors):
    connection.ensure_connection()
    with connection.connection.pipeline():
        assert direct.one_row(connection, select, DIGEST) is not None
    assert len(cursors) == 1


@on("postgresql")
def test_instants_come_in_the_time_zone_of_the_database(connection, user, monkeypatch):
    row = OneRow(User._default_manager.using(connection.alias).filter(pk=user.pk).order_by())
    row.fetch(connection, user.pk)
    monkeypatch.setitem(connection.settings_dict, "TIME_ZONE", "Asia/Tokyo")
    monkeypatch.delitem(connection.__dict__, "timezone")  # which Django has worked out once
    joined = row.fetch(connection, user.pk)[row.places["date_joined"]]
    connection.__dict__.pop("timezone")
    assert joined.utcoffset() == timedelta(hours=9)


@on("postgresql")
def test_who_listens_on_the_connection_hears_what_came_meanwhile(connection, kept, select):
    connection.ensure_connection()
    raw = connection.connection
    raw.execute("LISTEN frontdesk_news")
    with psycopg.connect(**params_of(connection), autocommit=True) as other:
        other.execute("NOTIFY frontdesk_news, 'it'")
    direct.one_row(connection, select, DIGEST)
    heard = [notify.payload for notify in raw.notifies(timeout=0)]
    connection.close()
    assert heard == ["it"]


@on("postgresql")
def test_a_signal_interrupts_the_waiting(connection, kept, select):
    class Enough(Exception):
        pass

    def enough(*_):
        raise Enough

    before = signal.signal(signal.SIGALRM, enough)
    try:
        with psycopg.connect(**params_of(connection)) as other:
            other.execute("LOCK TABLE frontdesk_session IN ACCESS EXCLUSIVE MODE")
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            # Were it not interrupted, it would wait for this very test.
            other.execute("SET LOCAL idle_in_transaction_session_timeout = 20000")
            with pytest.raises(Enough):
                direct.one_row(connection, select, DIGEST)
    finally:
        signal.signal(signal.SIGALRM, before)
        connection.close()

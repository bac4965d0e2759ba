"""A SELECT past Django's cursor: the same rows and the same errors, and nobody who watches misses one."""

import asyncio
import signal
import sqlite3
import threading
from datetime import timedelta
from functools import partial, wraps

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, OperationalError, ProgrammingError, connections, transaction
from django.db.backends.utils import CursorWrapper
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from frontdesk.models import Session
from frontdesk.storages import direct, libpq
from frontdesk.storages.one_row import OneRow
from frontdesk.storages.select import Select
from tests import services

User = get_user_model()

DIGEST = "a1" * 32

each_database = services.each_database(transaction=True)


def on(*engines):
    """Run the test on these databases only."""
    name, cases = each_database.args
    return pytest.mark.parametrize(
        name, [case for case in cases if case.id in engines], indirect=True
    )


straight = on("sqlite", "postgresql")


@pytest.fixture
def connection(database):
    return connections[database]


@pytest.fixture
def user(database):
    return User.objects.create_user("ada")


@pytest.fixture
def kept(database):
    return Session.objects.using(database).create(
        digest=DIGEST,
        data={"cart": '["ü", 1]'},
        created=1,
        last_seen=2**60,
        idle=3,
        deadline=2**62,
        expires=2**61,
        ip="::1",
    )


@pytest.fixture
def select(database):
    compiler = Session.objects.using(database).filter(digest="x").query.get_compiler(database)
    return Select(compiler.as_sql()[0])


@pytest.fixture
def cursors(connection, monkeypatch):
    """A list that gets an entry for each cursor that Django makes."""
    made = []

    def create_cursor(name=None):
        made.append(name)
        return as_it_is(name)

    as_it_is = connection.create_cursor
    connection.ensure_connection()
    monkeypatch.setattr(connection, "create_cursor", create_cursor)
    # The spy is not to be taken for somebody who watches.
    monkeypatch.setattr(direct, "_makes_another_cursor", lambda connection: False)
    return made


def _params(connection):
    settings = connection.settings_dict
    wanted = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    return {name: settings[key] for name, key in wanted.items() if settings[key]}


def by_cursor(connection, select, value):
    with connection.cursor() as cursor:
        cursor.execute(select.for_cursor, {"value": value})
        return cursor.fetchone()


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
def test_a_wrapper_of_statements_sees_it(connection, kept, select):
    seen = []

    def wrapper(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        direct.one_row(connection, select, DIGEST)
    assert len(seen) == 1


class Tool:
    """Stands before a method, as tools do that trace; it passes on what else it is asked, as wrapt's do."""

    def __init__(self, method):
        self.method, self.calls = method, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.method(*args, **kwargs)

    def __get__(self, instance, kind=None):
        return self if instance is None else partial(self, instance)

    def __getattr__(self, name):
        return getattr(self.method, name)


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
    with psycopg.connect(**_params(connection), autocommit=True) as other:
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
        with psycopg.connect(**_params(connection)) as other:
            other.execute("LOCK TABLE frontdesk_session IN ACCESS EXCLUSIVE MODE")
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            # Were it not interrupted, it would wait for this very test.
            other.execute("SET LOCAL idle_in_transaction_session_timeout = 20000")
            with pytest.raises(Enough):
                direct.one_row(connection, select, DIGEST)
    finally:
        signal.signal(signal.SIGALRM, before)
        connection.close()


# --- the same errors --------------------------------------------------------------------------------


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
    with psycopg.connect(**_params(connection)) as other:
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


# --- prepared statements ----------------------------------------------------------------------------


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

"""The rows of the history as they are written: by an INSERT that is made once for each database.

The ORM compiles a statement anew each time, and makes an instance of each row, which together take several
times as long as executing it. What arrives is what the ORM would write. As with ``bulk_create()``, Django's
signals ``pre_save`` and ``post_save`` are not sent.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Any, NamedTuple

from django.core.signals import setting_changed
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField
from django.db.models.sql import InsertQuery

from frontdesk.models.history import HistoryEntry

TOGETHER = 1000
"""Rows that are written with one statement, if the database takes as many values."""

TELL_THE_KEY = {"sqlite", "mysql"}
"""Where the driver knows the key of a new row by itself. RETURNING would take half as long again."""


class Row(NamedTuple):
    """What is written: the columns of :class:`HistoryEntry` but its key, in their order."""

    what: str
    at: int
    user_id: Any = None
    name_hash: str = ""
    session_id: str = ""
    reason: str = ""
    methods: str = ""
    ip: str = ""
    user_agent: str = ""


class Insert:
    """The statements for one database. One instance serves all threads."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        ops, meta = connection.ops, HistoryEntry._meta
        self._key: Any = meta.pk
        self._fields: list[Any] = [
            field for field in meta.concrete_fields if field is not self._key
        ]
        # Text is written as it is. How else a value is written, only its field knows: the key of a user
        # may be of any kind.
        self._prepared = [
            (place, field)
            for place, field in enumerate(self._fields)
            if not isinstance(field, CharField)
        ]
        self._returns = (
            connection.features.can_return_rows_from_bulk_insert
            and connection.vendor not in TELL_THE_KEY
        )
        self._one, _ = self._compiled(connection, 1, [self._key] if self._returns else None)
        two, params = self._compiled(connection, 2)
        self._by_column = len(params) == len(self._fields)
        """Whether the ORM passes each column as an array, to PostgreSQL's UNNEST. Then the statement is the
        same for any number of rows."""
        columns = ", ".join(ops.quote_name(field.column) for field in self._fields)
        self._into = f"{ops.insert_statement()} {ops.quote_name(meta.db_table)} ({columns})"
        self._together = min(TOGETHER, max(1, ops.bulk_batch_size(self._fields, [None] * TOGETHER)))
        self._many = two if self._by_column else self._of(self._together, connection)

    def one(self, connection: BaseDatabaseWrapper, row: Row) -> Any:
        """Write a row and return its key."""
        params = list(row)
        for place, field in self._prepared:
            params[place] = field.get_db_prep_save(params[place], connection)
        with connection.cursor() as cursor:
            cursor.execute(self._one, params)
            if self._returns:
                return cursor.fetchone()[0]
            table = HistoryEntry._meta.db_table
            return connection.ops.last_insert_id(cursor, table, self._key.column)

    def many(self, connection: BaseDatabaseWrapper, rows: Sequence[Row]) -> None:
        """Write rows, as many with a statement as the database takes; all or none."""
        several = len(rows) > self._together
        with transaction.atomic(connection.alias, savepoint=False) if several else nullcontext():
            for start in range(0, len(rows), self._together):
                self._write(connection, rows[start : start + self._together])

    def _write(self, connection: BaseDatabaseWrapper, rows: Sequence[Row]) -> None:
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for place, field in self._prepared:
            columns[place] = [field.get_db_prep_save(value, connection) for value in columns[place]]
        sql, params = self._many, [list(column) for column in columns]
        if not self._by_column:
            params = list(chain.from_iterable(zip(*columns, strict=True)))
            if len(rows) != self._together:
                sql = self._of(len(rows), connection)
        with connection.cursor() as cursor:
            cursor.execute(sql, params)

    def _compiled(
        self, connection: BaseDatabaseWrapper, number: int, returning: Any = None
    ) -> tuple[str, Sequence[Any]]:
        """Return the statement for so many rows as the ORM writes it, and its parameters."""
        query = InsertQuery(HistoryEntry)
        query.insert_values(self._fields, [HistoryEntry()] * number)
        compiler: Any = query.get_compiler(connection=connection)
        compiler.returning_fields = returning
        ((sql, params),) = compiler.as_sql()
        return sql, params

    def _of(self, number: int, connection: BaseDatabaseWrapper) -> str:
        """Return the statement for so many rows, each value of which is a parameter."""
        marks: Any = [["%s"] * len(self._fields)] * number
        return f"{self._into} {connection.ops.bulk_insert_sql(self._fields, marks)}"


_inserts: dict[str, Insert] = {}


def insert_into(alias: str) -> Insert:
    """Return the statements for the database ``alias``."""
    insert = _inserts.get(alias)
    if insert is None:
        insert = _inserts[alias] = Insert(connections[alias])
    return insert


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"AUTH_USER_MODEL", "DATABASES"}:
        _inserts.clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.history_rows")

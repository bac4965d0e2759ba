"""The way of a SELECT past Django's cursor, to the database's driver, where nobody watches that cursor.

Of the time that a page takes to find out who is asking, a good part would go into Django's cursor. It is
there for those who watch and change what is executed. Wherever it could be of use to anybody, in a test that
counts queries, with DEBUG, with a tool that traces them, with a database backend or a driver that is not the
usual one, the statement goes through it as any other.
"""

import sqlite3
from collections.abc import Callable, Sequence
from operator import attrgetter, is_
from types import MethodType
from typing import Any, Final

from django.conf import settings
from django.db.backends import utils
from django.db.backends.base.base import BaseDatabaseWrapper

from frontdesk.conf import options
from frontdesk.origin import is_djangos
from frontdesk.storages import libpq
from frontdesk.storages.select import Select

Row = Sequence[Any]

UNFIT: Final = libpq.UNFIT


def one_row(connection: Any, select: Select, value: Any) -> Row | None:
    """Return the row for ``value``, which is as the driver takes it; ``None`` if there is none.

    ``connection`` is a ``BaseDatabaseWrapper``, the one of this thread. Raises what Django's cursor raises.
    """
    kind: Any = type(connection)
    driver = _driver_of(kind)
    if driver is not None and not _is_watched(connection):
        if connection.health_check_enabled:
            connection.close_if_health_check_failed()
        connection.ensure_connection()
        connection.validate_thread_sharing()
        try:
            found = driver(connection, select, value)
        except connection.Database.Error:
            with connection.wrap_database_errors:
                raise
        if found is not UNFIT:
            return found  # type: ignore[no-any-return]
    with connection.cursor() as cursor:
        cursor.execute(select.for_cursor, {"value": value})
        return cursor.fetchone()  # type: ignore[no-any-return]


MAKING = ("cursor", "_cursor", "_prepare_cursor", "create_cursor", "make_cursor")
"""The methods of a connection that make a cursor."""

USING = ("__init__", "__enter__", "execute", "_execute_with_wrappers", "_execute")
"""Those of the cursor that a statement goes through."""

# These are compared by identity: what a tool puts in the place of a method may say that it equals that.
_making, _using = attrgetter(*MAKING), attrgetter(*USING)
_methods = frozenset(MAKING)
_usual = tuple(each if is_djangos(each) else None for each in _using(utils.CursorWrapper))


def _is_watched(connection: BaseDatabaseWrapper) -> bool:
    """Whether anybody would miss a statement that does not go through the cursor."""
    return bool(
        not options().direct_access
        or connection.force_debug_cursor
        or settings.DEBUG
        or connection.execute_wrappers
        or connection.needs_rollback  # what the cursor has to say of that is well said
        or (not _methods.isdisjoint(connection.__dict__) and _makes_another_cursor(connection))
        or not all(map(is_, _using(utils.CursorWrapper), _usual))
    )


def _makes_another_cursor(connection: BaseDatabaseWrapper) -> bool:
    """Whether somebody has put something else in place of the connection's own methods."""
    # Django's test cases put there, once they are over, what was there before.
    kind = type(connection)
    return any(
        type(placed) is not MethodType or placed.__func__ is not getattr(kind, name)
        for name, placed in connection.__dict__.items()
        if name in _methods
    )


Driver = Callable[[BaseDatabaseWrapper, Select, Any], Any]


_found: dict[Any, tuple[Sequence[Any], Driver | None]] = {}
"""What was found out about a kind of connection, while its methods were these."""


def _driver_of(kind: Any) -> Driver | None:
    """Return what executes statements for a kind of connection; ``None`` if a cursor of its own does."""
    making, known = _making(kind), _found.get(kind)
    if known is None or not all(map(is_, making, known[0])):
        driver = _DRIVERS.get(kind.vendor) if all(map(is_djangos, making)) else None
        known = _found[kind] = (making, driver)
    return known[1]


def _sqlite(connection: BaseDatabaseWrapper, select: Select, value: Any) -> Any:
    raw: Any = connection.connection
    if type(raw) is not sqlite3.Connection:
        return UNFIT
    cursor = raw.execute(select.for_sqlite, (value,))
    try:
        return cursor.fetchone()
    finally:
        cursor.close()  # a statement that is not at its end holds a lock


_DRIVERS: dict[str, Driver] = {"sqlite": _sqlite, "postgresql": libpq.one_row}

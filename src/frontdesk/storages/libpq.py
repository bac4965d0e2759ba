"""A SELECT by PostgreSQL's own client library, in one call, as psycopg's ``pq`` offers it.

A cursor of psycopg's takes several times as long for a row, as it serves all that one can ask for.
See https://www.psycopg.org/psycopg3/docs/api/pq.html
"""

from enum import Enum
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper

from frontdesk.storages.select import Select

try:  # the project's driver, if its database is PostgreSQL; it may be psycopg2
    import psycopg
    from psycopg import errors, pq, waiting
    from psycopg.adapt import Transformer
except ImportError:
    WAITS_IN_C = False
else:
    # Not where psycopg lets others run while it waits (gevent), or is written in Python all through.
    WAITS_IN_C = waiting.wait is getattr(waiting, "wait_c", None)


class Unfit(Enum):
    """The type of :data:`UNFIT`."""

    UNFIT = "unfit"


UNFIT: Final = Unfit.UNFIT
"""Says that a statement has to go through the cursor after all."""

TIMESTAMPTZ = 1184
"""The OID of the one type whose values depend on the time zone of those who read them."""

LOST = {b"26000", b"0A000"}
"""SQLSTATEs: the server does not know the name; the columns are no longer of the types that they were."""

_prepared: WeakKeyDictionary[Any, set[bytes]] = WeakKeyDictionary()
"""The names that each connection knows."""


def one_row(connection: BaseDatabaseWrapper, select: Select, value: Any) -> Any:
    """Return the row for ``value``, ``None`` if there is none, or ``UNFIT``. Raises psycopg's errors."""
    raw: Any = connection.connection
    text = _as_text(value)
    if text is None or not _is_usual(raw) or not _has_its_time_zone(raw, connection):
        return UNFIT
    pgconn = raw.pgconn
    if not connection.autocommit and pgconn.transaction_status != pq.TransactionStatus.INTRANS:
        return UNFIT  # psycopg begins the transaction
    with raw.lock:
        if raw.prepare_threshold is None:
            result = pgconn.exec_params(select.for_libpq, [text])
        else:
            result = _by_name(raw, select, text)
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise _error(pgconn, result)
    if not result.ntuples:
        return None
    transformer = Transformer(raw)
    transformer.set_pgresult(result)
    return transformer.load_row(0, tuple)


def _by_name(raw: Any, select: Select, text: bytes) -> Any:
    """Execute a statement that the server has parsed and planned before.

    Only where the project lets psycopg do so too, by ``OPTIONS["prepare_threshold"]``: behind a pooler of
    connections, the next statement may come to another process of the server, which does not know it.
    """
    pgconn, known = raw.pgconn, _prepared.setdefault(raw, set())
    if select.name in known:
        result = pgconn.exec_prepared(select.name, [text])
        if result.error_field(pq.DiagnosticField.SQLSTATE) not in LOST:
            return result
        known.discard(select.name)
        if pgconn.transaction_status != pq.TransactionStatus.IDLE:
            return result  # it has failed with its transaction
        pgconn.exec_(b"DEALLOCATE " + select.name)
    result = pgconn.prepare(select.name, select.for_libpq)
    if result.status != pq.ExecStatus.COMMAND_OK:
        return result
    known.add(select.name)
    return pgconn.exec_prepared(select.name, [text])


def _is_usual(raw: Any) -> bool:
    """Whether this connection is one of Django's own making, and nobody has asked it for another way."""
    return (
        WAITS_IN_C
        and type(raw) is psycopg.Connection
        and raw.cursor_factory.__module__.startswith("django.db.backends.")
        and raw.pgconn.pipeline_status == pq.PipelineStatus.OFF
    )


def _has_its_time_zone(raw: Any, connection: BaseDatabaseWrapper) -> bool:
    """Whether instants come out in Django's time zone, as they would if a cursor of Django's was asked."""
    loader = raw.adapters.get_loader(TIMESTAMPTZ, pq.Format.TEXT)
    return bool(loader.timezone == connection.timezone)


def _error(pgconn: Any, result: Any) -> Any:
    if pgconn.status == pq.ConnStatus.BAD:
        return psycopg.OperationalError(pgconn.get_error_message())
    return errors.error_from_result(result)


def _as_text(value: Any) -> bytes | None:
    """Return what the server reads as ``value``; ``None`` for what it might read as something else."""
    if isinstance(value, str):
        return None if "\0" in value else value.encode()
    return str(value).encode() if type(value) in {int, UUID} else None

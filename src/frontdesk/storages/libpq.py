"""A SELECT by PostgreSQL's own client library, as psycopg's ``pq`` offers it.

A cursor of psycopg's takes longer for a row, as it serves all that one can ask for. The answer is
waited for as psycopg waits, so that whoever interrupts that, or lets others run meanwhile, still does.
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
    from psycopg import errors, generators, pq
    from psycopg.adapt import Transformer
except ImportError:
    HAS_PSYCOPG = False
else:
    # The one that is written in Python all through gains nothing.
    HAS_PSYCOPG = pq.__impl__ != "python"


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
    idle = raw.pgconn.transaction_status == pq.TransactionStatus.IDLE
    if idle and not connection.autocommit:
        return UNFIT  # psycopg begins the transaction
    with raw.lock:
        if idle and raw.prepare_threshold is not None:
            result = _by_name(raw, select, text)
        else:
            raw.pgconn.send_query_params(select.for_libpq, [text])
            result = _result(raw)
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise _error(raw.pgconn, result)
    if not result.ntuples:
        return None
    transformer = Transformer(raw)
    transformer.set_pgresult(result)
    return transformer.load_row(0, tuple)


def _by_name(raw: Any, select: Select, text: bytes) -> Any:
    """Execute a statement that the server has parsed and planned before.

    Only where the project lets psycopg do so too, by ``OPTIONS["prepare_threshold"]``: behind a pooler of
    connections, the next statement may come to another process of the server, which does not know it. And
    never within a transaction, which would fail with it: psycopg makes the server forget all such
    statements after each rollback.
    """
    pgconn, known = raw.pgconn, _prepared.setdefault(raw, set())
    if select.name in known:
        pgconn.send_query_prepared(select.name, [text])
        result = _result(raw)
        if result.error_field(pq.DiagnosticField.SQLSTATE) not in LOST:
            return result
        known.discard(select.name)
        pgconn.send_query(b"DEALLOCATE " + select.name)
        _result(raw)
    pgconn.send_prepare(select.name, select.for_libpq)
    result = _result(raw)
    if result.status != pq.ExecStatus.COMMAND_OK:
        return result
    known.add(select.name)
    pgconn.send_query_prepared(select.name, [text])
    return _result(raw)


def _result(raw: Any) -> Any:
    """Wait for the one result of what was sent."""
    return raw.wait(generators.execute(raw.pgconn))[-1]


def _is_usual(raw: Any) -> bool:
    """Whether this connection is one of Django's own making, and nobody has asked it for another way."""
    return (
        HAS_PSYCOPG
        and type(raw) is psycopg.Connection
        and raw.cursor_factory.__module__.startswith("django.db.backends.")
        and raw.pgconn.pipeline_status == pq.PipelineStatus.OFF
    )


def _has_its_time_zone(raw: Any, connection: BaseDatabaseWrapper) -> bool:
    """Whether instants come out in Django's time zone, as they would if a cursor of Django's was asked."""
    loader = raw.adapters.get_loader(TIMESTAMPTZ, pq.Format.TEXT)
    return bool(loader.timezone == connection.timezone)


def _error(pgconn: Any, result: Any) -> Any:
    if pgconn.status == pq.ConnStatus.BAD and not result.error_field(pq.DiagnosticField.SQLSTATE):
        return psycopg.OperationalError(pgconn.get_error_message())
    return errors.error_from_result(result)


def _as_text(value: Any) -> bytes | None:
    """Return what the server reads as ``value``; ``None`` for what it might read as something else."""
    if isinstance(value, str):
        return None if "\0" in value else value.encode()
    return str(value).encode() if type(value) in {int, UUID} else None

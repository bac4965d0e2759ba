"""Faults of a database, told apart: a conflict, a delay, an outage, and what is the project's own."""

from collections.abc import Callable
from typing import Final, TypeVar

from django.db import InterfaceError, InternalError, OperationalError, connections

from frontdesk.errors import Contention, StorageUnavailable

Result = TypeVar("Result")

FAULTS: Final = (OperationalError, InterfaceError, InternalError)

CONFLICTS: Final[set[str | int]] = {"40001", "40P01", 1020, 1213}
"""What PostgreSQL (SQLSTATE) and MySQL (error number) call a serialization failure or a deadlock."""

DELAYS: Final[set[str | int]] = {"55P03", "57014", 1205, 1969, 3024}
"""What they call a lock or a statement that took too long."""

PROJECTS: Final[set[str | int]] = {"25P02", 1153}
"""What is the project's: a transaction that it has broken, and a value that is too large to send."""

RETRIES: Final = 20


def execute(statement: Callable[[str], Result], alias: str, name: str) -> Result:
    """Call ``statement`` with ``alias`` and turn the faults of the database into ours.

    ``name`` says which database that is, for the message. A statement that lost against a concurrent one had
    no effect, so it is tried again. Inside the project's transaction only the project can do that, because
    the whole transaction is lost.
    """
    for attempt in range(1, RETRIES + 1):
        try:
            return statement(alias)
        except FAULTS as error:
            code = _code(error)
            if code in PROJECTS:
                # MySQL has closed the connection after 1153, and the next request must not meet that.
                connections[alias].close_if_unusable_or_obsolete()
                raise
            last = attempt == RETRIES or connections[alias].in_atomic_block
            if last or code not in CONFLICTS:
                raise _translated(error, code, name) from error
    raise AssertionError("The loop returns or raises.")


def _code(error: Exception) -> str | int | None:
    """Return the number of a MySQL error or the SQLSTATE of a PostgreSQL one."""
    if error.args and isinstance(error.args[0], int):
        return error.args[0]
    return getattr(error.__cause__, "sqlstate", None)


def is_table_missing(error: Exception) -> bool:
    """Return whether a database error says that it has no such table."""
    return _code(error) in {"42P01", 1146} or "no such table" in str(error)


def _translated(error: Exception, code: str | int | None, name: str) -> StorageUnavailable:
    said = f"{name}: {error}"
    if code in CONFLICTS or code in DELAYS or "is locked" in str(error):
        return Contention(said)
    hint = " (has manage.py migrate been run?)" if is_table_missing(error) else ""
    return StorageUnavailable(said + hint)

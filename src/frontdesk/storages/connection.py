"""The connection to the database of the sessions, and what its faults mean."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
    router,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from frontdesk.errors import StorageUnavailable
from frontdesk.models import Session

FAULTS = (OperationalError, InterfaceError, InternalError)
"""The last one is PostgreSQL's word for a server that has just become a replica."""


def connection_for_sessions() -> BaseDatabaseWrapper:
    """Return the connection of this thread. Reads too go where writes go: a replica may still show a
    session that has ended."""
    # A project without routers, as most are, need not be asked what they say.
    return connections[router.db_for_write(Session) if router.routers else DEFAULT_DB_ALIAS]


@contextmanager
def available() -> Iterator[BaseDatabaseWrapper]:
    """Give this thread's connection, and turn its faults into ours."""
    try:
        yield connection_for_sessions()
    except FAULTS as error:
        raise unavailable(error) from error


ONE_STATEMENT = {"40001", "40P01", "55P03", "57014", 1205, 1213, 3024}
"""What PostgreSQL (SQLSTATE) and MySQL (error number) say where the database is well, and one statement had
to give way to another or took too long: deadlocks, locks, limits."""


def unavailable(error: Exception) -> StorageUnavailable:
    """Return one of the ``FAULTS`` as one of ours."""
    hint = ". Has manage.py migrate been run?" if "no such table" in str(error) else ""
    found = StorageUnavailable(f"the database of the sessions: {error}{hint}")
    code = getattr(error.__cause__, "sqlstate", None) or next(iter(error.args), None)
    found.partial = code in ONE_STATEMENT or "is locked" in str(error)
    return found

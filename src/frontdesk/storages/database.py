"""Sessions in the project's database, through the ORM's connection. The default storage."""

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from frontdesk import clock
from frontdesk.errors import Conflict, InvalidSetting, StorageUnavailable, UndecodableRecord
from frontdesk.models import Session
from frontdesk.storages.base import LEFT_BEHIND, UNCHANGED, Changes, Ended, Record, Storage
from frontdesk.storages.reading import Reader, as_record, connection_for_sessions
from frontdesk.storages.sql import Sql, Statement
from frontdesk.tokens import Digest

logger = logging.getLogger("frontdesk")


class DatabaseStorage(Storage):
    """Sessions as rows of ``frontdesk_session``, in the database that the routers choose for it."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: dict[tuple[str, bool], Reader] = {}
        self._sql: dict[str, Sql] = {}

    def read(self, digest: Digest) -> Record | Ended | None:
        return self._read(digest, with_user=False)[0]

    def read_with_user(self, digest: Digest) -> tuple[Record | Ended | None, Any]:
        """Return the record and its user from one query; see ``ReadsUser``."""
        return self._read(digest, with_user=True)

    async def aread_with_user(self, digest: Digest) -> tuple[Record | Ended | None, Any]:
        """See :meth:`read_with_user`."""
        return await self._hop("read_with_user", digest)  # type: ignore[no-any-return]

    def insert(self, record: Record) -> bool:
        with _available() as connection:
            return _execute(connection, self._for(connection).insert(record)) == 1

    def update(self, digest: Digest, changes: Changes) -> bool:
        with _available() as connection:
            statement = self._for(connection).update(digest, changes, clock.now())
            return _execute(connection, statement) == 1 or _gone(connection, digest, changes)

    def rotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        now = clock.now()
        with _available() as connection:
            sql = self._for(connection)
            try:
                with transaction.atomic(using=connection.alias):
                    if _execute(connection, sql.update(old, changes, now, new)) == 0:
                        return _gone(connection, old, changes)
                    _execute(connection, sql.tombstone(old, now, now + LEFT_BEHIND))
            except IntegrityError:
                return False
            return True

    def remove(self, digests: Collection[Digest]) -> int:
        if not digests:
            return 0
        now = clock.now()
        marks = ", ".join(["%s"] * len(digests))
        with _available() as connection:
            sql = self._for(connection)
            condition = f"digest IN ({marks})"
            return _execute(connection, sql.end(condition, list(digests), now, now + LEFT_BEHIND))

    def of_user(self, user_id: str) -> list[Record]:
        with _available() as connection:
            user = self._for(connection).user(user_id)
            if user is None:
                return []
            owned = Session.objects.using(connection.alias).filter(
                user_id=user, ended=False, expires__gt=clock.now()
            )
            return list(_readable(owned.order_by("-last_seen")))

    def remove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        now = clock.now()
        with _available() as connection:
            sql = self._for(connection)
            user = sql.user(user_id)
            if user is None:
                return []
            condition, params = "user_id = %s", [user]
            if keep:
                condition += f" AND digest NOT IN ({', '.join(['%s'] * len(keep))})"
                params += keep
            until = now + LEFT_BEHIND
            if sql.dialect.returning:
                statement, params = sql.end(condition, params, now, until)
                return _digests(connection, (f"{statement} RETURNING digest", params))
            with transaction.atomic(using=connection.alias):
                ended = _digests(connection, sql.lock(condition, params, now))
                _execute(connection, sql.end(condition, params, now, until))
                return ended

    def purge(self, now: int, limit: int) -> int:
        with _available() as connection:
            expired = Session.objects.using(connection.alias).filter(expires__lte=now)
            digests = list(expired.values_list("pk", flat=True)[:limit])
            # Asked again, as a session may have been renewed between the two.
            return expired.filter(pk__in=digests).delete()[0] if digests else 0

    def check(self) -> list[CheckMessage]:
        try:
            self._for(connection_for_sessions())
        except InvalidSetting as error:
            return [Error(str(error), id="frontdesk.E012")]
        return []

    def _read(self, digest: Digest, *, with_user: bool) -> tuple[Record | Ended | None, Any]:
        with _available() as connection:
            reader = self._readers.get((connection.alias, with_user))
            if reader is None:
                reader = Reader(connection.alias, with_user=with_user)
                self._readers[connection.alias, with_user] = reader
            session, user = reader.read(connection, digest)
        if session is None or session.expires <= clock.now():
            return None, UNCHANGED
        if session.ended:
            return Ended(digest, session.expires), UNCHANGED
        return as_record(session), user

    def _for(self, connection: BaseDatabaseWrapper) -> Sql:
        sql = self._sql.get(connection.alias)
        if sql is None:
            sql = self._sql[connection.alias] = Sql(connection)
        return sql


def _readable(rows: Iterable[Session]) -> Iterator[Record]:
    for row in rows:
        try:
            yield as_record(row)
        except UndecodableRecord as error:
            # One damaged record must not hide the others from their owner.
            logger.error("%s It is left out of the list.", error)


@contextmanager
def _available() -> Iterator[BaseDatabaseWrapper]:
    """Give this thread's connection, and turn its faults into ours."""
    try:
        yield connection_for_sessions()
    except (OperationalError, InterfaceError, InternalError) as error:
        # The last one is PostgreSQL's word for a server that has just become a replica.
        hint = ". Has manage.py migrate been run?" if "no such table" in str(error) else ""
        raise StorageUnavailable(f"the database of the sessions: {error}{hint}") from error


def _execute(connection: BaseDatabaseWrapper, statement: Statement) -> int:
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return int(cursor.rowcount)


def _digests(connection: BaseDatabaseWrapper, statement: Statement) -> list[Digest]:
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return [Digest(digest) for (digest,) in cursor.fetchall()]


def _gone(connection: BaseDatabaseWrapper, digest: Digest, changes: Changes) -> bool:
    """Say ``False`` of a change that met no row; raise ``Conflict`` if it met another version."""
    if changes.expected_version is None:
        return False
    live = Session.objects.using(connection.alias).filter(
        pk=digest, ended=False, expires__gt=clock.now()
    )
    if live.exists():
        raise Conflict(f"The session is no longer at version {changes.expected_version}.")
    return False

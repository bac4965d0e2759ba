"""Sessions in the project's database, through the ORM's connection. The default storage."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import IntegrityError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from frontdesk import clock
from frontdesk.errors import Conflict, InvalidSetting, UndecodableRecord
from frontdesk.models import Session
from frontdesk.storages.base import LEFT_BEHIND, Storage
from frontdesk.storages.connection import FAULTS, available, connection_for_sessions, unavailable
from frontdesk.storages.direct import Row
from frontdesk.storages.reading import (
    ENDED,
    EXPIRES,
    Reader,
    as_record,
)
from frontdesk.storages.record import UNCHANGED, Changes, Ended, Expired, Purged, Record, beyond
from frontdesk.storages.sql import COLUMNS, Sql, Statement, marks
from frontdesk.tokens import Digest
from frontdesk.user_ids import owner_as_text

logger = logging.getLogger("frontdesk")

SCANNED = 500
"""Rows that are in memory at once while all sessions are gone through."""


class DatabaseStorage(Storage):
    """Sessions as rows of ``frontdesk_session``, in the database that the routers choose for it."""

    transactional = True

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
        with available() as connection:
            return _execute(connection, self._for(connection).insert(record)) == 1

    def update(self, digest: Digest, changes: Changes) -> bool:
        with available() as connection:
            statement = self._for(connection).update(digest, changes, clock.now())
            return _execute(connection, statement) == 1 or _gone(connection, digest, changes)

    def rotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        now = clock.now()
        with available() as connection:
            sql = self._for(connection)
            try:
                with transaction.atomic(using=connection.alias):
                    if _execute(connection, sql.update(old, changes, now, new)) == 0:
                        return _gone(connection, old, changes)
                    same_user = changes.user_id is UNCHANGED
                    until = now + LEFT_BEHIND
                    _execute(connection, sql.tombstone(old, new, now, until, same_user=same_user))
            except IntegrityError:
                return False
            return True

    def remove(self, digests: Collection[Digest], user_id: str | None = None) -> list[Digest]:
        if not digests:
            return []
        with available() as connection:
            sql = self._for(connection)
            owned = "" if user_id is None else " AND user_id = %s"
            owner = [] if user_id is None else [sql.user(user_id)]
            names = list(dict.fromkeys(digests))
            ended = self._end(connection, f"digest IN ({marks(names)}){owned}", names, owner)
            gone = [name for name in names if name not in ended]
            while gone:
                moved = _rows(connection, sql.moved(gone, clock.now()))
                gone = []
                for there, whose in moved:
                    same = " AND user_id IS NULL" if whose is None else " AND user_id = %s"
                    condition = f"digest = %s{owned}{same}"
                    params = [*owner, *([] if whose is None else [whose])]
                    ended += self._end(connection, condition, [Digest(there)], params)
                    gone += [] if there in ended else [Digest(there)]
        return ended

    def of_user(self, user_id: str) -> list[Record]:
        with available() as connection:
            user = self._for(connection).user(user_id)
            if user is None:
                return []
            with self.live_rows() as live:
                owned = live.filter(user_id=user).order_by("-last_seen")
                return list(_readable(owned.values_list(*COLUMNS)))

    def remove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        with available() as connection:
            user = self._for(connection).user(user_id)
            if user is None:
                return []
            kept = f" AND digest NOT IN ({marks(keep)})" if keep else ""
            return self._end(connection, f"user_id = %s{kept}", (), [user, *keep])

    def remove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        with available() as connection, transaction.atomic(using=connection.alias):
            sql = self._for(connection)
            user = sql.user(user_id)
            if user is None:
                return []
            rows = _rows(connection, sql.lock("user_id = %s", [user], clock.now()))
            names = beyond({Digest(digest): seen for digest, seen in rows}, limit, among)
            if not names:
                return []
            return self._end(connection, f"digest IN ({marks(names)})", names)

    def purge(self, now: int, limit: int) -> Purged:
        with available() as connection:
            dialect = self._for(connection).dialect
            over = Session.objects.using(connection.alias).filter(expires__lte=now)
            if dialect.row_locks:
                # Held before they go, so that of two who purge at once each tells only what it deletes.
                over = over.select_for_update(skip_locked=dialect.skips_locked)
            columns = ("pk", "user_id", "last_seen", "idle", "deadline", "ended")
            with transaction.atomic(using=connection.alias) if dialect.row_locks else nullcontext():
                rows = list(over.order_by("expires").values_list(*columns)[:limit])
                gone = self._delete(connection, [row[0] for row in rows], now) if rows else set()
        return Purged(
            len(gone),
            [
                Expired(Digest(pk), owner_as_text(user), seen + idle <= end, min(seen + idle, end))
                for pk, user, seen, idle, end, ended in rows
                if pk in gone and not ended
            ],
        )

    def _delete(self, connection: BaseDatabaseWrapper, names: list[str], now: int) -> set[str]:
        """Delete rows that have expired, and return which of them this call has deleted."""
        sql = self._for(connection)
        statement, params = sql.delete(names, now)
        if sql.dialect.row_locks:
            _execute(connection, (statement, params))
            return set(names)
        return set(_digests(connection, (f"{statement} RETURNING digest", params)))

    def count_expired(self, now: int) -> int:
        """See :class:`~frontdesk.storages.base.CountsExpired`."""
        with available() as connection:
            return Session.objects.using(connection.alias).filter(expires__lte=now).count()

    @contextmanager
    def live_rows(self) -> Iterator[QuerySet[Session]]:
        """See :class:`~frontdesk.storages.base.HasTable`."""
        with available() as connection:
            rows = Session.objects.using(connection.alias)
            yield rows.filter(ended=False, expires__gt=clock.now())

    def scan(self, after: str = "") -> Iterator[Record]:
        """See :class:`~frontdesk.storages.base.Scans`."""
        while True:
            with self.live_rows() as live:
                rows = list(
                    live.filter(digest__gt=after).order_by("digest").values_list(*COLUMNS)[:SCANNED]
                )
            if not rows:
                return
            yield from _readable(rows)
            after = rows[-1][0]

    def after_commit(self, function: Callable[[], None]) -> None:
        transaction.on_commit(function, using=connection_for_sessions().alias)

    def _end(
        self,
        connection: BaseDatabaseWrapper,
        condition: str,
        names: Collection[Digest],
        params: Collection[Any] = (),
    ) -> list[Digest]:
        """End what is live and meets ``condition``, which takes ``names`` and then ``params``."""
        sql, now, params = self._for(connection), clock.now(), [*names, *params]
        statement, all_params = sql.end(condition, params, now, now + LEFT_BEHIND)
        if sql.dialect.returning:
            return _digests(connection, (f"{statement} RETURNING digest", all_params))
        if len(names) == 1:
            return list(names) if _execute(connection, (statement, all_params)) else []
        with transaction.atomic(using=connection.alias):
            ended = _digests(connection, sql.lock(condition, params, now))
            _execute(connection, (statement, all_params))
            return ended

    def check(self) -> list[CheckMessage]:
        try:
            self._for(connection_for_sessions())
        except InvalidSetting as error:
            return [Error(str(error), id="frontdesk.E012")]
        return []

    def _read(self, digest: Digest, *, with_user: bool) -> tuple[Record | Ended | None, Any]:
        try:
            connection = connection_for_sessions()
            reader = self._readers.get((connection.alias, with_user))
            if reader is None:
                reader = Reader(connection.alias, with_user=with_user)
                self._readers[connection.alias, with_user] = reader
            row = reader.row.fetch(connection, digest)
        except FAULTS as error:
            raise unavailable(error) from error
        if row is None:
            return None, UNCHANGED
        session = reader.session(row)
        if session[EXPIRES] <= clock.now():
            return None, UNCHANGED
        if session[ENDED]:
            return Ended(digest, session[EXPIRES]), UNCHANGED
        return as_record(session), reader.user(row)

    def _for(self, connection: BaseDatabaseWrapper) -> Sql:
        sql = self._sql.get(connection.alias)
        if sql is None:
            sql = self._sql[connection.alias] = Sql(connection)
        return sql


def _readable(rows: Iterable[Row]) -> Iterator[Record]:
    for row in rows:
        try:
            yield as_record(row)
        except UndecodableRecord as error:
            # One damaged record must not hide the others from their owner.
            logger.error("%s It is left out of the list.", error)


def _execute(connection: BaseDatabaseWrapper, statement: Statement) -> int:
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return int(cursor.rowcount)


def _rows(connection: BaseDatabaseWrapper, statement: Statement) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return list(cursor.fetchall())


def _digests(connection: BaseDatabaseWrapper, statement: Statement) -> list[Digest]:
    return [Digest(row[0]) for row in _rows(connection, statement)]


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

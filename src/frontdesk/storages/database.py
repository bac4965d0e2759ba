"""Sessions in the project's database, through the ORM, on every database that Django supports."""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, partial
from operator import itemgetter
from typing import Any, Final, TypeVar

from django.db import DataError, connections, router, transaction
from django.db.models import F, QuerySet

from frontdesk.core import clock
from frontdesk.core.flow import Flow
from frontdesk.core.record import GRACE, UNCHANGED, Former, Record
from frontdesk.errors import UndecodableRecord
from frontdesk.models import Session
from frontdesk.storages.base import BATCH, Storage, Swap
from frontdesk.storages.rows import OneRow, create_row, execute, id_of_pk, pk_of_id

logger: logging.Logger = logging.getLogger("frontdesk")

Result = TypeVar("Result")

ENCODED: Final = {"former", "values", "user_id"}
"""The fields of a record that a row holds in another form."""

# _record() makes records by position, so the encoded fields are the last of a record.
PLAIN: Final = [name for name in Record.__dataclass_fields__ if name not in ENCODED]
COLUMNS: Final = (*PLAIN, "former", "data", "user_id")

SMALL: Final = 2**18
"""Bytes. A server of MySQL takes a statement of this size unless its limit was lowered much."""

REST: Final = 2**12
"""Bytes. More than a statement has besides the values of a session."""


class DatabaseStorage(Storage):
    """Sessions as rows of the table ``frontdesk_session``, in the database that the routers choose."""

    def __init__(self) -> None:
        super().__init__()
        self._reads: dict[tuple[str, Any], _Read] = {}

    @cached_property
    def _joinable_users(self) -> Any:
        """The user model, if a session and its user can be read in the same query."""
        return _owner().joinable_users

    # The primitives.

    def load(self, ids: Collection[str], latest: bool = False) -> list[Record]:
        if len(ids) == 1 and not latest:
            (id,) = ids
            return self._execute(lambda alias: self._read(alias).fetch(id)[0])

        def select(alias: str) -> list[Record]:
            rows = _rows(alias)
            if latest and connections[alias].in_atomic_block:
                # A locking read sees what others have committed since this transaction began.
                rows = rows.select_for_update()
            return list(_records(rows.filter(pk__in=ids).values_list(*COLUMNS)))

        return self._execute(select)

    def load_with_user(self, id: str) -> tuple[list[Record], Any]:
        """See :class:`~frontdesk.storages.base.LoadsUser`: one query."""
        users = self._joinable_users

        def select(alias: str) -> tuple[list[Record], Any]:
            # Asked at each read, because a router may answer by tenant.
            joined = users is not None and router.db_for_write(users) == alias
            return self._read(alias, users if joined else None).fetch(id)

        return self._execute(select)

    async def aload_with_user(self, id: str) -> tuple[list[Record], Any]:
        """See :meth:`load_with_user`."""
        return await self.hop(self.load_with_user, id)

    def swap(self, swaps: Sequence[Swap]) -> list[bool]:
        return [self._swap_one(before, after) for before, after in swaps]

    def _swap_one(self, before: Record | None, after: Record) -> bool:
        columns = _columns(after)

        def update(alias: str) -> bool:
            _refuse_too_large(alias, columns)
            version = 0 if before is None else before.version
            there = _rows(alias).filter(pk=after.id, version=version, expires__gt=clock.now())
            return there.update(**columns) == 1

        def insert(alias: str) -> bool:
            _refuse_too_large(alias, columns)
            return create_row(_rows(alias), pk=after.id, **columns)

        return self._execute(insert if before is None else update)

    def ids_of(self, user_id: str) -> list[str]:
        return [each.id for each in self.records_of(user_id)]

    def purge(self, now: int, limit: int) -> list[Record]:
        def delete(alias: str) -> list[Record]:
            rows = _rows(alias)
            skips = connections[alias].features.has_select_for_update_skip_locked
            with transaction.atomic(using=alias):
                # SQLite has no row locks. A write, even of no row, locks the database for this transaction.
                rows.filter(pk="").update(version=0)
                over = rows.filter(expires__lte=now).order_by("expires")
                found = over.select_for_update(skip_locked=skips).values_list(*COLUMNS)[:limit]
                gone = list(_records(found))
                rows.filter(pk__in=[each.id for each in gone]).delete()
            return gone

        return self._execute(delete)

    # What the database does in fewer statements than the contract's flows.

    def of_user(self, user_id: str) -> Flow[list[Record]]:
        found: list[Record] = yield from self._watched("records_of", user_id)
        return found

    def records_of(self, user_id: str) -> list[Record]:
        """Return the live sessions of a user, most recently used first: one query."""
        return self._execute(lambda alias: list(_records(_live_of(alias, [user_id]))))

    async def arecords_of(self, user_id: str) -> list[Record]:
        """See :meth:`records_of`."""
        return await self.hop(self.records_of, user_id)

    def end_of_user(self, user_id: str, keep: Collection[str] = ()) -> Flow[list[Record]]:
        ended: list[Record] = yield from self._watched("end_records_of", [user_id], keep)
        return ended

    def end_of_users(self, user_ids: Collection[str]) -> Flow[list[Record]]:
        ended: list[Record] = yield from self._watched("end_records_of", user_ids, ())
        return ended

    def end_records_of(self, user_ids: Collection[str], keep: Collection[str]) -> list[Record]:
        """End the sessions of these users but those to ``keep``, and return them: two queries."""

        def end(alias: str) -> list[Record]:
            rows = _rows(alias)
            found = list(_records(_live_of(alias, user_ids).exclude(pk__in=keep)))
            now = clock.now()
            ended: list[Record] = []
            for start in range(0, len(found), BATCH):
                batch = found[start : start + BATCH]
                theirs = rows.filter(pk__in=[each.id for each in batch], ended=None)
                if theirs.update(
                    version=F("version") + 1, **_ended_columns(now + self.linger)
                ) < len(batch):
                    # Another request has ended some of them meanwhile, and tells about those.
                    own = set(
                        rows.filter(
                            pk__in=[each.id for each in batch], ended=now + self.linger
                        ).values_list("pk", flat=True)
                    )
                    batch = [each for each in batch if each.id in own]
                ended += batch
            return ended

        return self._execute(end)

    async def aend_records_of(
        self, user_ids: Collection[str], keep: Collection[str]
    ) -> list[Record]:
        """See :meth:`end_records_of`."""
        return await self.hop(self.end_records_of, user_ids, keep)

    def scan(self, after: str = "") -> Iterator[Record]:
        """See :class:`~frontdesk.storages.base.Scans`."""
        while rows := self._execute(partial(_following, after)):
            yield from _records(rows)
            after = rows[-1][0]

    def count_expired(self, now: int) -> int:
        """See :class:`~frontdesk.storages.base.Scans`."""
        return self._execute(lambda alias: _rows(alias).filter(expires__lte=now).count())

    # Transactions, connections and their faults.

    def after_commit(self, function: Callable[[], None]) -> None:
        transaction.on_commit(function, using=_alias())

    def in_transaction(self) -> bool:
        return connections[_alias()].in_atomic_block

    def _read(self, alias: str, users: Any = None) -> "_Read":
        read = self._reads.get((alias, users))
        if read is None:
            read = self._reads[alias, users] = _Read(alias, users)
        return read

    def _execute(self, statement: Callable[[str], Result]) -> Result:
        return execute(statement, _alias(), "the database of the sessions")


class _Read:
    """The compiled SELECT of one session, with its user if ``users``, the user model, is given."""

    def __init__(self, alias: str, users: Any) -> None:
        rows = Session.objects.using(alias).filter(pk="id")
        self._row = OneRow(rows.select_related("user") if users else rows)
        self._session = itemgetter(*(self._row.columns[name] for name in COLUMNS))
        self._users = users

    def fetch(self, id: str) -> tuple[list[Record], Any]:
        row = self._row.fetch(id)
        if row is None:
            return [], UNCHANGED
        records = list(_records([self._session(row)]))
        if not self._users:
            return records, UNCHANGED
        (columns,) = self._row.related
        return records, self._row.instance(self._users, row, columns)


def _alias() -> str:
    # Reads go where writes go, because a replica may still show a session that has ended.
    return router.db_for_write(Session)


def _rows(alias: str) -> QuerySet[Session]:
    return Session.objects.using(alias)


def _live(alias: str) -> QuerySet[Session]:
    return _rows(alias).filter(ended=None, expires__gt=clock.now())


def _live_of(alias: str, user_ids: Collection[str]) -> Any:
    pks = [pk_of_id(each, _pk_field()) for each in user_ids]
    found = _live(alias).filter(user_id__in=[pk for pk in pks if pk is not None])
    return found.order_by("-last_seen", "-pk").values_list(*COLUMNS)


def _following(after: str, alias: str) -> list[Any]:
    return list(_live(alias).filter(pk__gt=after).order_by("pk").values_list(*COLUMNS)[:BATCH])


def _owner() -> Any:
    return Session._meta.get_field("user")


@cache
def _pk_field() -> Any:
    """Return the field of the users' primary key."""
    return _owner().target_field


def _columns(record: Record) -> dict[str, Any]:
    values = {key: value.decode("latin-1") for key, value in record.values.items()}
    return {
        **{name: getattr(record, name) for name in PLAIN if name != "id"},
        "former": json.dumps(record.former) if record.former else "",
        "data": json.dumps(values),
        "user_id": pk_of_id(record.user_id, _pk_field()),
        "expires": record.expires,
    }


def _refuse_too_large(alias: str, columns: Mapping[str, Any]) -> None:
    """Raise ``DataError``, as SQLite does, for values that are too large for one statement of MySQL.

    The server would close the connection, often before the client has read why. That looks like an outage,
    which would turn away other users for some seconds.
    """
    data = columns["data"]
    if len(data) < SMALL or connections[alias].vendor != "mysql":
        return
    size = len(data) + data.count('"') + data.count("\\") + REST  # the driver escapes both
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        (most,) = cursor.fetchone()
    if size > most:
        raise DataError(
            f"The values of a session take {size} bytes in the statement that stores them. The database "
            f"takes {most} (max_allowed_packet). Keep less in the session."
        )


def _ended_columns(now: int) -> dict[str, Any]:
    """Return what an end writes, see :func:`frontdesk.core.record.end`."""
    left = {"data": "{}", "user_id": None, "authenticated": None}
    client = {"ip": "", "user_agent": "", "carrier": ""}
    times = {"last_seen": now, "idle": 0, "deadline": now, "ended": now, "expires": now + GRACE}
    return {**left, **client, **times}


def _records(rows: Iterable[Sequence[Any]]) -> Iterator[Record]:
    """Yield rows of ``COLUMNS`` as records. One that is damaged is logged and left out."""
    for row in rows:
        try:
            yield _record(row)
        except UndecodableRecord as error:
            logger.error("%s", error)


def _record(row: Sequence[Any]) -> Record:
    *plain, former, data, user = row
    try:
        formers = json.loads(former).items() if former else ()
        encoded: tuple[Any, ...] = (
            {digest: Former(*known) for digest, known in formers},
            {key: value.encode("latin-1") for key, value in json.loads(data).items()},
            None if user is None else id_of_pk(user, _pk_field()),
        )
        return Record(*plain, *encoded)
    except (ValueError, TypeError, AttributeError) as error:
        raise UndecodableRecord(
            f"The stored session {row[0]} is damaged and treated as ended: {error!r}."
        ) from error

"""Sessions as documents, for places that can load a name and compare-and-set it, and no more.

A document is a version, a space and JSON. Each compare-and-set is about one name, so it needs no
transaction, and no two names need to be on the same server.

The sessions of a user are listed in an *index*, which is a document too. Three rules keep a live session
from being missing in it, even if a process stops for minutes at any point:

1. A session is stored before its user's index names it, and belongs to the user only after that. So a
   new session is stored without a user first.
2. A name is removed from an index only if its session is gone or has ended. Nothing brings such a session
   back: the write that would make it the user's finds another version, and fails. A session of the same id
   that becomes a user's meanwhile is written into the index even if it is there, so that the removal fails.
3. The index keeps a name for longer than the session can last, by more than clocks differ.
"""

import hashlib
import json
import logging
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from frontdesk.core import clock
from frontdesk.core.flow import Call, Flow, arun, run
from frontdesk.core.keys import is_id
from frontdesk.core.record import Former, Record
from frontdesk.errors import Contention, UndecodableRecord
from frontdesk.storages.base import BATCH, TRIES, Storage, Swap

logger: logging.Logger = logging.getLogger("frontdesk")

SESSION: Final = "s-"
INDEX: Final = "u-"

SKEW: Final = 60 * clock.MINUTE
"""More than the clocks of servers differ."""

UNBORN: Final = 2**62
"""A session that is stored and not yet its user's has a larger version. Loading passes over it."""

UNBORN_LASTS: Final = clock.MINUTE

DAMAGED: Final = -1
"""The version of a document that has none, because something else has written it or cut it short."""

CROWD: Final = 64
"""An index of at least so many names is searched for dead ones each time its length has doubled."""


class Write(NamedTuple):
    """One compare-and-set of a document."""

    name: str
    """Of the document."""
    version: int
    """The version to replace; 0 if there must be no document."""
    data: bytes
    """What to store."""
    expires: int
    """When the place may forget the document, in microseconds since 1970-01-01 UTC."""


class DocumentStorage(Storage):
    """The contract of a storage on two primitives, :meth:`get` and :meth:`cas`."""

    native = False
    """Whether ``aget`` and ``acas`` are supplied, and wait without a thread."""

    @abstractmethod
    def get(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the documents that are there. One that has expired is not, as for :meth:`cas`."""

    @abstractmethod
    def cas(self, writes: Sequence[Write]) -> list[bool]:
        """Make each write whose version is still there, and say which. Each is atomic by itself.

        A document that has expired is not there.
        """

    def load(self, ids: Collection[str], latest: bool = False) -> list[Record]:
        return run(self._load_documents(ids))

    async def aload(self, ids: Collection[str], latest: bool = False) -> list[Record]:
        if self.native:
            return await arun(self._load_documents(ids))
        return await super().aload(ids, latest)

    def swap(self, swaps: Sequence[Swap]) -> list[bool]:
        return run(self._swap_documents(swaps))

    async def aswap(self, swaps: Sequence[Swap]) -> list[bool]:
        if self.native:
            return await arun(self._swap_documents(swaps))
        return await super().aswap(swaps)

    def ids_of(self, user_id: str) -> list[str]:
        return run(self._names_of(user_id))

    async def aids_of(self, user_id: str) -> list[str]:
        if self.native:
            return await arun(self._names_of(user_id))
        return await super().aids_of(user_id)

    def purge(self, now: int, limit: int) -> list[Record]:
        """Delete nothing: the place forgets documents by itself."""
        return []

    def _load_documents(self, ids: Collection[str]) -> Flow[list[Record]]:
        # An id may come from a form. Only one that is well-formed becomes part of a name.
        found = yield Call(self, "get", ([SESSION + id for id in ids if is_id(id)],))
        return list(decoded(found.values()))

    def _swap_documents(self, swaps: Sequence[Swap]) -> Flow[list[bool]]:
        writes = []
        for before, after in swaps:
            version = 0 if before is None else before.version
            if _is_signed_in(after):
                if before is None:
                    version = yield from self._announce(after)
                if before is None or before.user_id != after.user_id:
                    yield from self._list(after, becomes_theirs=True)
                elif _may_be_unlisted(before, after):
                    yield from self._list(after)
            writes.append(Write(SESSION + after.id, version, encoded(after), after.expires))
        return (yield Call(self, "cas", (writes,)))  # type: ignore[no-any-return]

    def _announce(self, record: Record) -> Flow[int]:
        """Store a new session without a user, and return its version, which no other insert has.

        Takes the place of another insert that is at the same point, or was cut off there. If the id is
        taken, return a version that nothing has.
        """
        blank = _unborn(record)
        (stored,) = yield Call(self, "cas", ([blank],))
        if not stored:
            found = yield Call(self, "get", ([blank.name],))
            there = version_in(found.get(blank.name))
            if there > UNBORN:
                (stored,) = yield Call(self, "cas", ([blank._replace(version=there)],))
        return version_in(blank.data) if stored else UNBORN

    def _names_of(self, user_id: str) -> Flow[list[str]]:
        return list(_names_in((yield from self._index(user_id))))

    def _index(self, user_id: str) -> Flow[bytes | None]:
        name = index_name(user_id)
        found = yield Call(self, "get", ([name],))
        return found.get(name)  # type: ignore[no-any-return]

    def _list(self, record: Record, *, becomes_theirs: bool = False) -> Flow[None]:
        """Put the session into its user's index, unless it is there and has been the user's."""
        user_id = str(record.user_id)
        for _ in range(TRIES):
            index = yield from self._index(user_id)
            version = version_in(index)
            try:
                names = _names_in(index)
            except UndecodableRecord as error:
                logger.error("%s It begins anew, and sessions enter it when they are used.", error)
                names = {}
            if names.get(record.id, -1) >= record.deadline and not becomes_theirs:
                return
            now = clock.now()
            names = {id: deadline for id, deadline in names.items() if deadline + SKEW > now}
            if is_crowded(names):
                names = yield from self._without_dead(names)
            # A deadline only grows here: a write of another request may be under way with that one.
            names[record.id] = max(names.get(record.id, 0), record.deadline)
            lasts = max(names.values()) + SKEW
            # An index that begins anew must not repeat a version, which a stopped process may still know.
            after = version + 1 if version > 0 else now
            write = Write(index_name(user_id), version, _closed(after, names), lasts)
            (stored,) = yield Call(self, "cas", ([write],))
            if stored:
                return
        raise Contention(
            f"The index of user {user_id} was changed by others {TRIES} times in a row."
        )

    def _without_dead(self, names: Mapping[str, int]) -> Flow[dict[str, int]]:
        ids, kept = list(names), dict[str, int]()
        for start in range(0, len(ids), BATCH):  # one large read would keep others waiting
            batch = ids[start : start + BATCH]
            found = yield Call(self, "get", ([SESSION + id for id in batch],))
            for id in batch:
                if SESSION + id in found and not _has_ended(found[SESSION + id]):
                    kept[id] = names[id]
        return kept


def is_crowded(names: Collection[str]) -> bool:
    """Return whether an index should be searched for dead names: each time its length has doubled."""
    return len(names) >= CROWD and len(names).bit_count() == 1


def _is_signed_in(record: Record) -> bool:
    return record.user_id is not None and record.ended is None


def _may_be_unlisted(before: Record, after: Record) -> bool:
    """Return whether a write should look into the index.

    Also once in a minute of use, as a cache may have evicted the index.
    """
    return (
        before.deadline != after.deadline
        or before.last_seen // clock.MINUTE != after.last_seen // clock.MINUTE
    )


def _unborn(record: Record) -> Write:
    now = clock.now()
    blank = replace(record, user_id=None, values={}, ip="", user_agent="", version=UNBORN + now)
    return Write(SESSION + record.id, 0, encoded(blank), now + UNBORN_LASTS)


def index_name(user_id: str) -> str:
    """Return the name of a user's index. A user id may be any text, and names are not."""
    return INDEX + hashlib.sha256(user_id.encode("utf-8", "surrogatepass")).hexdigest()


def encoded(record: Record) -> bytes:
    """Return ``record`` as a document."""
    body = {name: getattr(record, name) for name in FIELDS}
    body["values"] = {key: value.decode("latin-1") for key, value in record.values.items()}
    return _closed(record.version, body)


def decoded(documents: Iterable[bytes]) -> Iterator[Record]:
    """Yield the records in ``documents``. One that is damaged is logged and left out."""
    for data in documents:
        try:
            record = _record_in(data)
        except UndecodableRecord as error:
            logger.error("%s", error)
        else:
            if record.version < UNBORN:
                yield record


FIELDS: Final = [name for name in Record.__dataclass_fields__ if name not in {"values", "version"}]


def _record_in(data: bytes) -> Record:
    try:
        version, body = _opened(data)
        body["values"] = {key: value.encode("latin-1") for key, value in body["values"].items()}
        body["former"] = {digest: Former(*known) for digest, known in body["former"].items()}
        return Record(version=version, **body)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UndecodableRecord(
            f"A stored session is damaged and treated as ended: {error!r}."
        ) from error


def _names_in(data: bytes | None) -> dict[str, int]:
    """Return the names in a user's index, each with the deadline of its session."""
    if data is None:
        return {}
    try:
        _, names = _opened(data)
        return {str(id): int(deadline) for id, deadline in names.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UndecodableRecord(f"The list of a user's sessions is damaged: {error!r}.") from error


def _has_ended(data: bytes) -> bool:
    return any(record.ended is not None for record in decoded([data]))


def _closed(version: int, body: Any) -> bytes:
    return b"%d %s" % (version, json.dumps(body, separators=(",", ":")).encode("ascii"))


def _opened(data: bytes) -> tuple[int, Any]:
    version, _, body = data.partition(b" ")
    return int(version), json.loads(body)


def version_in(data: bytes | None) -> int:
    """Return the version of a document, 0 for none, and :data:`DAMAGED` for one without a version."""
    if data is None:
        return 0
    version = data.partition(b" ")[0]
    return int(version) if version.isdigit() else DAMAGED

"""The contract of a storage on top of two primitives: load a slot, and compare-and-set it.

For places that keep one value per name and can do no more than that atomically. The rules:

1. Every write compares: it takes effect only if the slot still holds what the change was made from.
   Otherwise the slot is read again and the change made again. So nothing is lost, and what has ended
   cannot be overwritten by somebody who read it while it was live.
2. A session ends by becoming a tombstone, which later vanishes; nothing ever writes to a vanished slot.
3. Rotation writes the new slot first, marked as moved from the old one and void until the old slot turns
   into a tombstone that points to it. That single write is the rotation.
4. A user's index is written before the record it announces, so that a crash between the two leaves a
   name without a record (ignored, later dropped), never a record without a name.
"""

import logging
from abc import abstractmethod
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from typing import Any, Final

from frontdesk import clock
from frontdesk.errors import Contention, UndecodableRecord
from frontdesk.storages.base import LEFT_BEHIND, Storage
from frontdesk.storages.codec import Live, Slot, Tombstone, decode, encode
from frontdesk.storages.index import (
    CONDEMNED,
    UNBORN,
    Index,
    encoded,
    end_of,
    entries_in,
    name_of_index,
)
from frontdesk.storages.record import (
    UNCHANGED,
    Changes,
    Ended,
    Expired,
    Record,
    beyond,
    expired,
    merged,
    require_version,
)
from frontdesk.tokens import Digest

logger = logging.getLogger("frontdesk")

TRIES = 1000
"""Of one compare-and-set. Each failure means that somebody else succeeded, so this is never reached
unless something is broken; it is here so that broken does not mean forever."""

CROWD = 64
"""An index of more names than this is rid of the dead ones whenever a name is added."""


class Anybody(Enum):
    """The type of :data:`ANYBODY`."""

    ANYBODY = "anybody"


ANYBODY: Final = Anybody.ANYBODY
"""Says that it does not matter whose a session is, since ``None`` says that it is nobody's."""


class SlotStorage(Storage):
    """A storage for which a subclass supplies ``_load``, ``_load_many``, ``_store`` and ``purge``.

    Names are 66 characters: ``s-`` and a digest for a session, ``u-`` and the SHA-256 of the user's id
    for an index. A token is whatever the subclass needs to recognise what it loaded.
    """

    @abstractmethod
    def _load(self, name: str) -> tuple[bytes | None, Any]:
        """Return what is stored under ``name``, or ``None``, and a token for ``_store``."""

    @abstractmethod
    def _load_many(self, names: Collection[str]) -> dict[str, bytes]:
        """Return what is stored under these names, in a bounded number of round trips."""

    @abstractmethod
    def _store(self, name: str, token: Any, data: bytes, expires: int) -> bool:
        """Store ``data`` if the slot is still as the token says; it may vanish after ``expires``."""

    def read(self, digest: Digest) -> Record | Ended | None:
        slot, _ = self._slot(digest)
        if isinstance(slot, Tombstone):
            return Ended(digest, slot.until) if slot.until > clock.now() else None
        return self._record(slot)

    def insert(self, record: Record) -> bool:
        self._announce(record)
        data, token = self._load(_session(record.digest))
        return data is None and self._put(record.digest, token, Live(record))

    def update(self, digest: Digest, changes: Changes) -> bool:
        for _ in range(TRIES):
            slot, token = self._slot(digest)
            record = self._record(slot)
            if record is None:
                return False
            require_version(record, changes)
            after = merged(record, changes)
            if changes.user_id is not UNCHANGED or changes.deadline is not None:
                self._announce(after)
            if self._put(digest, token, Live(after)):
                return True
        raise Contention(f"Session {digest} was changed by others {TRIES} times in a row.")

    def rotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        for attempt in range(TRIES):
            slot, token = self._slot(old)
            record = self._record(slot)
            there, place = self._load(_session(new))
            if record is None or (there is not None and attempt == 0):
                return False
            require_version(record, changes)
            moved = replace(merged(record, changes), digest=new)
            self._announce(moved)
            unsettled = Live(moved, moved_from=old)
            if not self._put(new, place, unsettled):
                return False
            until = clock.now() + LEFT_BEHIND
            if self._put(old, token, Tombstone(until, new, record.user_id)):
                data, place = self._load(_session(new))
                # Whoever has changed or ended it since the line above has settled it as well.
                if data == encode(unsettled):
                    self._put(new, place, Live(moved))
                return True
        raise Contention(f"Session {old} was changed by others {TRIES} times in a row.")

    def remove(self, digests: Collection[Digest], user_id: str | None = None) -> list[Digest]:
        owner = ANYBODY if user_id is None else user_id
        return _ended([self._end(digest, owner) for digest in digests])

    def of_user(self, user_id: str) -> list[Record]:
        records = self._records(self._index(user_id))
        owned = [record for record in records if record.user_id == user_id]
        return sorted(owned, key=lambda record: record.last_seen, reverse=True)

    def remove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        names = [digest for digest in self._index(user_id) if digest not in keep]
        return _ended([self._end(digest, user_id, keep, unborn=True) for digest in names])

    def remove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        name = name_of_index(user_id)
        for _ in range(TRIES):
            data, token = self._load(name)
            index = entries_in(data)
            condemned = [digest for digest, entry in index.items() if entry[0] == CONDEMNED]
            seen = {
                record.digest: record.last_seen
                for record in self._records(index.keys() - condemned)
                if record.user_id == user_id
            }
            chosen = beyond(seen, limit, among)
            index |= {digest: (CONDEMNED, index[digest][1]) for digest in chosen}
            # Whoever comes next does not count them any more, and ends them if this process dies here.
            if not chosen or self._store_index(name, token, index):
                return _ended([self._end(d, user_id) for d in [*condemned, *chosen]])
        raise Contention(f"The index of a user's sessions was changed {TRIES} times in a row.")

    def _slot(self, digest: Digest) -> tuple[Slot | None, Any]:
        data, token = self._load(_session(digest))
        return (None if data is None else decode(digest, data)), token

    def _put(self, digest: Digest, token: Any, slot: Slot) -> bool:
        expires = slot.until if isinstance(slot, Tombstone) else slot.record.expires
        return self._store(_session(digest), token, encode(slot), expires)

    def _record(self, slot: Slot | None) -> Record | None:
        """Return the record of ``slot`` if it is live."""
        if not isinstance(slot, Live) or slot.record.expires <= clock.now():
            return None
        if slot.moved_from is None:
            return slot.record
        origin, _ = self._slot(slot.moved_from)
        arrived = isinstance(origin, Tombstone) and origin.moved_to == slot.record.digest
        return slot.record if arrived else None

    def _end(
        self,
        digest: Digest,
        owner: str | Anybody | None,
        keep: Collection[Digest] = (),
        *,
        unborn: bool = False,
    ) -> Digest | None:
        """Turn a live session of ``owner`` into a tombstone and return its name, or ``None``.

        If it has just moved elsewhere, end it there, unless it moved to one of ``keep``. With
        ``unborn``, end it also if only its name is there yet: a sign-in of its user is under way.
        """
        for _ in range(TRIES):
            try:
                slot, token = self._slot(digest)
            except UndecodableRecord:
                return None  # it answers nobody, and must not keep the others from being ended
            if isinstance(slot, Tombstone) and slot.moved_to and slot.until > clock.now():
                digest, owner = slot.moved_to, slot.user_id if owner is ANYBODY else owner
                if digest in keep:
                    return None
                continue
            record = self._record(slot)
            foreign = record is not None and owner not in {ANYBODY, record.user_id}
            if foreign or (record is None and not (unborn and slot is None)):
                return None
            if self._put(digest, token, Tombstone(clock.now() + LEFT_BEHIND)):
                return None if record is None else digest
        raise Contention(f"Session {digest} was changed by others {TRIES} times in a row.")

    # The index of a user's sessions.

    def _index(self, user_id: str) -> Index:
        return entries_in(self._load(name_of_index(user_id))[0])

    def _announce(self, record: Record) -> None:
        """Enter ``record`` into its user's index, unless it is there."""
        if record.user_id is None:
            return
        name = name_of_index(record.user_id)
        for _ in range(TRIES):
            data, token = self._load(name)
            try:
                index = entries_in(data)
            except UndecodableRecord as error:
                # Listing and ending say so, as they would miss sessions; but nobody is locked out.
                logger.error("%s It is begun anew, without that user's older sessions.", error)
                index = {}
            now = clock.now()
            added, ends = index.get(record.digest, (now, 0))
            if ends == record.deadline:
                return
            index = {digest: entry for digest, entry in index.items() if entry[1] > now}
            if len(index) > CROWD:
                index = self._without_the_dead(index)
            index[record.digest] = (added, record.deadline)
            if self._store_index(name, token, index):
                return
        raise Contention(f"The index of a user's sessions was changed {TRIES} times in a row.")

    def _store_index(self, name: str, token: Any, index: Index) -> bool:
        return self._store(name, token, encoded(index), end_of(index))

    def _without_the_dead(self, index: Index) -> Index:
        live = {record.digest for record in self._records(index)}
        young = clock.now() - UNBORN
        return {
            digest: entry for digest, entry in index.items() if digest in live or entry[0] > young
        }

    def _records(self, digests: Iterable[Digest]) -> list[Record]:
        """Return the live records among these, in the round trips of one ``_load_many``."""
        names = {_session(digest): digest for digest in digests}
        if not names:
            return []
        records = []
        for name, data in self._load_many(names).items():
            try:
                record = self._record(decode(names[name], data))
            except UndecodableRecord as error:
                # One damaged record must not hide the others from their owner.
                logger.error("%s It is left out of the list.", error)
            else:
                if record:
                    records.append(record)
        return records


def expired_in(name: str, data: bytes) -> list[Expired]:
    """Return the session that a slot held which a purge has deleted, for :class:`Purged`.

    None if it was an index, the memory of a session, or damaged.
    """
    kind, _, digest = name.partition("-")
    if kind == "s":
        with suppress(UndecodableRecord):
            slot = decode(Digest(digest), data)
            if isinstance(slot, Live) and slot.moved_from is None:
                return [expired(slot.record)]
    return []


def _ended(names: Iterable[Digest | None]) -> list[Digest]:
    return [name for name in names if name is not None]


def _session(digest: Digest) -> str:
    return f"s-{digest}"

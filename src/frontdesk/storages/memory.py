"""The reference implementation: a dictionary and a lock. For tests and demos; one process only."""

import threading
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from frontdesk import clock
from frontdesk.storages.base import LEFT_BEHIND, Storage
from frontdesk.storages.record import (
    Changes,
    Ended,
    Purged,
    Record,
    beyond,
    expired,
    merged,
    require_version,
)
from frontdesk.tokens import Digest


class MemoryStorage(Storage):
    """Sessions in the memory of this process. They are gone when it stops."""

    def __init__(self) -> None:
        super().__init__()
        self._slots: dict[Digest, Record | Ended] = {}
        self._moved: dict[Digest, tuple[Digest, str | None]] = {}
        """Where those that were rotated have gone, and whose they were then."""
        self._lock = threading.RLock()

    @property
    def shared(self) -> bool:
        return False

    def _live(self, digest: Digest, changes: Changes | None = None) -> Record | None:
        found = self._slots.get(digest)
        if not isinstance(found, Record) or found.expires <= clock.now():
            return None
        if changes:
            require_version(found, changes)
        return found

    def _end(self, digest: Digest) -> bool:
        if self._live(digest) is None:
            return False
        self._slots[digest] = Ended(digest, clock.now() + LEFT_BEHIND)
        return True

    def _now_at(self, digest: Digest) -> Digest:
        """Return the name that a session has now that was rotated and still is the same user's."""
        found = self.read(digest)
        while isinstance(found, Ended) and digest in self._moved:
            there, user_id = self._moved[digest]
            found = self.read(there)
            if isinstance(found, Record) and found.user_id != user_id:
                break
            digest = there
        return digest

    def _of_user(self, user_id: str) -> list[Record]:
        live = (record for digest in self._slots if (record := self._live(digest)))
        return [record for record in live if record.user_id == user_id]

    def read(self, digest: Digest) -> Record | Ended | None:
        with self._lock:
            found = self._slots.get(digest)
        if isinstance(found, Ended):
            return found if found.until > clock.now() else None
        return found if found and found.expires > clock.now() else None

    def insert(self, record: Record) -> bool:
        with self._lock:
            if record.digest in self._slots:
                return False
            self._slots[record.digest] = record
            return True

    def update(self, digest: Digest, changes: Changes) -> bool:
        with self._lock:
            record = self._live(digest, changes)
            if record is None:
                return False
            self._slots[digest] = merged(record, changes)
            return True

    def rotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        with self._lock:
            record = self._live(old, changes)
            if record is None or new in self._slots:
                return False
            self._slots[new] = replace(merged(record, changes), digest=new)
            self._moved[old] = new, record.user_id
            return self._end(old)

    def remove(self, digests: Collection[Digest], user_id: str | None = None) -> list[Digest]:
        with self._lock:
            named = dict.fromkeys(self._now_at(digest) for digest in digests)
            if user_id is not None:
                own = {record.digest for record in self._of_user(user_id)}
                named = dict.fromkeys(digest for digest in named if digest in own)
            return [digest for digest in named if self._end(digest)]

    def of_user(self, user_id: str) -> list[Record]:
        with self._lock:
            owned = self._of_user(user_id)
        return sorted(owned, key=lambda record: record.last_seen, reverse=True)

    def remove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        with self._lock:
            owned = [record.digest for record in self._of_user(user_id)]
            return [digest for digest in owned if digest not in keep and self._end(digest)]

    def remove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        with self._lock:
            seen = {record.digest: record.last_seen for record in self._of_user(user_id)}
            return [digest for digest in beyond(seen, limit, among) if self._end(digest)]

    def purge(self, now: int, limit: int) -> Purged:
        with self._lock:
            over = self._over(now)[:limit]
            for found in over:
                del self._slots[found.digest]
                self._moved.pop(found.digest, None)
        return Purged(len(over), [expired(found) for found in over if isinstance(found, Record)])

    def count_expired(self, now: int) -> int:
        """See :class:`~frontdesk.storages.base.CountsExpired`."""
        with self._lock:
            return len(self._over(now))

    def _over(self, now: int) -> list[Record | Ended]:
        return [
            found
            for found in self._slots.values()
            if (found.until if isinstance(found, Ended) else found.expires) <= now
        ]

    def scan(self, after: str = "") -> Iterator[Record]:
        """See :class:`~frontdesk.storages.base.Scans`."""
        with self._lock:
            names = sorted(digest for digest in self._slots if digest > after)
        for digest in names:
            if record := self._live(digest):
                yield record

    async def _hop(self, verb: str, *args: Any) -> Any:
        return getattr(self, verb)(*args)  # nothing here waits, so the event loop may run it

"""The reference implementation: a dictionary and a lock. For tests and demos; one process only."""

import threading
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from frontdesk import clock
from frontdesk.storages.base import (
    LEFT_BEHIND,
    Changes,
    Ended,
    Record,
    Storage,
    merged,
    require_version,
)
from frontdesk.tokens import Digest


class MemoryStorage(Storage):
    """Sessions in the memory of this process. They are gone when it stops."""

    def __init__(self) -> None:
        super().__init__()
        self._slots: dict[Digest, Record | Ended] = {}
        self._lock = threading.Lock()

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

    def read(self, digest: Digest) -> Record | Ended | None:
        with self._lock:
            found = self._slots.get(digest)
        if isinstance(found, Ended):
            return found if found.until > clock.now() else None
        return found if found and found.expires > clock.now() else None

    def insert(self, record: Record) -> bool:
        with self._lock:
            return self._slots.setdefault(record.digest, record) is record

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
            return self._end(old)

    def remove(self, digests: Collection[Digest]) -> int:
        with self._lock:
            return sum([self._end(digest) for digest in digests])

    def of_user(self, user_id: str) -> list[Record]:
        with self._lock:
            live = [record for digest in self._slots if (record := self._live(digest))]
        owned = [record for record in live if record.user_id == user_id]
        return sorted(owned, key=lambda record: record.last_seen, reverse=True)

    def remove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        with self._lock:
            owned = [
                digest
                for digest in self._slots
                if digest not in keep
                and (record := self._live(digest))
                and record.user_id == user_id
            ]
            return [digest for digest in owned if self._end(digest)]

    def purge(self, now: int, limit: int) -> int:
        with self._lock:
            expired = [
                digest
                for digest, found in self._slots.items()
                if (found.until if isinstance(found, Ended) else found.expires) <= now
            ][:limit]
            for digest in expired:
                del self._slots[digest]
            return len(expired)

    async def _hop(self, verb: str, *args: Any) -> Any:
        return getattr(self, verb)(*args)  # nothing here waits, so the event loop may run it

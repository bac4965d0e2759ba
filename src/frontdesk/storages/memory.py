"""Sessions in the memory of this process, for tests and small tools."""

import threading
from collections.abc import Collection, Iterator, Sequence

from frontdesk.core import clock
from frontdesk.core.record import Record
from frontdesk.storages.base import Storage, Swap


class MemoryStorage(Storage):
    """Sessions in a dictionary. A restart signs all users out."""

    shared = False

    def __init__(self) -> None:
        super().__init__()
        self._records: dict[str, Record] = {}
        self._lock = threading.Lock()

    def load(self, ids: Collection[str], latest: bool = False) -> list[Record]:
        found = (self._records.get(id) for id in ids)
        return [each for each in found if each is not None]

    def swap(self, swaps: Sequence[Swap]) -> list[bool]:
        with self._lock:
            return [self._swap_one(before, after) for before, after in swaps]

    def _swap_one(self, before: Record | None, after: Record) -> bool:
        there = self._records.get(after.id)
        if (there and there.version) != (before and before.version):
            return False
        if there is not None and there.expires <= clock.now():
            return False
        self._records[after.id] = after
        return True

    def ids_of(self, user_id: str) -> list[str]:
        return [each.id for each in list(self._records.values()) if each.user_id == user_id]

    def purge(self, now: int, limit: int) -> list[Record]:
        with self._lock:
            over = [each for each in self._records.values() if each.expires <= now][:limit]
            return [self._records.pop(each.id) for each in over]

    def scan(self, after: str = "") -> Iterator[Record]:
        now = clock.now()
        for each in sorted(self._records.copy().values(), key=lambda each: each.id):
            if each.id > after and each.is_live(now):
                yield each

    def count_expired(self, now: int) -> int:
        return sum(each.expires <= now for each in list(self._records.values()))

    # Nothing here waits, so no thread is needed.

    async def aload(self, ids: Collection[str], latest: bool = False) -> list[Record]:
        return self.load(ids)

    async def aswap(self, swaps: Sequence[Swap]) -> list[bool]:
        return self.swap(swaps)

    async def aids_of(self, user_id: str) -> list[str]:
        return self.ids_of(user_id)

    async def apurge(self, now: int, limit: int) -> list[Record]:
        return self.purge(now, limit)

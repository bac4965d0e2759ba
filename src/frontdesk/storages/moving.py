"""Two storages as one, while sessions move from the old one to the new one.

The new storage decides: whatever it has under an id is the truth, and only if it has nothing does the old
one count. A session moves when it is first written. Reading never writes.

- A move inserts into the new storage. If another request has moved or ended the session meanwhile, the
  insert finds the id taken. The copy in the old storage is ended after that, so a reader that finds no
  live copy there looks into the new one again.
- An end is written into the new storage and stays there until the old copy could not live any more, even
  if the session has moved before: what is left of the copy stays as long, and tells how long that is.
  So a request that read the old copy earlier and stood still cannot move it after its end.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from heapq import merge
from typing import Any, cast

from django.core.checks import CheckMessage

from frontdesk.core import record
from frontdesk.core.flow import Call, Flow, sync, twin
from frontdesk.core.record import UNCHANGED, Record
from frontdesk.storages.base import Scans, Storage, Swap
from frontdesk.storages.documents import SKEW


class MovingStorage(Storage):
    """The storage ``new``, in front of the storage ``old`` that sessions leave."""

    def __init__(self, new: Storage, old: Storage) -> None:
        super().__init__()
        self.new = new
        self.old = old
        self.shared: bool = new.shared
        self.loads_user: bool = new.loads_user
        if isinstance(new, Scans) and isinstance(old, Scans):
            self.scan: Callable[..., Iterator[Record]] = partial(_scan, self)
            self.count_expired: Callable[[int], int] = partial(_count_expired, self)

    # The primitives. Their twins are Any, because mypy would expect functions of any Storage.

    @sync
    def load(self, ids: Collection[str], latest: bool = False) -> Flow[list[Record]]:
        found: list[Record] = yield Call(self.new, "load", (ids, latest))
        missing = set(ids) - {each.id for each in found}
        return found + (yield from self._load_old(missing, latest))

    aload: Any = twin(load)

    @sync
    def load_with_user(self, id: str) -> Flow[tuple[list[Record], Any]]:
        found, user = yield Call(self.new, "load_with_user", (id,))
        return (found, user) if found else ((yield from self._load_old({id})), UNCHANGED)

    aload_with_user: Any = twin(load_with_user)

    def _load_old(self, ids: set[str], latest: bool = False) -> Flow[list[Record]]:
        """Return what the old storage has of ``ids``, which the new one did not have a moment ago.

        A negative version says that a record comes from there.
        """
        if not ids:
            return []
        copies: list[Record] = yield Call(self.old, "load", (ids, latest))
        waiting = [replace(each, version=-each.version) for each in copies if each.ended is None]
        missing = ids - {each.id for each in waiting}
        if not missing:
            return waiting
        moved: list[Record] = yield Call(self.new, "load", (missing, latest))
        over = missing - {each.id for each in moved}
        return waiting + moved + [each for each in copies if each.id in over]

    @sync
    def swap(self, swaps: Sequence[Swap]) -> Flow[list[bool]]:
        stored = []
        for before, after in swaps:
            stored.append((yield from self._swap_one(before, after)))
        return stored

    aswap: Any = twin(swap)

    def _swap_one(self, before: Record | None, after: Record) -> Flow[bool]:
        if before is None:
            return (yield from self._swap_new(None, after))
        copies: list[Record] = yield Call(self.old, "load", ([after.id],))
        copy = next((each for each in copies if each.ended is None), None)
        if after.ended is not None:
            after = replace(after, ended=max(after.ended, *map(_last_use, copies), 0))
        stored = yield from self._swap_new(None if before.version < 0 else before, after)
        if stored and copy is not None:
            yield Call(self, "retire", (copy,))
        return stored

    def _swap_new(self, before: Record | None, after: Record) -> Flow[bool]:
        (stored,) = yield Call(self.new, "swap", ([(before, after)],))
        return bool(stored)

    @sync
    def ids_of(self, user_id: str) -> Flow[list[str]]:
        # In this order: what has left the old storage meanwhile is in the new one.
        old: list[str] = yield Call(self.old, "ids_of", (user_id,))
        new: list[str] = yield Call(self.new, "ids_of", (user_id,))
        return list(dict.fromkeys(new + old))

    aids_of: Any = twin(ids_of)

    @sync
    def purge(self, now: int, limit: int) -> Flow[list[Record]]:
        gone: list[Record] = yield Call(self.new, "purge", (now, limit))
        if len(gone) < limit:
            gone = gone + (yield Call(self.old, "purge", (now, limit - len(gone))))
        return gone

    apurge: Any = twin(purge)

    def retire(self, copy: Record) -> None:
        """End the copy of a session that has moved, once no transaction can undo the move."""

        def swap() -> None:
            self.old.swap([_retired(copy)])

        self.new.after_commit(swap)

    async def aretire(self, copy: Record) -> None:
        """See :meth:`retire`. No transaction spans an await."""
        await self.old.aswap([_retired(copy)])

    def move(self, id: str) -> Flow[bool]:
        """Move a session that is not used. Return whether it was still to be moved."""
        found = yield from self.read(id)
        if found is not None and found.version < 0:
            return (yield from self.change(found, lambda current: current)) is not None
        # A move that was cut off may have left the copy.
        for copy in (yield Call(self.old, "load", ([id],))):
            if found is not None and copy.ended is None:
                yield Call(self, "retire", (copy,))
        return False

    def after_commit(self, function: Callable[[], None]) -> None:
        self.new.after_commit(function)

    def in_transaction(self) -> bool:
        return self.new.in_transaction()

    def check(self) -> list[CheckMessage]:
        return [*self.new.check(), *self.old.check()]

    def check_deployed(self) -> list[CheckMessage]:
        return self.new.check_deployed()


def _retired(copy: Record) -> Swap:
    return copy, replace(record.end(copy, _last_use(copy)), version=record.next_version())


def _last_use(copy: Record) -> int:
    """Return until when a request that has read ``copy`` while it was live could move it."""
    return copy.expires + SKEW if copy.ended is None else copy.ended


def _scan(moving: MovingStorage, after: str = "") -> Iterator[Record]:
    """Yield the live records of both. One that moves meanwhile may be missed."""
    new, old = cast(Scans, moving.new), cast(Scans, moving.old)
    last = ""
    for each in merge(new.scan(after), old.scan(after), key=lambda each: each.id):
        if each.id != last:
            yield each
        last = each.id


def _count_expired(moving: MovingStorage, now: int) -> int:
    new, old = cast(Scans, moving.new), cast(Scans, moving.old)
    return new.count_expired(now) + old.count_expired(now)

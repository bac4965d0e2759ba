"""Two storages as one, while sessions move from the old one to the new one, with their clocks.

Both know a session by the same digest, so the rules of :mod:`frontdesk.moving` hold for every verb, for
those that are about a user too. A session moves when something is written to it; reading never writes.
"""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from heapq import merge
from typing import Any

from django.core.checks import CheckMessage

from frontdesk.drive import Call, Flow, arun, run
from frontdesk.storages.base import CountsExpired, Scans, Storage
from frontdesk.storages.handover import barred, deleted, handed_over, once_committed, seen_through
from frontdesk.storages.record import UNCHANGED, Changes, Ended, Purged, Record
from frontdesk.tokens import Digest

Found = Record | Ended | None


class MovingStorage(Storage):
    """``new``, in which sessions begin and arrive, before ``old``, which they leave."""

    def __init__(self, new: Storage, old: Storage) -> None:
        super().__init__()
        self.new = new
        self.transactional = new.transactional
        self.old = old
        # What both can do, or what the new one can for those that have arrived.
        if new.reads_user:
            self.reads_user = True
            self.read_with_user = partial(self._run, self._read_with_user)
            self.aread_with_user = partial(self._arun, self._read_with_user)
        if isinstance(new, Scans) and isinstance(old, Scans):
            self.scan = partial(_scanned, new, old)
        if isinstance(new, CountsExpired) and isinstance(old, CountsExpired):
            self.count_expired = partial(_expired, new, old)

    # The verbs, in both colours.

    def _run(self, verb: Callable[..., Flow[Any]], *args: Any) -> Any:
        return run(verb(*args))

    async def _arun(self, verb: Callable[..., Flow[Any]], *args: Any) -> Any:
        return await arun(verb(*args))

    def read(self, digest: Digest) -> Found:
        return run(self._read(digest))

    async def aread(self, digest: Digest) -> Found:
        return await arun(self._read(digest))

    def insert(self, record: Record) -> bool:
        return run(self._insert(record))

    async def ainsert(self, record: Record) -> bool:
        return await arun(self._insert(record))

    def update(self, digest: Digest, changes: Changes) -> bool:
        return run(self._update(digest, changes))

    async def aupdate(self, digest: Digest, changes: Changes) -> bool:
        return await arun(self._update(digest, changes))

    def rotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        return run(self._rotate(old, new, changes))

    async def arotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        return await arun(self._rotate(old, new, changes))

    def remove(self, digests: Collection[Digest], user_id: str | None = None) -> list[Digest]:
        return run(self._in_both("remove", digests, user_id))

    async def aremove(
        self, digests: Collection[Digest], user_id: str | None = None
    ) -> list[Digest]:
        return await arun(self._in_both("remove", digests, user_id))

    def of_user(self, user_id: str) -> list[Record]:
        return run(self._of_user(user_id))

    async def aof_user(self, user_id: str) -> list[Record]:
        return await arun(self._of_user(user_id))

    def remove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        return run(self._in_both("remove_of_user", user_id, keep))

    async def aremove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        return await arun(self._in_both("remove_of_user", user_id, keep))

    def remove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        return run(self._remove_beyond(user_id, limit, among))

    async def aremove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        return await arun(self._remove_beyond(user_id, limit, among))

    def purge(self, now: int, limit: int) -> Purged:
        return run(self._purge(now, limit))

    async def apurge(self, now: int, limit: int) -> Purged:
        return await arun(self._purge(now, limit))

    # Each of them once.

    def _read(self, digest: Digest) -> Flow[Found]:
        return (yield from self._looked_for(digest, (yield Call(self.new, "read", (digest,)))))

    def _read_with_user(self, digest: Digest) -> Flow[tuple[Found, Any]]:
        found, user = yield Call(self.new, "read_with_user", (digest,))
        if found is None:
            return (yield from self._looked_for(digest, None)), UNCHANGED
        return seen_through(found), user

    def _looked_for(self, digest: Digest, found: Found) -> Flow[Found]:
        """Return ``found`` in the new storage, or else what the old one has."""
        if found is not None:
            return seen_through(found)
        left: Found = yield Call(self.old, "read", (digest,))
        if isinstance(left, Record):
            return left
        # What is remembered there as ended may have moved between the two looks.
        found = seen_through((yield Call(self.new, "read", (digest,))))
        return left if found is None else found

    def _insert(self, record: Record) -> Flow[bool]:
        if (yield Call(self.old, "read", (record.digest,))) is not None:
            return False
        return (yield Call(self.new, "insert", (record,)))  # type: ignore[no-any-return]

    def _update(self, digest: Digest, changes: Changes) -> Flow[bool]:
        update = Call(self.new, "update", (digest, changes))
        if (yield update):
            return True
        yield from self._move(digest)
        return (yield update)  # type: ignore[no-any-return]

    def _rotate(self, old: Digest, new: Digest, changes: Changes) -> Flow[bool]:
        if (yield Call(self.old, "read", (new,))) is not None:
            return False
        rotate = Call(self.new, "rotate", (old, new, changes))
        if (yield rotate):
            # Only there if its move was cut off half-way. After the rotation, as a move that is still
            # under way would end what it has inserted.
            forget = Call(self.old, "remove", ([old],))
            yield from once_committed(self.new, partial(deleted, forget))
            return True
        yield from self._move(old)
        return (yield rotate)  # type: ignore[no-any-return]

    def _of_user(self, user_id: str) -> Flow[list[Record]]:
        # In the order in which they move, so that none is missed. One that moves and gets a new key in
        # between is in the list under both.
        left = yield Call(self.old, "of_user", (user_id,))
        arrived = yield Call(self.new, "of_user", (user_id,))
        both = {record.digest: record for record in [*left, *arrived]}
        return sorted(both.values(), key=lambda record: record.last_seen, reverse=True)

    def _in_both(self, verb: str, *args: Any) -> Flow[list[Digest]]:
        left = yield Call(self.old, verb, args)
        for digest in left:
            yield from barred(self.new, digest)
        arrived = yield Call(self.new, verb, args)
        if left:
            yield Call(self.new, "remove", (left,))
        return list(dict.fromkeys([*left, *arrived]))

    def _remove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None
    ) -> Flow[list[Digest]]:
        # They are counted one sign-in after the other, which only one storage can do.
        for record in (yield Call(self.old, "of_user", (user_id,))):
            yield from self._move(record.digest)
        return (  # type: ignore[no-any-return]
            yield Call(self.new, "remove_beyond", (user_id, limit, among))
        )

    def _purge(self, now: int, limit: int) -> Flow[Purged]:
        done: Purged = yield Call(self.new, "purge", (now, limit))
        if done.removed >= limit:
            return done
        left: Purged = yield Call(self.old, "purge", (now, limit - done.removed))
        return Purged(done.removed + left.removed, [*done.expired, *left.expired])

    def _move(self, digest: Digest) -> Flow[bool]:
        record: Found = yield Call(self.old, "read", (digest,))
        if not isinstance(record, Record) or not (yield Call(self.new, "insert", (record,))):
            return False
        forget = Call(self.old, "remove", ([digest],))
        return (yield from handed_over(self.new, digest, forget, ends_reach_both=True))

    # What needs no I/O, or no twin.

    def after_commit(self, function: Callable[[], None]) -> None:
        self.new.after_commit(function)

    @property
    def shared(self) -> bool:
        return self.new.shared and self.old.shared

    def check(self) -> list[CheckMessage]:
        return [*self.new.check(), *self.old.check()]

    def check_deployed(self) -> list[CheckMessage]:
        return [*self.new.check_deployed(), *self.old.check_deployed()]


def move(storage: MovingStorage, digest: Digest) -> bool:
    """Move a session that is still in the old storage; ``False`` if it is not, or is on its way."""
    return run(storage._move(digest))


def _scanned(new: Scans, old: Scans, after: str = "") -> Iterator[Record]:
    last = None
    for record in merge(new.scan(after), old.scan(after), key=lambda record: record.digest):
        if record.digest != last:  # the new storage's comes first
            yield record
        last = record.digest


def _expired(new: CountsExpired, old: CountsExpired, now: int) -> int:
    return new.count_expired(now) + old.count_expired(now)

"""A storage with copies of its records in a cache before it: the verbs, in both colours.

The rules are in :mod:`frontdesk.storages.copying`, which has each verb once, as a flow.
"""

from collections.abc import Callable, Collection
from typing import Any

from frontdesk.drive import Flow, arun, run
from frontdesk.storages.copying import Copying, Found
from frontdesk.storages.record import Changes, Purged, Record
from frontdesk.tokens import Digest


class FrontedStorage(Copying):
    """Drives the flows. What needs no copy goes to the authority at once."""

    # The verbs, in both colours. Without a native front, one hop for the whole verb is the cheapest.

    async def _in_turn(self, verb: str, flow: Callable[..., Flow[Any]], *args: Any) -> Any:
        return await (arun(flow(*args)) if self.front.native else self._hop(verb, *args))

    def read(self, digest: Digest) -> Found:
        return run(self._read(digest))

    async def aread(self, digest: Digest) -> Found:
        return await self._in_turn("read", self._read, digest)  # type: ignore[no-any-return]

    def insert(self, record: Record) -> bool:
        # What is not there was never copied.
        return self.authority.insert(record)

    async def ainsert(self, record: Record) -> bool:
        return await self.authority.ainsert(record)

    def update(self, digest: Digest, changes: Changes) -> bool:
        return run(self._update(digest, changes))

    async def aupdate(self, digest: Digest, changes: Changes) -> bool:
        return await self._in_turn("update", self._update, digest, changes)  # type: ignore[no-any-return]

    def rotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        return run(self._rotate(old, new, changes))

    async def arotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        return await self._in_turn("rotate", self._rotate, old, new, changes)  # type: ignore[no-any-return]

    def remove(self, digests: Collection[Digest], user_id: str | None = None) -> list[Digest]:
        return run(self._remove(digests, user_id))

    async def aremove(
        self, digests: Collection[Digest], user_id: str | None = None
    ) -> list[Digest]:
        return await self._in_turn("remove", self._remove, digests, user_id)  # type: ignore[no-any-return]

    def of_user(self, user_id: str) -> list[Record]:
        return self.authority.of_user(user_id)

    async def aof_user(self, user_id: str) -> list[Record]:
        return await self.authority.aof_user(user_id)

    def remove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        return run(self._remove_of_user(user_id, keep))

    async def aremove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        return await self._in_turn(  # type: ignore[no-any-return]
            "remove_of_user", self._remove_of_user, user_id, keep
        )

    def remove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        return run(self._remove_beyond(user_id, limit, among))

    async def aremove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        return await self._in_turn(  # type: ignore[no-any-return]
            "remove_beyond", self._remove_beyond, user_id, limit, among
        )

    def purge(self, now: int, limit: int) -> Purged:
        # A copy knows itself when its session expires, which is no later than in the authority.
        return self.authority.purge(now, limit)

    async def apurge(self, now: int, limit: int) -> Purged:
        return await self.authority.apurge(now, limit)

    def after_commit(self, function: Callable[[], None]) -> None:
        self.authority.after_commit(function)

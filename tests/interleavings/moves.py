"""A world in which the browser's session has not moved in yet: it waits in an engine of Django's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.http.response import HttpResponseBase

from frontdesk.drive import Call, Flow
from frontdesk.moving.stock import StockPlace, StockSession
from frontdesk.policy import Standing
from frontdesk.storages.record import Changes, Record
from frontdesk.tokens import Digest, digest_of
from tests.interleavings import oracles
from tests.interleavings.operations import OPERATIONS, visited
from tests.interleavings.world import IDLE, Driven, House, Key, Report, World


def _flush(world: World, request: Any, report: Report) -> Flow[None]:
    """A view that ends the session without a look at it, and so without moving it first."""
    report.signs_out = True
    yield from request.session.flushed()


def flush_unread(world: World) -> Flow[None]:
    yield from visited(world, "flush unread", _flush, world.root)


OPERATIONS["flush unread"] = flush_unread


class Shelf(StockPlace):
    """An engine of Django's in a dictionary, which blocks nobody."""

    def __init__(self) -> None:
        super().__init__(Driven)
        self.sessions: dict[str, StockSession] = {}

    def read(self, key: str) -> StockSession | None:
        return self.sessions.get(key)

    def insert(self, key: str, session: StockSession) -> bool:
        return self.sessions.setdefault(key, session) is session

    def remove(self, key: str) -> bool:
        return self.sessions.pop(key, None) is not None

    async def aread(self, key: str) -> StockSession | None:
        return self.read(key)

    async def ainsert(self, key: str, session: StockSession) -> bool:
        return self.insert(key, session)

    async def aremove(self, key: str) -> bool:
        return self.remove(key)


class MovingWorld(World):
    """See the module. Until the session has moved, it counts as live where it waits."""

    shelf: Shelf
    waiting: Record | None = None
    leaving = False
    """Somebody has ended it where it waits, and is about to say so."""

    def state(self) -> tuple[Any, ...]:
        """Leave out a session of nobody's that holds nothing from before.

        A request whose session was ended between its look at the old place and the bar in the new one is
        a new visitor's, and what it writes begins a session. A moment later it would have been turned
        away as a straggler. Neither brings anything back.
        """
        return tuple(found for found in super().state() if found != (False, None, ()))

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self.lost: list[str] = []
        """Requests that found no session."""

    def furnished(self, *, signed_in: bool) -> Flow[World]:
        self.shelf = Shelf()
        yield from super().furnished(signed_in=signed_in)
        digest = digest_of(self.root)
        self.waiting = yield Call(self.storage, "read", (digest,))
        yield Call(self, "put_back", (digest,))
        return self

    def put_back(self, digest: Digest) -> None:
        record = self.waiting
        self.storage._slots.pop(digest)  # type: ignore[attr-defined]
        expires = self.clock.now() + IDLE
        self.shelf.insert(self.root, StockSession(self.decoded(record), expires))
        self.waiting = replace(record, authenticated=None)

    async def aput_back(self, digest: Digest) -> None:
        self.put_back(digest)

    def session(self, key: str | None = None) -> Driven:
        session = super().session(key)
        session.old_place = getattr(self, "shelf", None)
        return session

    def observed(self, call: Call, answer: Any) -> None:
        if call.target is not self.shelf:
            super().observed(call, answer)
        elif call.name == "remove" and answer and not self._arrived():
            self.leaving = True

    def _arrived(self) -> bool:
        return digest_of(self.root) in self.storage._slots  # type: ignore[attr-defined]

    def _after_insert(self, answer: bool, record: Record) -> None:
        digest = record.digest
        if answer and digest == digest_of(self.root) and digest in self.keys:
            barred = record.user_id is None and not record.values  # by another one who has ended it
            if self.keys[digest].gone and not barred:
                raise oracles.violated("nothing_revived", "it moved in after its end")
            self.keys[digest] = Key(digest, None if barred else record.user_id)
            return
        super()._after_insert(answer, record)

    def _after_update(self, answer: bool, digest: Digest, changes: Changes) -> None:
        super()._after_update(answer, digest, changes)
        if answer and changes.deadline is not None and changes.deadline <= self.clock.now():
            self.keys[digest].gone = "taken back"

    def _after_remove(self, answer: int, digests: Iterable[Digest]) -> None:
        root = digest_of(self.root)
        if self.leaving and root in digests:
            self.keys[root].gone = "removed"
        super()._after_remove(answer, digests)

    def answered(self, report: Report, session: Any, response: HttpResponseBase) -> None:
        super().answered(report, session, response)
        if session.standing is Standing.UNKNOWN and not session.overtaken:
            self.lost.append(report.name)

    def looked(self) -> Flow[None]:
        digest = digest_of(self.root)
        for name in self.keys:
            self.seen[name] = yield Call(self.storage, "read", (name,))
        waits = self.root in self.shelf.sessions or self.leaving
        if self.seen[digest] is None and waits and not self.keys[digest].gone:
            self.seen[digest] = self.waiting
        for oracle in oracles.AT_EACH_STEP:
            oracle(self)

    def finished(self) -> Flow[None]:
        yield from super().finished()
        key = self.keys[digest_of(self.root)]
        if self.root in self.shelf.sessions and (self._arrived() or key.gone):
            raise oracles.violated("nothing_left_behind", "the old copy is still there")
        if self.lost and not self.ended(key.lineage):
            raise oracles.violated("nobody_is_unknown", f"{self.lost} did not find the session")

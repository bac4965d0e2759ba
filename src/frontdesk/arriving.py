"""A session that asks its storage, and, where ``MIGRATE_FROM`` names one, the engine that it moves from.

With nothing to move, the old place costs nothing; and a session that is found costs nothing more.
"""

import logging
from functools import partial
from typing import Any

from frontdesk import clock
from frontdesk.asking import asked
from frontdesk.drive import Call, Flow
from frontdesk.errors import StorageUnavailable, UndecodableRecord
from frontdesk.moving.arrival import arrived, record_of
from frontdesk.moving.stock import StockPlace, StockSession
from frontdesk.state import SessionState
from frontdesk.storages.handover import barred, deleted, once_committed, seen_through
from frontdesk.storages.record import Ended, Record
from frontdesk.tokens import Digest, digest_of

logger = logging.getLogger("frontdesk")


class ArrivingSession(SessionState):
    """A session that may still have to move in."""

    def _ask(self, verb: str, *args: Any) -> Flow[Any]:
        """Call a verb of the storage, and note if it cannot answer."""
        self.unavailable = None
        return asked(self.storage, verb, *args, by=self)

    def _noting(self, flow: Flow[Any]) -> Flow[Any]:
        self.unavailable = None
        try:
            return (yield from flow)
        except StorageUnavailable as error:
            self.unavailable = error
            raise

    def _read(self, digest: Digest) -> Flow[Record | Ended | None]:
        # Which flow it is, is decided without one: each has its price, and this is in every request.
        if self.with_user and self.storage.reads_user:
            return self._read_with_user(digest)
        return self._ask("read", digest)

    def _read_with_user(self, digest: Digest) -> Flow[Record | Ended | None]:
        found, self.user = yield from self._ask("read_with_user", digest)
        return found  # type: ignore[no-any-return]

    def _read_or_move(self, digest: Digest) -> Flow[Record | Ended | None]:
        """Read the record of the key that came, and let it move in if it has not."""
        if self.old_place is None:
            return self._read(digest)
        return self._read_or_arrived(self.old_place, digest)

    def _read_or_arrived(self, place: StockPlace, digest: Digest) -> Flow[Record | Ended | None]:
        found = yield from self._read(digest)
        if found is None:
            found = yield from self._arrived(place, digest)
        return seen_through(found)

    def _arrived(self, place: StockPlace, digest: Digest) -> Flow[Record | Ended | None]:
        def make(session: StockSession) -> Record:
            return record_of(session, digest, self.serializer(), self._present())

        key, look = str(self.session_key), partial(self._read, digest)
        try:
            return (  # type: ignore[no-any-return]
                yield from self._noting(arrived(place, self.storage, key, make, look))
            )
        except UndecodableRecord as error:
            logger.error("%s It is left where it is.", error)
            # The browser keeps the cookie, which is good again once that is mended.
            return Ended(digest, clock.now())

    def _is_to_move(self, key: str | None) -> Flow[bool]:
        """Whether a session of this key waits in the old place."""
        if self.old_place is None or digest_of(key) is None:
            return False
        return (yield from self._noting(asked(self.old_place, "read", key))) is not None

    def _ended_before_moving(self, digest: Digest, key: str | None) -> Flow[bool]:
        """Delete what the old place has under ``key``; return whether there was anything.

        This comes before the end in the storage, see :mod:`frontdesk.moving`.
        """
        if self.old_place is None or digest_of(key) is None:
            return False
        if not (yield from self._noting(asked(self.old_place, "remove", key))):
            return False
        yield from self._noting(barred(self.storage, digest))
        return True

    def _leave_nothing_behind(self, digest: Digest) -> Flow[None]:
        """Delete what a move that was cut off half-way has left under the key that came.

        Otherwise that key would be good again once the storage has forgotten it. After the rotation, as
        a move that is still under way would end what it has inserted. If it cannot be deleted, no
        rotation is reported.
        """
        if self.old_place is not None and digest_of(self.came) is not None:
            forget = Call(self.old_place, "remove", (self.came,))
            yield from self._noting(once_committed(self.storage, partial(deleted, forget)))

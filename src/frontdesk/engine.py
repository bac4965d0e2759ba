"""``SESSION_ENGINE = "frontdesk.engine"``: the session's methods, which drive its flows in either colour."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import SESSION_KEY

from frontdesk import clock
from frontdesk.asking import asked
from frontdesk.drive import Flow, arun, run
from frontdesk.modifying import ModifiableSession
from frontdesk.signals import End, Reason, expired_cleared, told, told_ends
from frontdesk.storages import get_storage

PURGE_BATCH = 1000


class SessionStore(ModifiableSession):
    """A session. See https://docs.djangoproject.com/en/stable/topics/http/sessions/ for its methods."""

    def load(self) -> dict[str, Any]:
        return run(self.loaded())

    async def aload(self) -> dict[str, Any]:
        return await arun(self.loaded())

    def save(self, must_create: bool = False) -> None:
        run(self.saved(must_create))

    async def asave(self, must_create: bool = False) -> None:
        await arun(self.saved(must_create))

    def create(self) -> None:
        run(self.created())

    async def acreate(self) -> None:
        await arun(self.created())

    def exists(self, session_key: str | None) -> bool:
        return run(self.existing(session_key))

    async def aexists(self, session_key: str | None) -> bool:
        return await arun(self.existing(session_key))

    def delete(self, session_key: str | None = None) -> None:
        run(self.deleted(session_key))

    async def adelete(self, session_key: str | None = None) -> None:
        await arun(self.deleted(session_key))

    def flush(self) -> None:
        run(self.flushed())

    async def aflush(self) -> None:
        await arun(self.flushed())

    def modify(self, key: str, function: Callable[[Any], Any], default: Any = None) -> Any:
        """Replace the value of ``key`` by ``function(value)`` in one atomic step, and return it.

        ``request.session.modify("visits", lambda visits: visits + 1, default=0)``

        Written at once, not at the end of the request. When others change the session at the same
        moment, the step is made again from what they left, so ``function`` may run more than once: it
        should do nothing but compute. It gets ``default`` where there is no value. Of a session that has
        meanwhile ended, only this request sees the new value.

        Raises :exc:`~frontdesk.errors.Contention` after a thousand lost tries, ``StorageUnavailable``,
        and ``ValueError`` for the keys by which Django knows who is signed in.
        """
        return run(self.modified_by(key, function, default))

    async def amodify(self, key: str, function: Callable[[Any], Any], default: Any = None) -> Any:
        """See :meth:`modify`; ``function`` is an ordinary function."""
        return await arun(self.modified_by(key, function, default))

    def cycle_key(self) -> None:
        run(self.cycled())

    async def acycle_key(self) -> None:
        await arun(self.cycled())

    @classmethod
    def clear_expired(cls) -> None:
        run(_purged())

    @classmethod
    async def aclear_expired(cls) -> None:
        await arun(_purged())

    async def aset(self, key: str, value: Any) -> None:
        if key == SESSION_KEY:
            await self.akeys()
            self._sign_in()
        await super().aset(key, value)

    async def adelete_test_cookie(self) -> None:
        # Django's deletes from the dictionary without setting ``modified``, so the deletion is lost.
        await self.apop(self.TEST_COOKIE_NAME)


def _purged() -> Flow[None]:
    """Remove all that has expired, in batches."""
    while (yield from purged(PURGE_BATCH)):
        pass
    yield from told(get_storage(), expired_cleared)


def purged(limit: int) -> Flow[int]:
    """Remove up to ``limit`` of what has expired; return how many rows, files or entries went."""
    storage = get_storage()
    done = yield from asked(storage, "purge", clock.now(), limit)
    reasons = {True: Reason.IDLE, False: Reason.ABSOLUTE}
    ends = [End(gone.digest, gone.user_id, reasons[gone.idle], gone.at) for gone in done.expired]
    yield from told_ends(storage, ends)
    return int(done.removed)

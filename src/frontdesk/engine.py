"""``SESSION_ENGINE = "frontdesk.engine"``: the session's methods, which drive its flows in either colour."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import SESSION_KEY

from frontdesk import purging
from frontdesk.drive import arun, run
from frontdesk.modifying import ModifiableSession


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
        run(purging.purged(purging.BATCH))

    @classmethod
    async def aclear_expired(cls) -> None:
        await arun(purging.purged(purging.BATCH))

    async def aset(self, key: str, value: Any) -> None:
        if key == SESSION_KEY:
            await self.akeys()
            self._sign_in()
        await super().aset(key, value)

    async def adelete_test_cookie(self) -> None:
        # Django's deletes from the dictionary without setting ``modified``, so the deletion is lost.
        await self.apop(self.TEST_COOKIE_NAME)

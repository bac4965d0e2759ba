"""The way back: Django's session engines, which also find what frontdesk has kept.

``SESSION_ENGINE = "frontdesk.migrate.to_django.db"``, or ``cached_db``, ``cache``, ``file``. They are used
with Django's own middlewares. ``FRONTDESK`` stays as it is until the last session has moved.
"""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends.base import CreateError, SessionBase

from frontdesk.conf import options
from frontdesk.core import clock, keys, policy, record
from frontdesk.core.flow import run
from frontdesk.core.keys import Key
from frontdesk.core.record import Record
from frontdesk.storages import get_storage
from frontdesk.storages.base import ANYBODY


class _Rotated(Exception):
    """The session has got another key meanwhile."""


class WayBack(SessionBase):
    """For an engine of Django's, or a project's subclass of one, which it comes before::

        class SessionStore(WayBack, db.SessionStore): ...

    A session that the engine does not have moves into it, under the same key, when its cookie comes. All
    methods are sync, and their async twins run them in a thread.

    Raises :exc:`~frontdesk.errors.StorageUnavailable`, which Django answers with a 500. The cookie stays.
    """

    def load(self) -> dict[str, Any]:
        key = Key.parse(self.session_key)
        # Also if it is empty: the file engine shows an empty file while another request moves a session.
        found: dict[str, Any] = super().load()
        return found if found or key is None else self._move_back(key)

    def delete(self, session_key: str | None = None) -> None:
        key = Key.parse(session_key or self.session_key)
        found = None if key is None else _live(key)
        if found is not None:
            run(get_storage().end([found.id], ANYBODY, [found]))
        super().delete(session_key)

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)

    def modify(self, key: str, function: Any, default: Any = None) -> Any:
        """Replace the value of ``key`` as frontdesk's own sessions do, but not in one atomic step."""
        self[key] = function(self.get(key, default))
        return self[key]

    async def amodify(self, key: str, function: Any, default: Any = None) -> Any:
        """See :meth:`modify`."""
        value = function(await self.aget(key, default))
        await self.aset(key, value)
        return value

    def _move_back(self, key: Key) -> dict[str, Any]:
        """Move the session of ``key`` out of frontdesk's storage, and return its dictionary."""
        # Without a key, Django's middleware would clear the cookie if the storage cannot answer now.
        self._session_key = str(key)
        found = _live(key)
        if found is not None:
            self._session_cache = self._decoded(found)
            try:
                self.save(must_create=True)
            except CreateError:
                # Another request is moving it too.
                moving: dict[str, Any] = super().load()
                is_empty_file = not moving and self.session_key is not None
                return self._decoded(found) if is_empty_file else moving
            if _take_out(found):
                return self._session_cache
            super().delete(self.session_key)
        # Perhaps another request has moved it.
        moved: dict[str, Any] = super().load()
        return moved

    def _decoded(self, found: Record) -> dict[str, Any]:
        serializer = self.serializer()
        return {key: serializer.loads(value) for key, value in found.values.items()}


def _live(key: Key) -> Record | None:
    """Return the live session of ``key`` from frontdesk's storage, but not that of a program.

    Django's engines know cookies only, and the key of a program is no cookie.
    """
    found = run(get_storage().read(key.id))
    if found is None or not keys.same(found.secret, key.digest):
        return None
    if found.carrier.partition(":")[0] != "cookie":
        return None
    return found if policy.is_alive(found, options().limits, clock.now()) else None


def _take_out(found: Record) -> bool:
    """End a session in frontdesk's storage. ``False`` if it has ended, or got a new key, meanwhile."""
    storage = get_storage()

    def ended(current: Record) -> Record:
        if current.secret != found.secret:
            raise _Rotated
        return record.end(current, clock.now() + storage.linger)

    try:
        return run(storage.change(found, ended)) is not None
    except _Rotated:
        return False

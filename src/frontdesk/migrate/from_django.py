"""Sessions that one of Django's engines has kept so far, for ``FRONTDESK["MIGRATE_FROM"]``.

The rule of a move, in ``SessionStore``: a key that the storage does not know is looked up in Django's
engine. If it is there, it is inserted into the storage under the same key, and then deleted in the engine.
Two requests that do so at once find the same id taken, so only one inserts. A sign-out deletes in both.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.cache import SessionStore as CacheEngine
from django.contrib.sessions.backends.db import SessionStore as DatabaseEngine
from django.contrib.sessions.backends.file import SessionStore as FileEngine
from django.core.cache import caches
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from frontdesk import conf
from frontdesk.core.keys import DJANGO_KEY_LENGTH, Key
from frontdesk.errors import InvalidSetting, StorageUnavailable


class Origin:
    """A session engine of Django's, or a subclass of one, that sessions move from."""

    def __init__(self, engine: type[Any]) -> None:
        self.engine: Any = engine

    def load(self, key: Key) -> Mapping[str, Any] | None:
        """Return the dictionary of a session, or ``None`` if the engine has none.

        Raises :exc:`~frontdesk.errors.StorageUnavailable`.
        """
        if len(key) != DJANGO_KEY_LENGTH:
            return None  # frontdesk has made this key
        with _available():
            if issubclass(self.engine, CacheEngine):
                # The engine's own load() takes a cache that is down for one without the session.
                cached = caches[settings.SESSION_CACHE_ALIAS]
                return cached.get(self.engine.cache_key_prefix + key)  # type: ignore[no-any-return]
            return self.engine(str(key)).load() or None

    def delete(self, key: Key) -> None:
        """Delete a session. Raises :exc:`~frontdesk.errors.StorageUnavailable`."""
        if len(key) == DJANGO_KEY_LENGTH:
            with _available():
                self.engine().delete(str(key))

    async def aload(self, key: Key) -> Mapping[str, Any] | None:
        """See :meth:`load`."""
        return await sync_to_async(self.load)(key)

    async def adelete(self, key: Key) -> None:
        """See :meth:`delete`."""
        await sync_to_async(self.delete)(key)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 (each client of a cache has exceptions of its own)
        # Only the kind, because the text of an error may have the key.
        raise StorageUnavailable(f"Django's session engine: {type(error).__name__}") from None


@cache
def origin() -> Origin | None:
    """Return the engine that ``FRONTDESK["MIGRATE_FROM"]`` names, or ``None`` if it names none.

    Raises :exc:`~frontdesk.errors.InvalidSetting`.
    """
    path = conf.options().migrate_from
    if not isinstance(path, str):
        return None
    try:
        engine = import_string(f"{path}.SessionStore")
    except ImportError as error:
        raise InvalidSetting(
            f"FRONTDESK['MIGRATE_FROM'] is {path!r}, which is not a session engine: {error}."
        ) from error
    if not (
        isinstance(engine, type) and issubclass(engine, DatabaseEngine | CacheEngine | FileEngine)
    ):
        raise InvalidSetting(
            f"FRONTDESK['MIGRATE_FROM'] is {path!r}. Sessions can be moved from Django's db, cached_db, "
            "cache and file engines, and from subclasses of them."
        )
    return Origin(engine)


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "FRONTDESK":
        origin.cache_clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.migrate")

"""Sessions that one of Django's engines has kept so far, for ``FRONTDESK["MIGRATE_FROM"]``.

How they move is in :mod:`frontdesk.migrate.moving_in`. ``manage.py frontdesk import`` moves those that
are not used meanwhile.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.contrib.sessions.backends.cache import SessionStore as CacheEngine
from django.contrib.sessions.backends.cached_db import SessionStore as CachedDatabaseEngine
from django.contrib.sessions.backends.db import SessionStore as DatabaseEngine
from django.contrib.sessions.backends.file import SessionStore as FileEngine
from django.core.cache import caches
from django.core.signals import setting_changed
from django.db import router
from django.utils import timezone
from django.utils.module_loading import import_string

from frontdesk import conf
from frontdesk.core import clock
from frontdesk.core.keys import DJANGO_KEY_LENGTH, Key
from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.migrate.to_django import WayBack

BATCH: Final = 500


class Stored(NamedTuple):
    """A session as a row of the table of Django's ``db`` and ``cached_db`` engines."""

    key: str
    dictionary: Mapping[str, Any]
    """Empty if it cannot be decoded."""
    expires: int
    """When Django would have ended it, in microseconds since 1970."""


class Origin:
    """A session engine of Django's, or a subclass of one, that sessions move from."""

    def __init__(self, engine: type[Any]) -> None:
        self.engine: Any = engine

    def load(self, key: Key) -> Mapping[str, Any] | None:
        """Return the dictionary of a session, or ``None`` if the engine has none.

        It is empty if the session is, and if the engine cannot decode it, which Django logs. Raises
        :exc:`~frontdesk.errors.StorageUnavailable`.
        """
        if len(key) != DJANGO_KEY_LENGTH:
            return None  # frontdesk has made this key
        with _Available():
            if issubclass(self.engine, CacheEngine):
                # The engine's own load() takes a cache that is down for one without the session.
                cached = caches[settings.SESSION_CACHE_ALIAS]
                return cached.get(self.engine.cache_key_prefix + key)  # type: ignore[no-any-return]
            session = self.engine(str(key))
            if isinstance(session, FileEngine) and not os.access(session.storage_path, os.X_OK):
                # The engine's own load() takes this for a directory without the session.
                raise FileNotFoundError
            values: Mapping[str, Any] = _of_django(session).load()
            return values if values or session.session_key == key else None

    def delete(self, key: Key) -> None:
        """Delete a session. Raises :exc:`~frontdesk.errors.StorageUnavailable`."""
        if len(key) == DJANGO_KEY_LENGTH:
            with _Available():
                _of_django(self.engine()).delete(str(key))

    # For the import of all sessions.

    @property
    def can_list(self) -> bool:
        """Whether sessions are rows of a table. The other engines can only be asked for a key."""
        return issubclass(self.engine, DatabaseEngine)

    def count(self) -> int:
        """Return how many sessions have not expired."""
        return self._rows().count()  # type: ignore[no-any-return]

    def batches(self) -> Iterator[list[Stored]]:
        """Yield the sessions that have not expired, in the order of their keys."""
        last = ""
        while batch := list(self._rows().filter(pk__gt=last).order_by("pk")[:BATCH]):
            yield [_stored(row) for row in batch]
            last = batch[-1].pk

    def delete_all(self, keys: Sequence[str]) -> None:
        """Delete these sessions."""
        model = self.engine.get_model_class()
        model.objects.using(router.db_for_write(model)).filter(pk__in=keys).delete()
        if issubclass(self.engine, CachedDatabaseEngine):
            names = [self.engine.cache_key_prefix + key for key in keys]
            caches[settings.SESSION_CACHE_ALIAS].delete_many(names)

    def _rows(self) -> Any:
        model = self.engine.get_model_class()
        rows = model.objects.using(router.db_for_write(model))
        return rows.filter(expire_date__gt=timezone.now())


def _of_django(session: Any) -> Any:
    """Return the methods of Django's own engine.

    If the site was on its way back, the setting may name the engine of that. Its ``delete()`` would end the
    session in frontdesk's storage as well, where it has just moved to.
    """
    return super(WayBack, session) if isinstance(session, WayBack) else session


def _stored(row: Any) -> Stored:
    expires: datetime = row.expire_date
    if timezone.is_naive(expires):
        expires = timezone.make_aware(expires)
    return Stored(row.pk, row.get_decoded(), clock.from_datetime(expires))


class _Available:
    """Turns each error inside the ``with`` block into ``StorageUnavailable``."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        # The text of an error may have the key, so nothing of it may be left in this frame, whose variables
        # an error report shows. Each client of a cache has exceptions of its own.
        del error
        if kind is not None and issubclass(kind, Exception):
            raise StorageUnavailable(f"Django's session engine: {kind.__name__}") from None


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

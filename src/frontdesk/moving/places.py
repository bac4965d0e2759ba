"""Which place belongs to a session engine, and the one that ``FRONTDESK["MIGRATE_FROM"]`` names."""

from functools import cache
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.cache import SessionStore as CacheEngine
from django.contrib.sessions.backends.db import SessionStore as DatabaseEngine
from django.contrib.sessions.backends.file import SessionStore as FileEngine
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from frontdesk import conf
from frontdesk.errors import InvalidSetting
from frontdesk.moving.cached import Cached
from frontdesk.moving.files import Files
from frontdesk.moving.rows import Rows
from frontdesk.moving.stock import StockPlace
from frontdesk.moving.waiting import WithWaiting

PLACES: tuple[tuple[type[SessionBase], type[StockPlace]], ...] = (
    (DatabaseEngine, Rows),
    (CacheEngine, Cached),
    (FileEngine, Files),
)
"""``cached_db`` descends from ``db``."""


def place_of(path: str) -> StockPlace:
    """Return the place of the engine that ``path`` names, as ``SESSION_ENGINE`` would.

    Raises :exc:`~frontdesk.errors.InvalidSetting` for one that is not Django's, nor descends from one.
    """
    try:
        engine = import_string(f"{path}.SessionStore")
    except ImportError as error:
        raise InvalidSetting(f"{path!r} is not a session engine: {error}.") from error
    place = place_at(getattr(engine, "stock_engine", engine))
    if place is None:
        raise InvalidSetting(
            f"{path!r} is not an engine that sessions can be moved from or to: it should be Django's "
            "db, cached_db, cache or file, or a subclass of one."
        )
    return WithWaiting(place) if hasattr(engine, "stock_engine") else place


@cache
def place_at(engine: Any) -> StockPlace | None:
    """Return the place of an engine's class; ``None`` if it does not descend from one of Django's."""
    for kind, place in PLACES:
        if isinstance(engine, type) and issubclass(engine, kind):
            return place(engine)
    return None


@cache
def old_place() -> StockPlace | None:
    """Return where the stock engine in ``FRONTDESK["MIGRATE_FROM"]`` has left its sessions.

    ``None`` if nothing is moved, or it is a storage. Raises :exc:`~frontdesk.errors.InvalidSetting`.
    """
    origin = conf.options().migrate_from
    if not isinstance(origin, str):
        return None
    try:
        return place_of(origin)
    except InvalidSetting as error:
        raise InvalidSetting(f"FRONTDESK['MIGRATE_FROM']: {error}") from error


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"FRONTDESK", "SESSION_CACHE_ALIAS", "SESSION_FILE_PATH", "CACHES"}:
        old_place.cache_clear()
        place_at.cache_clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.moving")

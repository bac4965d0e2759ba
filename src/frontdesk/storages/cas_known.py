"""Which way to compare and set belongs to which of Django's caches."""

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import PyMemcacheCache
from django.core.cache.backends.redis import RedisCache

from frontdesk.errors import InvalidSetting
from frontdesk.storages.cas import CompareAndSet
from frontdesk.storages.cas_clients import LocMem, Memcached, Redis
from frontdesk.storages.cas_database import Database

KNOWN: tuple[tuple[type[BaseCache], type[CompareAndSet]], ...] = (
    (LocMemCache, LocMem),
    (PyMemcacheCache, Memcached),
    (RedisCache, Redis),
    (DatabaseCache, Database),
)


def for_cache(cache: BaseCache) -> CompareAndSet:
    """Return the way to compare and set on ``cache``.

    Raises :exc:`~frontdesk.errors.InvalidSetting` when there is none.
    """
    for kind, way in KNOWN:
        if isinstance(cache, kind):
            return way(cache)
    names = ", ".join(kind.__name__ for kind, _ in KNOWN)
    raise InvalidSetting(
        f"The session storage cannot use {type(cache).__name__}: it offers no compare-and-set that "
        f"frontdesk knows, so an ended session could come back. Use one of {names} (or a subclass), "
        "or another storage."
    )

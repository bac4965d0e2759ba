"""Sessions in any of Django's caches that can compare and set; see :mod:`frontdesk.storages.cas`."""

from collections.abc import Collection
from typing import Any

from django.core import checks
from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache

from frontdesk import clock
from frontdesk.errors import InvalidSetting
from frontdesk.storages.cas import CompareAndSet
from frontdesk.storages.cas_known import for_cache
from frontdesk.storages.record import Purged
from frontdesk.storages.slots import SlotStorage

LONGEST = 5 * 365 * 86_400
"""Seconds; what has no end is kept that long, since not every cache takes more."""

PREFIX = "frontdesk:"

ROOMY = 10_000
"""Entries. Django's default of 300 is full after 150 people have signed in."""


class CacheStorage(SlotStorage):
    """Sessions in the cache ``ALIAS`` of ``settings.CACHES``.

    Expiry is the cache's. A cache that is restarted or that evicts signs people out: give sessions one
    of their own, large enough.
    """

    def __init__(self, *, ALIAS: str = "default") -> None:  # noqa: N803 (an option)
        super().__init__()
        self._alias = ALIAS
        try:
            for_cache(caches[ALIAS])
        except InvalidCacheBackendError as error:
            raise InvalidSetting(
                f"FRONTDESK['STORAGE']['OPTIONS']['ALIAS'] is {ALIAS!r}, which cannot be used: {error}"
            ) from error

    @property
    def _cache(self) -> BaseCache:
        return caches[self._alias]  # one per thread, so it is not kept

    def _ways(self) -> tuple[BaseCache, CompareAndSet]:
        cache = self._cache
        return cache, for_cache(cache)

    def _load(self, name: str) -> tuple[bytes | None, Any]:
        cache, way = self._ways()
        with way.guarded():
            return way.load(cache.make_and_validate_key(PREFIX + name))

    def _load_many(self, names: Collection[str]) -> dict[str, bytes]:
        cache, way = self._ways()
        keys = {cache.make_and_validate_key(PREFIX + name): name for name in names}
        with way.guarded():
            return {keys[key]: value for key, value in way.load_many(keys.keys()).items()}

    def _store(self, name: str, token: Any, data: bytes, expires: int) -> bool:
        cache, way = self._ways()
        seconds = -((clock.now() - expires) // clock.SECOND)  # rounded up
        timeout = min(max(seconds, 1), LONGEST)
        with way.guarded():
            return way.store(cache.make_and_validate_key(PREFIX + name), token, data, timeout)

    def purge(self, now: int, limit: int) -> Purged:
        _, way = self._ways()
        with way.guarded():
            # What the cache has dropped by itself was never seen to expire, so nothing is said of it.
            return Purged(way.purge(limit), ())

    @property
    def shared(self) -> bool:
        return not isinstance(self._cache, LocMemCache)

    def check(self) -> list[checks.CheckMessage]:
        return [*self._check_size(), *check_limits(self._alias, self._ways()[1])]

    def _check_size(self) -> list[checks.CheckMessage]:
        cache = self._cache
        if not isinstance(cache, LocMemCache | DatabaseCache) or cache._max_entries >= ROOMY:
            return []
        return [
            checks.Warning(
                f"The cache {self._alias!r} holds {cache._max_entries} entries; when it is full, it "
                "throws sessions out, which signs people out.",
                hint=f"Set OPTIONS['MAX_ENTRIES'] of that cache to {ROOMY} or more, or use another "
                "storage.",
                id="frontdesk.W011",
            )
        ]


def check_limits(alias: str, way: CompareAndSet) -> list[checks.CheckMessage]:
    """W033: the server of the cache ``alias`` is waited for as long as it likes."""
    missing = way.missing_limits()
    if not missing:
        return []
    options = ", ".join(f"{name!r}: 1" for name in missing)
    return [
        checks.Warning(
            f"The server of the cache {alias!r} is waited for without limit: while it hangs, so "
            "do all pages that need a session, and in the end all others.",
            hint=f"Add to OPTIONS of that cache, in seconds: {options}.",
            id="frontdesk.W033",
        )
    ]

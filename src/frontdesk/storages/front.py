"""A cache before the database of the sessions: what is asked of one, and Django's caches as such."""

import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage

from frontdesk.drive import hop
from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages.cache import check_limits
from frontdesk.storages.cas import Overwriting
from frontdesk.storages.cas_known import for_cache

PREFIX = "frontdesk:"

TRIES = 50
"""Of one compare-and-set. Each failure means that somebody else succeeded."""

BORN = secrets.token_hex(4)


class Front(ABC):
    """Values by name. Whatever it cannot do raises :exc:`~frontdesk.errors.StorageUnavailable`.

    The twins that start with ``a`` are supplied by a thread hop.
    """

    native = False
    """Whether the twins wait without a thread."""

    shared = True
    """Whether several processes see the same values."""

    @property
    def links(self) -> int:
        """How many connections were made, where a new one may lead to a server with older values."""
        return 0

    @abstractmethod
    def load(self, name: str) -> bytes | None:
        """Return the value, or ``None``."""

    @abstractmethod
    def swap(self, name: str, expected: bytes | None, value: bytes, seconds: int) -> bool:
        """Put ``value`` there for so long, if ``expected`` is there, or nothing if that is ``None``."""

    @abstractmethod
    def replace(
        self, name: str, value: bytes, kinds: bytes, own: bytes, seconds: int
    ) -> bytes | None:
        """Put ``value`` there, unless what is there is not ``own`` and begins with one of ``kinds``.

        Return that, or ``None`` if ``value`` was put there. What is empty begins with each of them.
        """

    @abstractmethod
    def put(self, names: Collection[str], value: bytes, seconds: int) -> None:
        """Put ``value`` there, whatever is there."""

    @abstractmethod
    def server(self) -> str:
        """Return which server this is, and which of its lives, as far as a new one brings old values."""

    def check(self) -> list[CheckMessage]:
        """Return what ``manage.py check`` should say about it."""
        return []

    async def _hop(self, verb: str, *args: Any) -> Any:
        return await hop(getattr(self, verb), *args)

    async def aload(self, name: str) -> bytes | None:
        """See :meth:`load`."""
        return await self._hop("load", name)  # type: ignore[no-any-return]

    async def aswap(self, name: str, expected: bytes | None, value: bytes, seconds: int) -> bool:
        """See :meth:`swap`."""
        return await self._hop("swap", name, expected, value, seconds)  # type: ignore[no-any-return]

    async def areplace(
        self, name: str, value: bytes, kinds: bytes, own: bytes, seconds: int
    ) -> bytes | None:
        """See :meth:`replace`."""
        return await self._hop("replace", name, value, kinds, own, seconds)  # type: ignore[no-any-return]

    async def aput(self, names: Collection[str], value: bytes, seconds: int) -> None:
        """See :meth:`put`."""
        await self._hop("put", names, value, seconds)

    async def aserver(self) -> str:
        """See :meth:`server`."""
        return await self._hop("server")  # type: ignore[no-any-return]


class CacheFront(Front):
    """A cache of ``settings.CACHES`` that can compare and set: Memcached, or this process's memory."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        cache = cache_of(alias)
        if isinstance(cache, DatabaseCache):
            raise InvalidSetting(
                f"The cache {alias!r} is a table: before the database, a look into it costs what it is to "
                "save. Use Memcached or Redis, or sessions in the database alone."
            )
        if not isinstance(for_cache(cache), Overwriting):
            raise InvalidSetting(
                f"The cache {alias!r} is a {type(cache).__name__}, which cannot stand before the database."
            )
        self.shared = not isinstance(cache, LocMemCache)

    def _way(self) -> tuple[BaseCache, Overwriting]:
        cache = caches[self._alias]  # one per thread, so it is not kept
        way = for_cache(cache)
        assert isinstance(way, Overwriting)  # noqa: S101 (looked at in __init__)
        return cache, way

    def load(self, name: str) -> bytes | None:
        cache, way = self._way()
        with way.guarded():
            return way.load(cache.make_and_validate_key(PREFIX + name))[0]

    def swap(self, name: str, expected: bytes | None, value: bytes, seconds: int) -> bool:
        cache, way = self._way()
        key = cache.make_and_validate_key(PREFIX + name)
        with way.guarded():
            if expected is None:
                return way.store(key, None, value, seconds)
            found, token = way.load(key)
            return found == expected and way.store(key, token, value, seconds)

    def replace(
        self, name: str, value: bytes, kinds: bytes, own: bytes, seconds: int
    ) -> bytes | None:
        cache, way = self._way()
        key = cache.make_and_validate_key(PREFIX + name)
        with way.guarded():
            for _ in range(TRIES):
                found, token = way.load(key)
                if found is not None and found != own and found[:1] in kinds:
                    return found
                if way.store(key, token, value, seconds):
                    return None
        raise StorageUnavailable(f"the cache {self._alias!r}: a value changes all the time")

    def put(self, names: Collection[str], value: bytes, seconds: int) -> None:
        cache, way = self._way()
        keys = [cache.make_and_validate_key(PREFIX + name) for name in names]
        with way.guarded():
            way.put(keys, value, seconds)

    def check(self) -> list[CheckMessage]:
        return check_limits(self._alias, self._way()[1])

    def server(self) -> str:
        if not self.shared:
            return f"process {os.getpid()} {BORN}"
        # It forgets all when it stops. The addresses tell apart two that are configured differently.
        cache: Any = caches[self._alias]
        return f"memcached {' '.join(sorted(cache._cache.clients))}"[:255]


def cache_of(alias: str) -> BaseCache:
    """Return the cache of this alias. Raises :exc:`~frontdesk.errors.InvalidSetting`."""
    try:
        return caches[alias]
    except InvalidCacheBackendError as error:
        raise InvalidSetting(
            f"FRONTDESK['STORAGE']['OPTIONS']['CACHE'] is {alias!r}, which cannot be used: {error}"
        ) from error

"""Sessions in a cache of Django's that can compare and set.

Django's cache API has no compare-and-set, and without it no cache can promise that an ended session stays
ended: between a ``get`` and a ``set`` another request may end it. So this module knows how each kind of
cache does it, and refuses a kind that it does not know.

``KEY_FUNCTION``, ``KEY_PREFIX`` and ``VERSION`` of the cache apply to all keys.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any, Final

from django.conf import settings
from django.core import checks
from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import PyMemcacheCache
from django.core.cache.backends.redis import RedisCache

from frontdesk.conf import unknown_option
from frontdesk.core import clock
from frontdesk.errors import FrontdeskError, InvalidSetting, StorageUnavailable
from frontdesk.storages.documents import DocumentStorage, Write, version_in
from frontdesk.storages.redis import CAS

# Only the client library of the cache in use is installed.
try:
    from redis.exceptions import RedisError
except ImportError:
    RedisError = OSError
try:
    from django_redis.cache import RedisCache as DjangoRedisCache
except ImportError:
    DjangoRedisCache = RedisCache
try:
    from pymemcache.client.rendezvous import RendezvousHash
    from pymemcache.exceptions import MemcacheError, MemcacheServerError
except ImportError:
    MemcacheError = MemcacheServerError = OSError

PREFIX: Final = "frontdesk:"

LONGEST: Final = 365 * 86_400
"""Seconds. A document that expires later is kept for this long, as memcached counts only until 2038."""

ROOMY: Final = 10_000
"""How many entries a cache should hold. Django's default of 300 is full after 150 users have signed in."""


class CacheStorage(DocumentStorage):
    """Sessions in the cache ``ALIAS`` of ``settings.CACHES``.

    Restarting the cache signs all users out, and evicting a session signs its user out. So give sessions a
    cache of their own that is large enough.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._alias = options.pop("ALIAS", "default")
        for name in options:
            raise unknown_option("CacheStorage", name, ["ALIAS"])
        try:
            cache = caches[self._alias]
        except (InvalidCacheBackendError, ImportError) as error:
            raise InvalidSetting(
                f"CacheStorage cannot use the cache {self._alias!r}: {error}"
            ) from error
        fitting = (adapter for kind, adapter in ADAPTERS.items() if isinstance(cache, kind))
        adapter = next(fitting, None)
        if adapter is None:
            names = ", ".join(each.name for each in ADAPTERS.values())
            raise InvalidSetting(
                f"CacheStorage cannot use the cache {self._alias!r}, because {type(cache).__name__} has no "
                f"compare-and-set. Use {names}, or another storage."
            )
        self._adapter_class = adapter
        self.shared: bool = adapter.shared
        if problem := self._adapter().problem():
            raise InvalidSetting(f"CacheStorage cannot use the cache {self._alias!r}: {problem}")

    def _adapter(self) -> "_Adapter":
        # Django has one cache object per thread.
        options = settings.CACHES[self._alias].get("OPTIONS", {})
        return self._adapter_class(caches[self._alias], options)

    def get(self, names: Collection[str]) -> dict[str, bytes]:
        adapter = self._adapter()
        with adapter.available():
            return adapter.get(names) if names else {}

    def cas(self, writes: Sequence[Write]) -> list[bool]:
        adapter = self._adapter()
        with adapter.available():
            return [adapter.cas(write) for write in writes]

    def check(self) -> list[checks.CheckMessage]:
        return self._adapter().check(self._alias)


class _Adapter(ABC):
    """How to read, and to compare and set, in one kind of cache."""

    name: str
    shared = True
    faults: tuple[type[Exception], ...] = (OSError,)
    """What the client raises when its server cannot answer."""

    def __init__(self, cache: Any, options: dict[str, Any]) -> None:
        self.cache = cache
        self.options = options

    @abstractmethod
    def get(self, names: Collection[str]) -> dict[str, bytes]:
        """See :meth:`DocumentStorage.get`."""

    @abstractmethod
    def cas(self, write: Write) -> bool:
        """See :meth:`DocumentStorage.cas`."""

    def problem(self) -> str | None:
        """Return why the cache cannot be used, if there is a reason."""
        return None

    def key(self, name: str) -> str:
        return self.cache.make_and_validate_key(PREFIX + name)  # type: ignore[no-any-return]

    @contextmanager
    def available(self) -> Iterator[None]:
        try:
            yield
        except self.faults as error:
            raise StorageUnavailable(f"the cache of the sessions: {error}") from error

    def missing_timeouts(self) -> list[str]:
        """Return the options without which the client waits for its server without a limit."""
        return []

    def check(self, alias: str) -> list[checks.CheckMessage]:
        if not (missing := self.missing_timeouts()):
            return []
        options = ", ".join(f"{name!r}: 1" for name in missing)
        return [
            checks.Warning(
                f"The cache {alias!r} waits for its server without a limit. While the server hangs, all "
                "pages that need a session hang, too.",
                hint=f"Add to OPTIONS of the cache, in seconds: {options}.",
                id="frontdesk.W033",
            )
        ]


_IN_PROCESS = threading.Lock()


class _LocMem(_Adapter):
    """The memory of this process, so a lock of this process is enough."""

    name = "LocMemCache"
    shared = False

    def get(self, names: Collection[str]) -> dict[str, bytes]:
        found = self.cache.get_many([PREFIX + name for name in names])
        return {key.removeprefix(PREFIX): data for key, data in found.items()}

    def cas(self, write: Write) -> bool:
        with _IN_PROCESS:
            if version_in(self.cache.get(PREFIX + write.name)) != write.version:
                return False
            self.cache.set(PREFIX + write.name, write.data, _seconds(write))
            return True

    def check(self, alias: str) -> list[checks.CheckMessage]:
        entries = self.options.get("MAX_ENTRIES", 300)
        if entries >= ROOMY:
            return []
        return [
            checks.Warning(
                f"The cache {alias!r} holds {entries} entries. When it is full, it evicts sessions, which "
                "signs their users out.",
                hint=f"Set MAX_ENTRIES in OPTIONS of the cache to {ROOMY} or more.",
                id="frontdesk.W011",
            )
        ]


class _Memcached(_Adapter):
    """The commands ``gets`` and ``cas`` of memcached.

    Each key belongs to one server for good. pymemcache's HashClient gives the keys of a server that is
    down to others. That would sign users out, and bring ended sessions back later. So this uses the
    clients that HashClient has for each server. Django has no public way to them.
    """

    name = "PyMemcacheCache"
    faults = (MemcacheError, OSError)

    def get(self, names: Collection[str]) -> dict[str, bytes]:
        keys = {self.key(name): name for name in names}
        by_client: dict[Any, list[str]] = {}
        for key in keys:
            by_client.setdefault(self._client(key), []).append(key)
        found: dict[str, bytes] = {}
        for client, own in by_client.items():
            found |= client.get_many(own)
        return {keys[key]: data for key, data in found.items()}

    def cas(self, write: Write) -> bool:
        key = self.key(write.name)
        client = self._client(key)
        expire = self.cache.get_backend_timeout(max(ceil(_seconds(write)), 1))
        there, token = client.gets(key)
        if version_in(there) != write.version:
            return False
        try:
            if there is None:
                return bool(client.add(key, write.data, expire, noreply=False))
            return bool(client.cas(key, write.data, token, expire, noreply=False))
        except MemcacheServerError as error:
            if "too large" not in str(error):
                raise
            raise FrontdeskError(
                f"A session or the list of a user's sessions has {len(write.data)} bytes, which memcached "
                "does not store. Keep less in the session, or raise its limit with -I."
            ) from error

    def _client(self, key: str) -> Any:
        clients = self.cache._cache.clients
        return clients[RendezvousHash(sorted(clients)).get_node(key)]

    def problem(self) -> str | None:
        if self.options.get("ignore_exc"):
            return "remove ignore_exc from its OPTIONS. With it, users are signed out while a server is down."
        return None

    def missing_timeouts(self) -> list[str]:
        return [name for name in ("connect_timeout", "timeout") if not self.options.get(name)]


class _Redis(_Adapter):
    """The script of :mod:`frontdesk.storages.redis`. Reads go to the primary, too."""

    name = "RedisCache"
    faults = (RedisError, OSError)
    timeouts = ("socket_connect_timeout", "socket_timeout")

    @property
    def client(self) -> Any:
        return self.cache._cache.get_client(write=True)  # Django has no public way to it

    def get(self, names: Collection[str]) -> dict[str, bytes]:
        values = self.client.mget([self.key(name) for name in names])
        return {name: data for name, data in zip(names, values, strict=True) if data is not None}

    def cas(self, write: Write) -> bool:
        milliseconds = max(int(_seconds(write) * 1000), 1)
        key = self.key(write.name)
        return bool(self.client.eval(CAS, 1, key, write.version, write.data, milliseconds))

    def missing_timeouts(self) -> list[str]:
        pool = self.client.connection_pool
        connection = pool.connection_class(**pool.connection_kwargs)  # not connected to anything
        return [name for name in self.timeouts if getattr(connection, name.lower(), None) is None]


class _DjangoRedis(_Redis):
    name = "RedisCache of django-redis"
    timeouts = ("SOCKET_CONNECT_TIMEOUT", "SOCKET_TIMEOUT")

    @property
    def client(self) -> Any:
        return self.cache.client.get_client(write=True)

    def problem(self) -> str | None:
        try:
            _ = self.client
        except NotImplementedError:
            return "its client has several primaries. Use django_redis.client.DefaultClient."
        return None


ADAPTERS: Final[dict[type, type[_Adapter]]] = {
    DjangoRedisCache: _DjangoRedis,
    RedisCache: _Redis,
    PyMemcacheCache: _Memcached,
    LocMemCache: _LocMem,
}
"""How each kind of cache compares and sets. Without django-redis, its entry is that of Django's."""


def _seconds(write: Write) -> float:
    return min((write.expires - clock.now()) / clock.SECOND, LONGEST)

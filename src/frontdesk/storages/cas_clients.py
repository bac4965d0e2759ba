"""Compare-and-set on the caches that speak to a server or are this process's memory."""

import pickle
from collections.abc import Collection
from typing import Any, Final

from django.core.cache.backends.redis import RedisCacheClient

from frontdesk.errors import InvalidSetting
from frontdesk.storages.cas import CompareAndSet, Overwriting

GET_CLIENT: Final = RedisCacheClient.get_client
KEPT: Final = "_frontdesk_client"
"""The attribute of Django's maker of clients for Redis that has the one made last."""


class LocMem(Overwriting):
    """The memory of this process: the cache's own lock, and the value as its token."""

    def load(self, key: str) -> tuple[bytes | None, Any]:
        found = self.load_many([key]).get(key)
        return found, found

    def load_many(self, keys: Collection[str]) -> dict[str, bytes]:
        with self.cache._lock:
            return {key: value for key in keys if (value := self._value(key)) is not None}

    def store(self, key: str, token: Any, value: bytes, timeout: int) -> bool:
        with self.cache._lock:
            if self._value(key) != token:
                return False
            self.cache._set(key, pickle.dumps(value, self.cache.pickle_protocol), timeout)
            return True

    def put(self, keys: Collection[str], value: bytes, timeout: int) -> None:
        with self.cache._lock:
            for key in keys:
                self.cache._set(key, pickle.dumps(value, self.cache.pickle_protocol), timeout)

    def _value(self, key: str) -> bytes | None:
        if self.cache._has_expired(key):
            return None
        return pickle.loads(self.cache._cache[key])  # type: ignore[no-any-return]  # noqa: S301 (own)


class Memcached(Overwriting):
    """The server's own ``gets`` and ``cas``, through pymemcache.

    Each key belongs to one server for good. pymemcache's own choice of a server answers "not there" for
    one that is down and moves its keys to another, which signs people out, and brings back sessions
    that have ended meanwhile; so only its clients are used.
    """

    def __init__(self, cache: Any) -> None:
        super().__init__(cache)
        self._refusal = cache._lib.exceptions.MemcacheError
        self.faults = (self._refusal, OSError)
        self._clients = cache._cache.clients
        if cache._options.get("ignore_exc"):
            raise InvalidSetting(
                "The cache of the session storage has ignore_exc=True, which makes a server that is "
                "down look like a visitor who has no session. Remove that option."
            )

    def load(self, key: str) -> tuple[bytes | None, Any]:
        return self._client(key).gets(key)  # type: ignore[no-any-return]

    def load_many(self, keys: Collection[str]) -> dict[str, bytes]:
        return {
            key: value
            for client, own in self._by_client(keys).items()
            for key, value in client.get_many(own).items()
        }

    def store(self, key: str, token: Any, value: bytes, timeout: int) -> bool:
        expire = self.cache.get_backend_timeout(timeout)
        if token is None:
            return bool(self._client(key).add(key, value, expire))
        return bool(self._client(key).cas(key, value, token, expire))

    def missing_limits(self) -> list[str]:
        client = next(iter(self._clients.values()))
        names = ("connect_timeout", "timeout")
        return [name for name in names if getattr(client, name, None) is None]

    def put(self, keys: Collection[str], value: bytes, timeout: int) -> None:
        expire = self.cache.get_backend_timeout(timeout)
        for client, own in self._by_client(keys).items():
            refused = client.set_many(dict.fromkeys(own, value), expire, noreply=False)
            if refused:
                raise self._refusal(f"{len(refused)} values were not stored")

    def _by_client(self, keys: Collection[str]) -> dict[Any, list[str]]:
        by_client: dict[Any, list[str]] = {}
        for key in keys:
            by_client.setdefault(self._client(key), []).append(key)
        return by_client

    def _client(self, key: str) -> Any:
        names = sorted(self._clients)
        if len(names) == 1:
            return self._clients[names[0]]
        ring = self.cache._lib.client.rendezvous.RendezvousHash(names)
        return self._clients[ring.get_node(key)]


class Redis(CompareAndSet):
    """A script on the server, with the value as its token. Reads go to the primary: a replica may still
    show a session that has ended."""

    script = """
        local there = redis.call('GET', KEYS[1]) or ''
        if there ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return 1
    """

    def __init__(self, cache: Any) -> None:
        super().__init__(cache)
        self.faults = (cache._cache._lib.exceptions.RedisError, OSError)

    def missing_limits(self) -> list[str]:
        # Newer versions of redis-py have limits of their own.
        pool = self._client().connection_pool
        connection = pool.connection_class(**pool.connection_kwargs)
        names = ("socket_connect_timeout", "socket_timeout")
        return [name for name in names if getattr(connection, name, None) is None]

    def _client(self) -> Any:
        maker = self.cache._cache
        if type(maker).get_client is not GET_CLIENT:
            return maker.get_client(write=True)
        # Django makes a client for each command, which takes longer than the command. It is kept beside
        # its pool, so that it goes with it: there is one for each thread.
        client, pool = vars(maker).get(KEPT), maker._get_connection_pool(write=True)
        if type(client) is not maker._client or client.connection_pool is not pool:
            client = vars(maker)[KEPT] = maker.get_client(write=True)
        return client

    def load(self, key: str) -> tuple[bytes | None, Any]:
        found = self._client().get(key)
        return found, found

    def load_many(self, keys: Collection[str]) -> dict[str, bytes]:
        keys = list(keys)
        values = self._client().mget(keys)
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def store(self, key: str, token: Any, value: bytes, timeout: int) -> bool:
        return bool(self._client().eval(self.script, 1, key, token or b"", value, timeout))

"""Redis before the database of the sessions, spoken to in the words of the Redis storage."""

import inspect
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.cache.backends.base import BaseCache

from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages import redis_clients
from frontdesk.storages.front import Front
from frontdesk.storages.redis_clients import Clients, Place
from frontdesk.storages.redis_options import named

if redis_clients.MISSING is None:
    from redis.exceptions import RedisError

TIMEOUT = 0.5
"""Seconds. Less than ``TRUSTED``, after which no answer is believed anyway."""

OF_DJANGO = {"serializer", "pool_class", "parser_class"}
"""Options of Django's Redis cache that are not for the connection."""

SWAP = """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
    return 1
"""

REPLACE = """
    local found = redis.call('GET', KEYS[1])
    if found and found ~= ARGV[3] and string.find(ARGV[2], string.sub(found, 1, 1), 1, true) then
        return found
    end
    redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4])
    return false
"""


class RedisFront(Front):
    """``options`` are those of :class:`~frontdesk.storages.redis.RedisStorage`."""

    native = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        found = named({"TIMEOUT": TIMEOUT, **options}, "The Redis of the cached database storage")
        if found.cluster:
            raise InvalidSetting(
                "A Redis Cluster cannot stand before the database: the cached database storage takes one "
                "server, or those behind SENTINEL."
            )
        self._prefix = found.prefix.encode()
        self._counted = Counter()
        try:
            self._clients = CountedClients(found.place, self._counted)
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            raise InvalidSetting(
                f"The option REDIS of the cached database storage is not usable: {error!r}"
            ) from error

    @property
    def links(self) -> int:
        return self._counted.number

    def load(self, name: str) -> bytes | None:
        with _available():
            return self._clients.line.ask("GET", self._key(name))  # type: ignore[no-any-return]

    async def aload(self, name: str) -> bytes | None:
        with _available():
            client = await self._clients.aget()
            return await client.get(self._key(name))  # type: ignore[no-any-return]

    def swap(self, name: str, expected: bytes | None, value: bytes, seconds: int) -> bool:
        with _available():
            return bool(self._clients.line.ask(*self._swap(name, expected, value, seconds)))

    async def aswap(self, name: str, expected: bytes | None, value: bytes, seconds: int) -> bool:
        with _available():
            client = await self._clients.aget()
            return bool(await client.execute_command(*self._swap(name, expected, value, seconds)))

    def replace(
        self, name: str, value: bytes, kinds: bytes, own: bytes, seconds: int
    ) -> bytes | None:
        with _available():
            words = self._replace(name, value, kinds, own, seconds)
            return self._clients.line.ask(*words)  # type: ignore[no-any-return]

    async def areplace(
        self, name: str, value: bytes, kinds: bytes, own: bytes, seconds: int
    ) -> bytes | None:
        with _available():
            words = self._replace(name, value, kinds, own, seconds)
            client = await self._clients.aget()
            return await client.execute_command(*words)  # type: ignore[no-any-return]

    def put(self, names: Collection[str], value: bytes, seconds: int) -> None:
        with _available(), self._clients.line.client() as client:
            self._put(client, names, value, seconds).execute()

    async def aput(self, names: Collection[str], value: bytes, seconds: int) -> None:
        with _available():
            client = await self._clients.aget()
            await self._put(client, names, value, seconds).execute()

    def server(self) -> str:
        with _available(), self._clients.line.client() as client:
            return _identity(_asked(client).execute())

    async def aserver(self) -> str:
        with _available():
            return _identity(await _asked(await self._clients.aget()).execute())

    def _key(self, name: str) -> bytes:
        return self._prefix + name.encode("ascii")

    def _swap(
        self, name: str, expected: bytes | None, value: bytes, seconds: int
    ) -> tuple[Any, ...]:
        key = self._key(name)
        if expected is None:
            return "SET", key, value, "EX", seconds, "NX"
        return "EVAL", SWAP, 1, key, expected, value, seconds

    def _replace(
        self, name: str, value: bytes, kinds: bytes, own: bytes, seconds: int
    ) -> tuple[Any, ...]:
        return "EVAL", REPLACE, 1, self._key(name), value, kinds, own, seconds

    def _put(self, client: Any, names: Collection[str], value: bytes, seconds: int) -> Any:
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.set(self._key(name), value, ex=seconds)
        return pipeline


class Counter:
    """Counts, also for several threads at once."""

    def __init__(self) -> None:
        self.number = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.number += 1


class CountedClients(Clients):
    """Clients that tell of each connection, before anything is asked on it."""

    def __init__(self, place: Place, tell: Callable[[], None]) -> None:
        self._tell = tell
        super().__init__(place)

    def _client(self, *kinds: Any) -> Any:
        client = super()._client(*kinds)
        pool = client.connection_pool
        pool.connection_class = _telling(pool.connection_class, self._tell)
        return client


def _telling(kind: Any, tell: Callable[[], None]) -> Any:
    def _connect(self: Any) -> Any:
        stream = kind._connect(self)
        tell()
        return stream

    async def _aconnect(self: Any) -> None:
        await kind._connect(self)
        tell()

    made = _aconnect if inspect.iscoroutinefunction(kind._connect) else _connect
    return type(kind.__name__, (kind,), {"_connect": made})


def of_cache(cache: BaseCache) -> RedisFront:
    """Return the front in the server of Django's Redis cache, over connections of frontdesk's own.

    Of several servers, the first one is the primary, as for Django.
    """
    own: Any = cache
    options = {name: value for name, value in own._options.items() if name not in OF_DJANGO}
    prefix = f"{cache.key_prefix}:frontdesk:"
    return RedisFront({"URL": own._servers[0], "PREFIX": prefix, "CONNECTION": options})


def _asked(client: Any) -> Any:
    return client.pipeline(transaction=False).info("server").info("replication")


def _identity(answers: list[Mapping[str, Any]]) -> str:
    server, replication = answers
    if replication["role"] != "master":
        raise StorageUnavailable("the Redis before the database: it is a replica")
    # The first one is another one after each start, the second one after each failover.
    return f"{server['run_id']} {replication['master_replid']}"


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StorageUnavailable(f"the Redis before the database: {error}") from error

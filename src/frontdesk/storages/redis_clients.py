"""Clients of the Redis storage: one for all threads of a process, and one for each event loop.

redis-py tries a command again by itself when a connection fails, ten times by default since version 6.
Here it must not: a change whose answer was lost may have been made, and would be made twice, which a
conditional change would take for somebody else's. A connection that the server has closed meanwhile is
noticed when the pool hands it out, before anything is sent on it, and is opened anew.
"""

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Mapping
from typing import Any, NamedTuple

from frontdesk.errors import InvalidSetting
from frontdesk.storages import redis_sentinel
from frontdesk.storages.redis_line import Line

try:  # the extra "redis"
    import redis
    import redis.asyncio
    import redis.asyncio.retry
    import redis.asyncio.sentinel
    import redis.backoff
    import redis.retry
    import redis.sentinel
except ImportError as error:
    MISSING: ImportError | None = error
else:
    MISSING = None


class Place(NamedTuple):
    """Where the server is, and how to speak to it; the options of the storage."""

    url: str | None
    sentinel: Mapping[str, Any] | None
    timeout: float
    pool_size: int
    connection: Mapping[str, Any]
    client: Any = None
    """The class of the client for threads, if not redis-py's own."""
    async_client: Any = None
    """The same for event loops."""


class Clients:
    """Makes the clients for a place. Nothing is connected before the first command."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._sync = self._client(place.client, redis, redis.sentinel, redis.retry)
        _try(self._sync.connection_pool)
        self.line = Line(self._sync)
        """The shortest way to the server, for threads."""
        for client in (self._sync, *redis_sentinel.clients_of(self._sync)):
            weakref.finalize(self, client.close)
        self._loops: dict[int, _OfLoop] = {}
        self._lock = threading.Lock()

    def get(self) -> Any:
        """Return the client for threads; its pool starts afresh in a process that was forked.

        Who sends something by :attr:`line` as well takes it from there.
        """
        return self._sync

    async def aget(self) -> Any:
        """Return the client of the running event loop, which closes it when it ends."""
        loop = asyncio.get_running_loop()
        kept = self._loops.get(id(loop))
        if kept is not None and kept.loop is loop:
            return kept.client
        kinds = (redis.asyncio, redis.asyncio.sentinel, redis.asyncio.retry)
        client = self._client(self._place.async_client, *kinds)
        keeper = self._keeper(loop, client)
        await anext(keeper)
        with self._lock:
            # Loops that were closed without a word: their connections went with them.
            self._loops = {
                name: old for name, old in self._loops.items() if not old.loop.is_closed()
            }
            self._loops[id(loop)] = _OfLoop(loop, client, keeper)
        return client

    async def _keeper(self, loop: asyncio.AbstractEventLoop, client: Any) -> AsyncGenerator[None]:
        """Wait in the middle of a generator: a loop that ends closes all of those that were begun in it."""
        try:
            yield
        finally:
            with self._lock:
                self._loops.pop(id(loop), None)
            for each in (client, *redis_sentinel.clients_of(client)):
                await each.aclose()

    def _client(self, client_class: Any, kind: Any, sentinels: Any, retries: Any) -> Any:
        place = self._place
        options = {
            "socket_timeout": place.timeout,
            "socket_connect_timeout": place.timeout,
            "retry": retries.Retry(redis.backoff.NoBackoff(), 0),
            # Version 3 has notifications that may come at any time; with 2, whatever has come unasked
            # is left over from another request, and the pool throws such a connection away.
            "protocol": 2,
            **place.connection,
        }
        waiting = {"max_connections": place.pool_size, "timeout": place.timeout}
        if place.sentinel is not None:
            together = {**options, **waiting}
            pool = redis_sentinel.pool(kind, sentinels, place.sentinel, place.timeout, together)
        else:
            pool = kind.BlockingConnectionPool.from_url(
                as_redis(place.url or ""), **waiting, **options
            )
        if pool.connection_kwargs.get("decode_responses"):
            raise InvalidSetting(
                "The Redis storage needs replies as bytes: remove decode_responses."
            )
        client = (client_class or kind.Redis)(connection_pool=pool)
        client.auto_close_connection_pool = True
        return client


class _OfLoop(NamedTuple):
    loop: asyncio.AbstractEventLoop
    client: Any
    keeper: AsyncGenerator[None]


def _try(pool: Any) -> None:
    """Make a connection that is not opened, so that it is known now if its options are none."""
    try:
        pool.connection_class(**pool.connection_kwargs)
    except TypeError as error:
        raise InvalidSetting(
            f"The option CONNECTION is of no use to redis-py: {error}. TLS, and with it what starts with "
            'ssl_, is asked for by a URL with rediss://, or behind Sentinel by "ssl": True.'
        ) from error


def as_redis(url: str) -> str:
    """Return the URL of a Valkey as redis-py knows it."""
    scheme, colon, rest = url.partition(":")
    return {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme) + colon + rest

"""Sessions in Redis or Valkey: one server, one behind Sentinel, or a Cluster.

Everything is done by redis-py's own clients. Each command is about one key, so a Cluster needs nothing
special. A Cluster and one server differ only in how several keys are read and written at once.
"""

import asyncio
import re
import threading
import weakref
from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from django.core import checks
from django.utils.module_loading import import_string

from frontdesk.conf import unknown_option
from frontdesk.core import clock
from frontdesk.core.record import Record
from frontdesk.errors import Contention, InvalidSetting, StorageUnavailable
from frontdesk.storages.base import BATCH
from frontdesk.storages.documents import SESSION, DocumentStorage, Write

try:  # the extra "redis"
    import redis
    import redis.asyncio
    import redis.asyncio.cluster
    import redis.asyncio.retry
    import redis.asyncio.sentinel
    import redis.cluster
    import redis.retry
    import redis.sentinel
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as NotConnected
    from redis.exceptions import RedisClusterException, RedisError
except ImportError as _error:
    MISSING: ImportError | None = _error
else:
    MISSING = None

CAS: Final = """
local there = redis.call('GET', KEYS[1])
local version = there and (string.match(there, '^%d+') or '-1') or '0'
if version ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
"""Stores a document if the version of the one that is there is the expected one.

It is sent with each command. EVALSHA would save 2 of 37 us, and need a second round trip when a server
does not know the script yet.
"""

UNLIMITED: Final = 2**31

MISFITS: Final = (TypeError, ValueError, LookupError, AttributeError, ImportError)
"""What redis-py raises for options that do not fit, besides its own errors."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of :class:`RedisStorage`."""

    URL: str | Sequence[str] | None = None
    """``redis://``, ``rediss://`` (TLS) or ``unix://``; with ``CLUSTER``, also a list of some servers."""
    SENTINEL: Mapping[str, Any] | None = None
    """In place of ``URL``: ``{"hosts": [("10.0.0.1", 26379), ...], "service": "mymaster"}``.

    ``"connection"`` may hold redis-py's options for the connections to the sentinels.
    """
    CLUSTER: bool = False
    PREFIX: str = "frontdesk:"
    """What the names of all keys begin with."""
    TIMEOUT: float = 1.0
    """Seconds to wait for a connection, for each answer, and while all connections are in use."""
    POOL_SIZE: int = 50
    """How many connections a process, and each event loop, opens to a server at most."""
    CONNECTION: Mapping[str, Any] | None = None
    """More of redis-py's options for connections: ``username``, ``password``, ``ssl_ca_certs``, ...

    Those for TLS need a URL with ``rediss://``, or behind Sentinel ``"ssl": True`` beside them.
    """
    RETRY: tuple[Any, int] | None = None
    """When to send a command again after a lost connection: one of redis-py's backoffs, and how often.

    By default never. The server may have made a change although its answer was lost. Sent a second time, it
    is recognized, unless another request has changed the session in between: then ``modify()`` counts twice.
    A new session is not recognized, so a sign-in may leave a second one.
    """
    CLIENT_CLASS: type | str | None = None
    """A subclass of ``redis.Redis``, or of ``redis.RedisCluster`` with ``CLUSTER``."""
    ASYNC_CLIENT_CLASS: type | str | None = None
    """The same of ``redis.asyncio``."""


class RedisStorage(DocumentStorage):
    """Sessions in Redis or Valkey. Its options are the fields of :class:`Options`.

    All reads go to the primary, because a replica may still show a session that has ended. Threads share
    one client. Each event loop has one of its own, which is closed when the loop ends.
    """

    native = True
    thread_sensitive = False

    def __init__(self, **options: Any) -> None:
        super().__init__()
        if MISSING is not None:
            raise InvalidSetting(
                "RedisStorage needs the package redis: pip install 'django-frontdesk[redis]'."
            ) from MISSING
        names = [field.name for field in fields(Options)]
        for name in options.keys() - set(names):
            raise unknown_option("RedisStorage", name, names)
        self._options = Options(**options)
        self._try_options()
        self._turns = threading.BoundedSemaphore(self._options.POOL_SIZE)
        self._of_loop: dict[asyncio.AbstractEventLoop, _OfLoop] = {}

    def _try_options(self) -> None:
        """Make a client and a connection, which connect to nothing, to learn whether the options fit."""
        try:
            for problem in _problems(self._options):
                raise InvalidSetting(f"RedisStorage {problem}")
            client = self._make_client(redis.asyncio, self._options.ASYNC_CLIENT_CLASS)
            if not self._options.CLUSTER:
                client.connection_pool.make_connection()
            _client_class(redis, self._options.CLUSTER, self._options.CLIENT_CLASS)
        except (*MISFITS, RedisError, RedisClusterException) as error:
            what = f"{type(error).__name__}: {error}"
            raise InvalidSetting(
                f"The options of RedisStorage do not fit redis-py: {what}"
            ) from error
        if client.get_encoder().decode_responses:
            raise InvalidSetting("RedisStorage needs answers as bytes. Remove decode_responses.")

    # The clients.

    def _make_client(self, library: Any, client_class: type | str | None) -> Any:
        """Return a client of ``library``, which is ``redis`` or ``redis.asyncio``."""
        given = self._options
        kind = _client_class(library, given.CLUSTER, client_class)
        options: dict[str, Any] = {
            "socket_timeout": given.TIMEOUT,
            "socket_connect_timeout": given.TIMEOUT,
            # A pool of redis-py fails at once when it has no more connections, and some count wrongly
            # (redis-py issue 4187). So this class limits how many are in use.
            "max_connections": UNLIMITED,
            "retry": library.retry.Retry(*(given.RETRY or (NoBackoff(), 0))),
            # In version 3 a server may send at any time. In version 2, whatever a connection holds when it
            # leaves the pool was meant for another request, and redis-py closes it.
            "protocol": 2,
            **(given.CONNECTION or {}),
        }
        if given.SENTINEL is not None:
            near = {
                name: options[name]
                for name in ("socket_timeout", "socket_connect_timeout", "retry")
            }
            near |= given.SENTINEL.get("connection", {})
            sentinel = library.sentinel.Sentinel(given.SENTINEL["hosts"], sentinel_kwargs=near)
            return sentinel.master_for(given.SENTINEL["service"], redis_class=kind, **options)
        url, *others = _urls(given)
        if given.CLUSTER:
            parts = [urlsplit(other) for other in others]
            node = library.cluster.ClusterNode
            options["startup_nodes"] = [node(part.hostname, part.port or 6379) for part in parts]
            # Otherwise the asyncio client closes connections that are in use when slots move, and when
            # many tasks at once use it first.
            options["reinitialize_steps"] = 0
        return kind.from_url(url, **options)

    @cached_property
    def _client(self) -> Any:
        # Made at the first use, because a client for a Cluster connects at once.
        client = self._make_client(redis, self._options.CLIENT_CLASS)
        is_cluster = self._options.CLUSTER
        weakref.finalize(self, client.disconnect_connection_pools if is_cluster else client.close)
        return client

    @contextmanager
    def _turn(self) -> Iterator[Any]:
        """Wait until fewer than ``POOL_SIZE`` threads use the client, and yield it."""
        if not self._turns.acquire(timeout=self._options.TIMEOUT):
            raise self._busy()
        try:
            with _available():
                yield self._client
        finally:
            self._turns.release()

    @asynccontextmanager
    async def _aturn(self) -> AsyncIterator[Any]:
        """See :meth:`_turn`."""
        loop = asyncio.get_running_loop()
        own = self._of_loop.get(loop) or await self._enter(loop)
        try:
            async with asyncio.timeout(self._options.TIMEOUT):
                await own.turns.acquire()
        except TimeoutError as error:
            raise self._busy() from error
        try:
            with _available():
                yield own.client
        finally:
            own.turns.release()

    def _busy(self) -> Contention:
        seconds, size = self._options.TIMEOUT, self._options.POOL_SIZE
        return Contention(
            f"None of the {size} connections to Redis became free within {seconds} s."
        )

    async def _enter(self, loop: asyncio.AbstractEventLoop) -> "_OfLoop":
        client = self._make_client(redis.asyncio, self._options.ASYNC_CLIENT_CLASS)
        closing = self._close_with_loop(loop, client)
        await anext(closing)
        for other in list(self._of_loop):
            if other.is_closed():  # without having closed its generators
                self._of_loop.pop(other, None)
        own = _OfLoop(client, asyncio.Semaphore(self._options.POOL_SIZE), closing)
        self._of_loop[loop] = own
        return own

    async def _close_with_loop(
        self, loop: asyncio.AbstractEventLoop, client: Any
    ) -> AsyncGenerator[None]:
        """Wait in a generator, because an event loop that ends closes the generators that it has begun."""
        try:
            yield
        finally:
            self._of_loop.pop(loop, None)
            await client.aclose()
            if self._options.SENTINEL:
                for each in client.connection_pool.sentinel_manager.sentinels:
                    await each.aclose()

    # The primitives of a document storage.

    def get(self, names: Collection[str]) -> dict[str, bytes]:
        with self._turn() as client:
            return _found(names, self._reading(client, names).execute())

    async def aget(self, names: Collection[str]) -> dict[str, bytes]:
        async with self._aturn() as client:
            try:
                return _found(names, await self._reading(client, names).execute())
            except NotConnected:
                if not self._options.CLUSTER:
                    raise
                keys = [self._options.PREFIX + name for name in names]
                return _found(names, [await _get_again(client, key) for key in keys])

    def cas(self, writes: Sequence[Write]) -> list[bool]:
        with self._turn() as client:
            if self._options.CLUSTER:
                # Not in a pipeline, because that of a Cluster sends again what was not answered.
                stored = [client.eval(*self._command(write)) for write in writes]
            else:
                stored = self._writing(client, writes).execute()
        return [bool(each) for each in stored]

    async def acas(self, writes: Sequence[Write]) -> list[bool]:
        async with self._aturn() as client:
            if self._options.CLUSTER:
                stored = [await self._aeval(client, write) for write in writes]
            else:
                stored = await self._writing(client, writes).execute()
        return [bool(each) for each in stored]

    async def _aeval(self, client: Any, write: Write) -> Any:
        command = self._command(write)
        try:
            return await client.eval(*command)
        except NotConnected:
            # The server may have stored the document before the connection was lost.
            there = await _get_again(client, self._options.PREFIX + write.name)
            return there == write.data or await client.eval(*command)

    def _reading(self, client: Any, names: Collection[str]) -> Any:
        # A GET for each name, not one MGET, during which the server would answer no other client.
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.get(self._options.PREFIX + name)
        return pipeline

    def _writing(self, client: Any, writes: Sequence[Write]) -> Any:
        pipeline = client.pipeline(transaction=False)
        for write in writes:
            pipeline.eval(*self._command(write))
        return pipeline

    def _command(self, write: Write) -> tuple[Any, ...]:
        milliseconds = max((write.expires - clock.now()) // 1000, 1)
        return CAS, 1, self._options.PREFIX + write.name, write.version, write.data, milliseconds

    # Going through all sessions.

    def scan(self, after: str = "") -> Iterator[Record]:
        """See :class:`~frontdesk.storages.base.Scans`. Keeps the ids in memory, as Redis has no order."""
        prefix = self._options.PREFIX + SESSION
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*"
        with self._turn() as client:
            keys = set(client.scan_iter(match=pattern, count=1000))
        ids = sorted(key.decode()[len(prefix) :] for key in keys)
        for start in range(bisect_right(ids, after), len(ids), BATCH):
            now = clock.now()
            live = [each for each in self.load(ids[start : start + BATCH]) if each.is_live(now)]
            yield from sorted(live, key=lambda each: each.id)

    def count_expired(self, now: int) -> int:
        """Return 0, because the server deletes what has expired."""
        return 0

    # What manage.py check says.

    def check_deployed(self) -> list[checks.CheckMessage]:
        try:
            with _available():
                infos = self._infos()
        except StorageUnavailable:
            return []  # A site is often checked, and built, where its server cannot be reached.
        messages = {}
        for info in infos:
            for message in (_check_kind(info, cluster=self._options.CLUSTER), _check_memory(info)):
                if message is not None:
                    messages[message.id] = message
        return list(messages.values())

    def _infos(self) -> list[Mapping[str, Any]]:
        """Return what the servers that the options name say about themselves."""
        if self._options.SENTINEL:
            return [self._client.info()]
        # Plain clients, because one for a Cluster does not work with a server that is not part of one.
        plain = {"socket_timeout": self._options.TIMEOUT, **(self._options.CONNECTION or {})}
        return [redis.Redis.from_url(url, **plain).info() for url in _urls(self._options)]


class _OfLoop(NamedTuple):
    """What belongs to an event loop."""

    client: Any
    turns: asyncio.Semaphore
    closing: AsyncGenerator[None]


def _problems(given: Options) -> Iterator[str]:
    """Yield what is wrong with the options."""
    if (given.URL is None) == (given.SENTINEL is None):
        yield 'needs one of the options URL, for example "redis://127.0.0.1:6379/0", and SENTINEL.'
    if given.CLUSTER and given.SENTINEL:
        yield "takes CLUSTER or SENTINEL. A Cluster has no sentinels."
    if len(_urls(given)) > 1 and not given.CLUSTER:
        yield 'has several servers in the option URL. Name one, or add "CLUSTER": True.'
    if not (given.TIMEOUT > 0 and given.POOL_SIZE > 0):
        yield "needs numbers greater than 0 in the options TIMEOUT and POOL_SIZE."
    if "retry" in (given.CONNECTION or {}):
        yield 'takes retries in the option RETRY, for example "RETRY": (NoBackoff(), 1).'


def _urls(given: Options) -> list[str]:
    """Return the URLs that the options name, as redis-py knows those of Valkey."""
    urls = [given.URL] if isinstance(given.URL, str) else given.URL or []
    return [re.sub("^valkey(s?):", r"redis\1:", url) for url in urls]


def _client_class(library: Any, cluster: bool, given: type | str | None) -> Any:
    base = library.RedisCluster if cluster else library.Redis
    kind = import_string(given) if isinstance(given, str) else given or base
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise TypeError(f"{given!r} is not a subclass of {base.__module__}.{base.__qualname__}")
    return kind


def _found(names: Collection[str], values: Sequence[bytes | None]) -> dict[str, bytes]:
    return {name: data for name, data in zip(names, values, strict=True) if data is not None}


async def _get_again(client: Any, key: str) -> Any:
    """Read ``key`` after a connection to a Cluster was found closed.

    All clients of redis-py look whether the server has closed a connection before they use it, except the
    asyncio client for a Cluster. That one fails, and then closes its other connections to the server.
    """
    try:
        return await client.get(key)
    except NotConnected:
        return await client.get(key)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (RedisError, RedisClusterException, OSError) as error:
        raise StorageUnavailable(f"the Redis of the sessions: {error}") from error


def _check_kind(info: Mapping[str, Any], *, cluster: bool) -> checks.CheckMessage | None:
    is_cluster = bool(info.get("cluster_enabled"))
    if is_cluster == cluster:
        return None
    if is_cluster:
        return checks.Error(
            "The Redis of the sessions is part of a Cluster.",
            hint='Add "CLUSTER": True to FRONTDESK["STORAGE"]["OPTIONS"].',
            id="frontdesk.E031",
        )
    return checks.Error(
        "The Redis of the sessions is not part of a Cluster.",
        hint='Remove "CLUSTER" from FRONTDESK["STORAGE"]["OPTIONS"].',
        id="frontdesk.E031",
    )


def _check_memory(info: Mapping[str, Any]) -> checks.CheckMessage | None:
    policy = info.get("maxmemory_policy", "noeviction")
    if not info.get("maxmemory") or policy == "noeviction":
        return None
    return checks.Warning(
        "The Redis of the sessions evicts keys when its memory is full. Evicting a session signs its user "
        f"out. Its maxmemory-policy is {policy}.",
        hint="Set maxmemory-policy to noeviction, or use a server for sessions only that is large enough.",
        id="frontdesk.W030",
    )

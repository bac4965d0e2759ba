"""Connections to whichever server the sentinels name as the primary, in words of redis-py.

Two things are not as redis-py has them. It has pools that wait for a free connection, and pools that ask
sentinels, and none that does both. And of sentinels that cannot be asked it says only that, beside all the
options of their connections, so that a wrong certificate looks like a machine that is away.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

try:  # the extra "redis"
    from redis.exceptions import ConnectionError as NotConnected
    from redis.exceptions import TimeoutError as TookTooLong
except ImportError:  # redis_clients says so
    NotConnected = TookTooLong = Exception


def pool(kind: Any, sentinels: Any, described: Any, timeout: float, options: dict[str, Any]) -> Any:
    """Return a pool of connections that have these ``options``, for the option SENTINEL as ``described``.

    ``kind`` and ``sentinels`` are redis-py's modules of a colour.
    """
    near = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": options["retry"],  # the next sentinel is asked instead
        "protocol": 2,
        **described.get("connection", {}),
    }
    manager = sentinels.Sentinel([], sentinel_kwargs=near, socket_timeout=timeout)
    client = _telling(kind.Redis)
    manager.sentinels = [client(**_at(host), **near) for host in described["hosts"]]
    both = type(
        "WaitingSentinelPool",
        (sentinels.SentinelConnectionPool, kind.BlockingConnectionPool),
        {},
    )
    return both(described["service"], manager, **options)


def clients_of(client: Any) -> list[Any]:
    """Return the clients of the sentinels that ``client`` asks for the primary."""
    manager = getattr(client.connection_pool, "sentinel_manager", None)
    return manager.sentinels if manager else []


class Unreachable(NotConnected):  # type: ignore[misc]
    """Why a sentinel could not be asked. redis-py makes its message of what this and the client look like."""

    def __repr__(self) -> str:
        return str(self)


@cache
def _telling(kind: Any) -> Any:
    """Return a class of clients whose errors say why."""

    def masters(self: Any) -> Any:
        with _told():
            return kind.sentinel_masters(self)

    async def amasters(self: Any) -> Any:
        with _told():
            return await kind.sentinel_masters(self)

    def name(self: Any) -> str:
        return "sentinel {host}:{port}".format_map(self.connection_pool.connection_kwargs)

    is_async = inspect.iscoroutinefunction(kind.execute_command)
    return type(
        kind.__name__,
        (kind,),
        {"sentinel_masters": amasters if is_async else masters, "__repr__": name},
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (NotConnected, TookTooLong) as error:
        raise Unreachable(str(error)) from error


def _at(host: Any) -> dict[str, Any]:
    if isinstance(host, str):
        parts = urlsplit(f"//{host}")
        return {"host": parts.hostname or "127.0.0.1", "port": parts.port or 26379}
    name, port = host
    return {"host": str(name), "port": int(port)}

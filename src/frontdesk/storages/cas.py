"""Compare-and-set on Django's caches, which have no common word for it.

Without it no cache can promise that an ended session stays ended: between a ``get`` and a ``set`` there
is always room for somebody else's delete. So a cache that is not known here is refused, not trusted.
"""

import pickle
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import PyMemcacheCache
from django.core.cache.backends.redis import RedisCache
from django.db import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
    router,
    transaction,
)

from frontdesk.errors import InvalidSetting, StorageUnavailable


class CompareAndSet(ABC):
    """What a cache can do, by keys that the cache itself has made; timeouts are in seconds."""

    faults: tuple[type[Exception], ...] = ()
    """What the client raises when its server cannot answer."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache

    @abstractmethod
    def load(self, key: str) -> tuple[bytes | None, Any]:
        """Return the value and a token for :meth:`store`."""

    @abstractmethod
    def load_many(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the values that are there."""

    @abstractmethod
    def store(self, key: str, token: Any, value: bytes, timeout: int) -> bool:
        """Store ``value`` if nothing has changed since the token was given."""

    def purge(self, limit: int) -> int:
        """Delete what has expired, where the cache does not do that itself."""
        return 0

    def missing_limits(self) -> list[str]:
        """Return the options of the cache without which a server that hangs is waited for without end."""
        return []

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn the client's faults into ours."""
        try:
            yield
        except self.faults as error:
            raise StorageUnavailable(f"{type(self.cache).__name__}: {error}") from error


class Overwriting(CompareAndSet):
    """One that can also store without comparing."""

    @abstractmethod
    def put(self, keys: Collection[str], value: bytes, timeout: int) -> None:
        """Store ``value`` under each of ``keys``, whatever is there."""


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
        return self.cache._cache.get_client(write=True)

    def load(self, key: str) -> tuple[bytes | None, Any]:
        found = self._client().get(key)
        return found, found

    def load_many(self, keys: Collection[str]) -> dict[str, bytes]:
        keys = list(keys)
        values = self._client().mget(keys)
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def store(self, key: str, token: Any, value: bytes, timeout: int) -> bool:
        return bool(self._client().eval(self.script, 1, key, token or b"", value, timeout))


class Database(CompareAndSet):
    """The cache's table, with the stored text as the token: ``UPDATE ... WHERE value = what was read``."""

    faults = (OperationalError, InterfaceError, InternalError)

    def load(self, key: str) -> tuple[bytes | None, Any]:
        with self._cursor() as (cursor, table):
            cursor.execute(f"SELECT value FROM {table} WHERE cache_key = %s", [key])  # noqa: S608
            row = cursor.fetchone()
        return (_plain(row[0]), row[0]) if row else (None, None)

    def load_many(self, keys: Collection[str]) -> dict[str, bytes]:
        marks = ", ".join(["%s"] * len(keys))
        with self._cursor() as (cursor, table):
            cursor.execute(
                f"SELECT cache_key, value FROM {table} WHERE cache_key IN ({marks})",  # noqa: S608
                list(keys),
            )
            return {key: _plain(value) for key, value in cursor.fetchall()}

    def store(self, key: str, token: Any, value: bytes, timeout: int) -> bool:
        with self._cursor() as (cursor, table):
            expires = self._moment(timeout)
            if token is not None:
                cursor.execute(
                    f"UPDATE {table} SET value = %s, expires = %s "  # noqa: S608
                    "WHERE cache_key = %s AND value = %s",
                    [_text(value), expires, key, token],
                )
                return bool(cursor.rowcount == 1)
            try:
                with transaction.atomic(using=self._alias()):
                    cursor.execute(
                        f"INSERT INTO {table} (cache_key, value, expires) "  # noqa: S608
                        "VALUES (%s, %s, %s)",
                        [key, _text(value), expires],
                    )
            except IntegrityError:
                return False
            return True

    def purge(self, limit: int) -> int:
        with self._cursor() as (cursor, table):
            now = self._moment(0)
            cursor.execute(f"SELECT cache_key FROM {table} WHERE expires < %s", [now])  # noqa: S608
            keys = [key for (key,) in cursor.fetchmany(limit)]
            if not keys:
                return 0
            marks = ", ".join(["%s"] * len(keys))
            cursor.execute(
                f"DELETE FROM {table} WHERE expires < %s AND cache_key IN ({marks})",  # noqa: S608
                [now, *keys],
            )
            return int(cursor.rowcount)

    def _alias(self) -> str:
        # Reads too go where writes go: a replica may still show a session that has ended.
        return router.db_for_write(self.cache.cache_model_class)

    @contextmanager
    def _cursor(self) -> Iterator[tuple[Any, str]]:
        connection = connections[self._alias()]
        with connection.cursor() as cursor:
            yield cursor, connection.ops.quote_name(self.cache._table)

    def _moment(self, timeout: int) -> Any:
        zone = UTC if settings.USE_TZ else None
        moment = datetime.now(zone) + timedelta(seconds=timeout)
        # Whole seconds, as in Django's own rows of this table.
        return connections[self._alias()].ops.adapt_datetimefield_value(
            moment.replace(microsecond=0)
        )


def _text(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _plain(text: str) -> bytes:
    return b64decode(text.encode("ascii"))


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

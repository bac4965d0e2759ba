"""The storages: for each its settings, on a server or in a directory that nobody else uses.

Servers that several people share get a database, or a prefix, that carries the name of this run, and
loses it at the end. memcached is started here.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests import services

NAME = f"{services.RUN}_hammer"
STORAGES = "frontdesk.storages"
BACKENDS = "django.core.cache.backends"
PERSISTENT = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}

Settings = dict[str, Any]


def settings(database: Settings, storage: Settings, cache: Settings | None = None) -> Settings:
    """Return what :mod:`benchmarks.hammer.settings` reads."""
    caches = {"default": cache or {"BACKEND": f"{BACKENDS}.dummy.DummyCache"}}
    return {"DATABASES": {"default": database}, "CACHES": caches, "STORAGE": storage}


IN_DATABASE = {"BACKEND": f"{STORAGES}.database.DatabaseStorage"}
CACHED = f"{STORAGES}.cached_database.CachedDatabaseStorage"
IN_CACHE = {"BACKEND": f"{STORAGES}.cache.CacheStorage"}


# --- databases ----------------------------------------------------------------------------------


def sqlite_in(folder: str) -> Settings:
    """Return a database in WAL mode, which is how SQLite is to be used by several processes."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{folder}/db.sqlite3",
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
        "CONN_MAX_AGE": 60,
    }


@contextmanager
def sqlite() -> Iterator[Settings]:
    """Make a database in a directory of its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield sqlite_in(folder)


@contextmanager
def postgresql(name: str = NAME) -> Iterator[Settings]:
    """Make a database on the PostgreSQL of the tests."""
    import psycopg  # noqa: PLC0415 (a driver that may be missing)

    url = services.POSTGRESQL
    with psycopg.connect(
        host=url.hostname,
        port=url.port,
        user=url.username,
        password=url.password,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield services._server("postgresql", url, connect_timeout=5) | {
                "NAME": name,
                **PERSISTENT,
            }
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def mariadb(name: str = NAME) -> Iterator[Settings]:
    """Make a database on the MariaDB of the tests."""
    services.use_pymysql_as_mysqldb()
    import MySQLdb  # noqa: PLC0415 (a driver that may be missing)

    url = services.MARIADB
    connection = MySQLdb.connect(
        host=url.hostname, port=url.port, user=url.username, password=url.password or ""
    )
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        try:
            yield services._server("mysql", url, connect_timeout=5, charset="utf8mb4") | {
                "NAME": name,
                **PERSISTENT,
            }
        finally:
            cursor.execute(f"DROP DATABASE `{name}`")
            connection.close()


# --- storages -----------------------------------------------------------------------------------

DatabaseMaker = Callable[[], AbstractContextManager[Settings]]


def in_database(make: DatabaseMaker) -> Callable[[], AbstractContextManager[Settings]]:
    """Sessions as rows."""

    @contextmanager
    def place() -> Iterator[Settings]:
        with make() as database:
            yield settings(database, IN_DATABASE)

    return place


def in_database_cache(make: DatabaseMaker) -> Callable[[], AbstractContextManager[Settings]]:
    """Sessions in Django's database cache."""

    @contextmanager
    def place() -> Iterator[Settings]:
        cache = {
            "BACKEND": f"{BACKENDS}.db.DatabaseCache",
            "LOCATION": "hammer_cache",
            "OPTIONS": {"MAX_ENTRIES": 1_000_000},
        }
        with make() as database:
            yield settings(database, IN_CACHE, cache)

    return place


@contextmanager
def file() -> Iterator[Settings]:
    """Sessions as files; the users are in SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        yield settings(sqlite_in(folder), in_files(Path(folder) / "sessions"))


def in_files(directory: Path) -> Settings:
    """Return the setting of the file storage."""
    return {
        "BACKEND": f"{STORAGES}.file.FileStorage",
        "OPTIONS": {"DIRECTORY": str(directory)},
    }


@contextmanager
def memcached() -> Iterator[Settings]:
    """Sessions in a memcached that is started for this."""
    process, address = services.start_memcached()
    try:
        with sqlite() as database:
            yield settings(database, IN_CACHE, memcached_at(address))
    finally:
        services.stop(process)


def memcached_at(address: str) -> Settings:
    """Return the setting of the cache."""
    return {"BACKEND": f"{BACKENDS}.memcached.PyMemcacheCache", "LOCATION": address}


@contextmanager
def redis() -> Iterator[Settings]:
    """Sessions in the Redis of the tests, under a prefix."""
    with under_prefix() as url, sqlite() as database:
        yield settings(database, in_redis(url))


@contextmanager
def redis_cluster() -> Iterator[Settings]:
    """Sessions in a Redis Cluster that is started for this."""
    from tests.processes.redis_cluster import cluster  # noqa: PLC0415 (a driver that may be missing)

    with cluster() as house, sqlite() as database:
        yield settings(database, in_redis(house.urls, CLUSTER=True))


@contextmanager
def redis_cache() -> Iterator[Settings]:
    """Sessions in Django's cache on the Redis of the tests, under a prefix."""
    with under_prefix() as url, sqlite() as database:
        yield settings(database, IN_CACHE, redis_at(url))


@contextmanager
def under_prefix(name: str = NAME) -> Iterator[str]:
    """Give the URL of Redis, and delete the keys that start with ``name`` afterwards."""
    from redis import Redis  # noqa: PLC0415 (a driver that may be missing)

    url = services.REDIS.geturl()
    try:
        yield url
    finally:
        with Redis.from_url(url) as client:
            for key in client.scan_iter(match=f"{name}:*", count=1000):
                client.delete(key)


def in_redis(url: str | list[str], **more: Any) -> Settings:
    """Return the setting of the Redis storage."""
    return {
        "BACKEND": f"{STORAGES}.redis.RedisStorage",
        "OPTIONS": {"URL": url, "PREFIX": f"{NAME}:", "TIMEOUT": 5, **more},
    }


def redis_at(url: str) -> Settings:
    """Return the setting of the cache."""
    return {"BACKEND": f"{BACKENDS}.redis.RedisCache", "LOCATION": url, "KEY_PREFIX": NAME}


def redis_before(make: DatabaseMaker) -> Callable[[], AbstractContextManager[Settings]]:
    """Sessions as rows, and copies of them in the Redis of the tests, under a prefix."""

    @contextmanager
    def place() -> Iterator[Settings]:
        with under_prefix() as url, make() as database:
            options = in_redis(url)["OPTIONS"]
            yield settings(database, {"BACKEND": CACHED, "OPTIONS": {"REDIS": options}})

    return place


@contextmanager
def memcached_before() -> Iterator[Settings]:
    """Sessions as rows in SQLite, and copies of them in a memcached that is started for this."""
    process, address = services.start_memcached()
    try:
        with sqlite() as database:
            storage = {"BACKEND": CACHED, "OPTIONS": {"CACHE": "default"}}
            yield settings(database, storage, memcached_at(address))
    finally:
        services.stop(process)


class Place(NamedTuple):
    """A storage, what makes it ready, and the service of ``tests/services.py`` that it needs."""

    name: str
    ready: Callable[[], AbstractContextManager[Settings]]
    needs: str | None = None


PLACES = {
    "postgresql": Place("PostgreSQL", in_database(postgresql), "postgresql"),
    "mariadb": Place("MariaDB", in_database(mariadb), "mariadb"),
    "sqlite": Place("SQLite (WAL)", in_database(sqlite)),
    "file": Place("files", file),
    "memcached": Place("memcached (cache)", memcached, "memcached"),
    "redis": Place("Redis", redis, "redis"),
    "redis-cluster": Place("Redis Cluster", redis_cluster, "redis"),
    "redis-cache": Place("Redis (cache)", redis_cache, "redis"),
    "redis-postgresql": Place("PostgreSQL behind Redis", redis_before(postgresql), "postgresql"),
    "redis-mariadb": Place("MariaDB behind Redis", redis_before(mariadb), "mariadb"),
    "memcached-sqlite": Place("SQLite behind memcached", memcached_before, "memcached"),
    "dbcache-postgresql": Place(
        "PostgreSQL (database cache)", in_database_cache(postgresql), "postgresql"
    ),
    "dbcache-mariadb": Place("MariaDB (database cache)", in_database_cache(mariadb), "mariadb"),
    "dbcache-sqlite": Place("SQLite (database cache)", in_database_cache(sqlite)),
}

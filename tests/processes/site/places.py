"""Where a site keeps its sessions: the settings of each place, on a server or in a directory of its own.

Servers that are shared get a database, or a prefix, with the name of this run, which is deleted at the end.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests import services

NAME = f"{services.RUN}_site"
STORAGES = "frontdesk.storages"
BACKENDS = "django.core.cache.backends"
PERSISTENT = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}

Settings = dict[str, Any]
Ready = Callable[[], AbstractContextManager[Settings]]

IN_DATABASE = {"BACKEND": f"{STORAGES}.database.DatabaseStorage"}
IN_CACHE = {"BACKEND": f"{STORAGES}.cache.CacheStorage"}


def settings(database: Settings, storage: Settings, cache: Settings | None = None) -> Settings:
    """Return what ``settings.py`` reads. Each use of a session is recorded, so readers write too."""
    caches = {"default": cache or {"BACKEND": f"{BACKENDS}.dummy.DummyCache"}}
    options = {"STORAGE": storage, "ACTIVITY_INTERVAL": 0}
    return {"DATABASES": {"default": database}, "CACHES": caches, "FRONTDESK": options}


def engine(name: str, database: Settings, folder: str, cache: Settings | None = None) -> Settings:
    """Return the same for an engine of Django's."""
    place = settings(database, IN_DATABASE, cache)
    engine = f"django.contrib.sessions.backends.{name}"
    return place | {"SESSION_ENGINE": engine, "SESSION_FILE_PATH": folder}


# Databases.


def sqlite_in(folder: str) -> Settings:
    """Return a database in WAL mode, as SQLite is to be used by several processes."""
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
    import psycopg

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
            made = services.DATABASES["postgresql"]()
            yield made | {"NAME": name, **PERSISTENT}
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def mariadb(name: str = NAME) -> Iterator[Settings]:
    """Make a database on the MariaDB of the tests."""
    services.use_pymysql_as_mysqldb()
    import MySQLdb

    url = services.MARIADB
    connection = MySQLdb.connect(
        host=url.hostname, port=url.port, user=url.username, password=url.password or ""
    )
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        try:
            yield services.DATABASES["mariadb"]() | {"NAME": name, **PERSISTENT}
        finally:
            cursor.execute(f"DROP DATABASE `{name}`")
            connection.close()


# Storages.


def in_files(directory: Path) -> Settings:
    """Return the setting of the file storage."""
    options = {"DIRECTORY": str(directory)}
    return {"BACKEND": f"{STORAGES}.file.FileStorage", "OPTIONS": options}


def in_redis(url: str | list[str], **more: Any) -> Settings:
    """Return the setting of the Redis storage."""
    options = {"URL": url, "PREFIX": f"{NAME}:", "TIMEOUT": 5, **more}
    return {"BACKEND": f"{STORAGES}.redis.RedisStorage", "OPTIONS": options}


def redis_at(url: str) -> Settings:
    """Return the setting of a cache on Redis."""
    return {"BACKEND": f"{BACKENDS}.redis.RedisCache", "LOCATION": url, "KEY_PREFIX": NAME}


def memcached_at(address: str) -> Settings:
    """Return the setting of a cache on memcached."""
    return {"BACKEND": f"{BACKENDS}.memcached.PyMemcacheCache", "LOCATION": address}


@contextmanager
def under_prefix(name: str = NAME) -> Iterator[str]:
    """Give the URL of the tests' Redis, and delete the keys that start with ``name`` afterwards."""
    from redis import Redis

    url = services.REDIS.geturl()
    try:
        yield url
    finally:
        with Redis.from_url(url) as client:
            for key in client.scan_iter(match=f"{name}:*", count=1000):
                client.delete(key)


@contextmanager
def memcached_started() -> Iterator[str]:
    """Start a memcached, and give its address."""
    process, address = services.start_memcached()
    try:
        yield address
    finally:
        services.stop(process)

"""The places in which frontdesk keeps sessions, for whatever runs on all of them."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any

from django.core.cache import caches
from django.core.management import call_command
from django.db import OperationalError, connections
from django.test import override_settings

from frontdesk.storages.cache import CacheStorage
from frontdesk.storages.cached_database import CachedDatabaseStorage
from frontdesk.storages.redis import RedisStorage
from tests import services

BACKENDS = "django.core.cache.backends"
LOCMEM = f"{BACKENDS}.locmem.LocMemCache"
MEMCACHED = f"{BACKENDS}.memcached.PyMemcacheCache"
REDIS = f"{BACKENDS}.redis.RedisCache"
DATABASE = f"{BACKENDS}.db.DatabaseCache"

ALIAS = "sessions"
TABLE = "frontdesk_test_cache"


def fresh(backend: str, location: str | list[str] = "", **more: Any) -> dict[str, Any]:
    """The setting of a cache that is large enough, and empty under its prefix."""
    options = {"MAX_ENTRIES": 10_000} if backend in {LOCMEM, DATABASE} else {}
    prefix = f"{services.RUN}:{secrets.token_hex(4)}"
    usual = {"BACKEND": backend, "KEY_PREFIX": prefix, "OPTIONS": options}
    return {**usual, "LOCATION": location or prefix, **more}


@contextlib.contextmanager
def cache(setting: dict[str, Any]) -> Iterator[str]:
    """Switch on one cache under an alias of its own, beside Django's default one."""
    with override_settings(CACHES={"default": {"BACKEND": LOCMEM}, ALIAS: setting}):
        try:
            yield ALIAS
        finally:
            caches[ALIAS].close()


@contextlib.contextmanager
def cache_storage(backend: str, location: str | list[str] = "") -> Iterator[CacheStorage]:
    """A storage in a cache that is empty."""
    with cache(fresh(backend, location)) as alias:
        yield CacheStorage(ALIAS=alias)


@contextlib.contextmanager
def cached_database(
    backend: str, location: str | list[str] = "", **options: Any
) -> Iterator[CachedDatabaseStorage]:
    """A storage in the database, with a cache before it that is empty."""
    with cache(fresh(backend, location, **patient(backend))) as alias:
        yield CachedDatabaseStorage(CACHE=alias, **options)


def patient(backend: str) -> dict[str, Any]:
    """What a cache before the database needs on a busy machine, not to be left alone for its slowness."""
    if backend != REDIS:
        return {}
    return {"OPTIONS": {"socket_timeout": 20, "socket_connect_timeout": 20}}


def create_cache_tables() -> None:
    """Make the table of the database cache in each database of this run that is there.

    Outside of any test, since on MariaDB no transaction of one survives it.
    """
    for alias in connections:
        try:
            connections[alias].ensure_connection()
        except OperationalError:  # no test asked for this database, so it was not made
            continue
        call_command("createcachetable", TABLE, database=alias, verbosity=0)


def redis_keys(storage: RedisStorage, kind: bytes = b"") -> Iterator[tuple[Any, bytes]]:
    """Go through the keys of a Redis storage, each with a client of the server on which it is."""
    if hasattr(storage, "_clients"):
        clients = [storage._clients]
    else:
        clients = list(storage._servers._fleet._clients.values())
    for each in clients:
        client = each.get()
        for key in client.scan_iter(match=redis_prefix(storage) + kind + b"*", count=1000):
            yield client, key


def redis_prefix(storage: RedisStorage) -> bytes:
    """Return what each key of a Redis storage starts with."""
    return getattr(storage._commands, "steps", storage._commands).prefix

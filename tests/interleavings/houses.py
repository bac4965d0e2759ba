"""The storages, set up so that thousands of orders are fast."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.cache import caches
from django.core.management import call_command
from django.test import override_settings

from frontdesk import clock, policy
from frontdesk.storages.cache import CacheStorage
from frontdesk.storages.cached_database import CachedDatabaseStorage
from frontdesk.storages.database import DatabaseStorage
from frontdesk.storages.file import FileStorage
from frontdesk.storages.memory import MemoryStorage
from frontdesk.storages.redis import RedisStorage
from tests.interleavings.fronts import Town
from tests.interleavings.people import Directory, InDatabase, InMemory
from tests.interleavings.world import Clock, House

ALIAS = "sessions"
CLOCK = Clock()


def reference() -> House:
    """A house on the reference implementation, a new one for each order."""
    return House(MemoryStorage, InMemory(), CLOCK)


@contextmanager
def standing() -> Iterator[None]:
    """Let the program live by our clock and know our people."""
    now, window = clock.now, policy.CLEARING_WINDOW
    clock.now, policy.CLEARING_WINDOW = CLOCK.now, float("inf")
    backends = ["django.contrib.auth.backends.ModelBackend", Directory.path]
    try:
        with override_settings(AUTHENTICATION_BACKENDS=backends):
            yield
    finally:
        clock.now, policy.CLEARING_WINDOW = now, window


@contextmanager
def files(root: Path) -> Iterator[House]:
    """A directory that is gone afterwards."""
    storage = FileStorage(DIRECTORY=root / "sessions")
    try:
        yield House(lambda: storage, InMemory(), CLOCK)
    finally:
        shutil.rmtree(root / "sessions")


def database() -> House:
    """Every order in the transaction of the test, and so on one connection."""
    storage = DatabaseStorage()
    return House(lambda: storage, InDatabase(), CLOCK)


def redis(place: dict[str, Any]) -> House:
    """Keys below a prefix of their own."""
    storage = RedisStorage(**place)
    return House(lambda: storage, InMemory(), CLOCK)


def fronted() -> House:
    """A cache before an authority, both in memory, new ones for each order."""
    return House(lambda: Town().one, InMemory(), CLOCK)


def cached_database(place: dict[str, Any]) -> House:
    """As ``database``, with a Redis before it, for which the transaction is to look committed."""
    storage = CachedDatabaseStorage(REDIS=place)
    return House(lambda: storage, InDatabase(), CLOCK)


@contextmanager
def cached(backend: str, location: Any, **more: Any) -> Iterator[House]:
    described = {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": location, **more}
    with override_settings(CACHES={"default": described, ALIAS: described}):
        try:
            if backend == "db.DatabaseCache":
                call_command("createcachetable", verbosity=0)
            storage = CacheStorage(ALIAS=ALIAS)
            yield House(lambda: storage, InMemory(), CLOCK)
        finally:
            if backend == "locmem.LocMemCache":
                caches[ALIAS].clear()
            caches[ALIAS].close()

"""Where Django's tests run. They are ``unittest`` classes, so a place is a fixture of the class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from django.test import SimpleTestCase, TestCase, override_settings

from tests import services
from tests.storages import places

DEFAULT_ENGINE = os.environ.get("FRONTDESK_TEST_DB", "sqlite")


def storage(name: str, **options: object) -> override_settings:
    """Switch a storage on."""
    path = f"frontdesk.storages.{name}"
    return override_settings(FRONTDESK={"STORAGE": {"BACKEND": path, "OPTIONS": options}})


@contextmanager
def _cache(backend: str, location: str = "") -> Iterator[None]:
    with (
        places.cache(places.fresh(backend, location)) as alias,
        storage("cache.CacheStorage", ALIAS=alias),
    ):
        yield


def on_database(engine: str) -> Any:
    """Send every query of a ``TestCase`` to one database."""

    def place(case: type) -> type:
        case.databases = {"default" if engine == DEFAULT_ENGINE else engine}
        needed = pytest.mark.needs(engine)
        if engine == "sqlite":
            reason = f"FRONTDESK_TEST_DB is {DEFAULT_ENGINE}"
            needed = pytest.mark.skipif(DEFAULT_ENGINE != "sqlite", reason=reason)
        return needed(case)

    return place


class OnMemory(SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _place(self):
        with storage("memory.MemoryStorage"):
            yield


class OnFiles(SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path):
        with storage("file.FileStorage", DIRECTORY=tmp_path):
            yield


class OnDatabase(TestCase):
    databases: set[str]

    @classmethod
    def setUpClass(cls):
        (alias,) = cls.databases
        cls.enterClassContext(patch.object(services.RouteToCurrent, "alias", alias))
        super().setUpClass()

    @pytest.fixture(autouse=True)
    def _place(self):
        with storage("database.DatabaseStorage"):
            yield


class OnDatabaseCache(OnDatabase):
    @pytest.fixture(autouse=True)
    def _place(self, cache_table):
        with _cache(places.DATABASE, cache_table):
            yield


class OnLocalMemoryCache(SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _place(self):
        with _cache(places.LOCMEM):
            yield


class OnMemcached(SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _place(self, memcached):
        with _cache(places.MEMCACHED, memcached):
            yield


class OnRedis(SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _place(self, redis_place):
        with storage("redis.RedisStorage", **redis_place):
            yield


class OnRedisCluster(SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _place(self, cluster_place):
        with storage("redis.RedisStorage", **cluster_place):
            yield


class OnRedisCache(SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _place(self, redis_url):
        with _cache(places.REDIS, redis_url):
            yield


class BeforeTheDatabase(OnDatabase):
    """A cache before the database, from which the transaction of the test is hidden."""

    @pytest.fixture(autouse=True)
    def _as_if_committed(self, as_if_committed):
        pass


class OnRedisBeforeTheDatabase(BeforeTheDatabase):
    @pytest.fixture(autouse=True)
    def _place(self, redis_place, as_if_committed):
        with storage("cached_database.CachedDatabaseStorage", REDIS=redis_place):
            yield


class OnMemcachedBeforeTheDatabase(BeforeTheDatabase):
    @pytest.fixture(autouse=True)
    def _place(self, memcached, as_if_committed):
        with (
            places.cache(places.fresh(places.MEMCACHED, memcached)) as alias,
            storage("cached_database.CachedDatabaseStorage", CACHE=alias),
        ):
            yield

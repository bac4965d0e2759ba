"""Django's ``SessionTestsMixin`` on every storage. It tests sync and async, and none of it is left out."""

import os

import pytest
from django.test import SimpleTestCase, TestCase, override_settings

from frontdesk.engine import SessionStore
from tests import services
from tests.django_suite import source

# The models belong to an app that is not installed, and to Django's own engine.
_models = source.stub("sessions_tests.models", SessionStore=None)
django_tests = source.load("sessions_tests.tests", models=_models)

DEFAULT_DATABASE = os.environ.get("FRONTDESK_TEST_DB", "sqlite")


def storage(name: str, **options: object) -> override_settings:
    path = f"frontdesk.storages.{name}"
    return override_settings(FRONTDESK={"STORAGE": {"BACKEND": path, "OPTIONS": options}})


class OnAStorage(django_tests.SessionTestsMixin):
    backend = SessionStore


class OnADatabase(django_tests.SessionTestsMixin):
    backend = SessionStore

    @pytest.fixture(autouse=True)
    def _storage(self, monkeypatch):
        (alias,) = self.databases
        monkeypatch.setattr(services.RouteToCurrent, "alias", alias)


class TestMemory(OnAStorage, SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _storage(self):
        with storage("memory.MemoryStorage"):
            yield


class TestFile(OnAStorage, SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _storage(self, tmp_path):
        with storage("file.FileStorage", DIRECTORY=tmp_path / "sessions"):
            yield


@pytest.mark.skipif(DEFAULT_DATABASE != "sqlite", reason="the default database is another one")
class TestSqlite(OnADatabase, TestCase):
    databases = {"default"}


@pytest.mark.needs("postgresql")
class TestPostgresql(OnADatabase, TestCase):
    databases = {"default" if DEFAULT_DATABASE == "postgresql" else "postgresql"}


@pytest.mark.needs("mariadb")
class TestMariadb(OnADatabase, TestCase):
    databases = {"default" if DEFAULT_DATABASE == "mariadb" else "mariadb"}


class TestRedis(OnAStorage, SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _storage(self, redis_place):
        with storage("redis.RedisStorage", **redis_place):
            yield


class TestMemcached(OnAStorage, SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _storage(self, memcached):
        backend = "django.core.cache.backends.memcached.PyMemcacheCache"
        caches = {"default": {"BACKEND": backend, "LOCATION": memcached}}
        with override_settings(CACHES=caches), storage("cache.CacheStorage"):
            yield


class TestLocalMemoryCache(OnAStorage, SimpleTestCase):
    @pytest.fixture(autouse=True)
    def _storage(self):
        backend = "django.core.cache.backends.locmem.LocMemCache"
        with (
            override_settings(CACHES={"default": {"BACKEND": backend}}),
            storage("cache.CacheStorage"),
        ):
            yield

"""A site that has just been switched over: its users have sessions of one of Django's engines."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.file import SessionStore as FileEngine
from django.core.cache import caches

from frontdesk.core.keys import Key
from frontdesk.migrate.from_django import origin
from frontdesk.migrate.to_django.file import SessionStore as FileWayBack
from frontdesk.storages import get_storage
from tests.fixtures import *  # noqa: F403
from tests.fixtures import DATABASE, MEMORY, use

ENGINES = {
    name: f"django.contrib.sessions.backends.{name}"
    for name in ("db", "cached_db", "cache", "file")
}
BACKEND = "django.contrib.auth.backends.ModelBackend"
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"


@pytest.fixture(autouse=True)
def _site(site):
    """Every test here visits the site."""


@pytest.fixture(autouse=True)
def places(site, settings, tmp_path):
    """Caches and a directory for the engines and the storages."""
    settings.CACHES = {
        name: {"BACKEND": LOCMEM, "LOCATION": f"{tmp_path}/{name}"} for name in ("default", "old")
    }
    settings.SESSION_CACHE_ALIAS = "old"
    (tmp_path / "old").mkdir()
    settings.SESSION_FILE_PATH = str(tmp_path / "old")
    _forget_directory()
    yield tmp_path
    _forget_directory()
    for cache in caches.all():
        cache.clear()


def _forget_directory() -> None:
    """Let the file engine look for its directory again, which its classes remember."""
    for engine in (FileEngine, FileWayBack):
        if "_storage_path" in vars(engine):
            del engine._storage_path


class Old:
    """An engine of Django's, and the sessions that it has."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = ENGINES[name]
        self.engine: Any = import_module(self.path).SessionStore

    def begin(self, user: Any = None, *, expiry: Any = None, **values: Any) -> str:
        """Begin a session as Django does, and return its key."""
        session = self.engine()
        if user is not None:
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = BACKEND
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.update(values)
        if expiry is not None:
            session.set_expiry(expiry)
        session.save()
        return session.session_key

    def has(self, key: str) -> bool:
        return bool(self.engine().exists(key))

    def spoil(self, key: str) -> None:
        """Damage what is there, so that it cannot be decoded."""
        if self.name == "file":
            Path(self.engine(key)._key_to_file()).write_text("not a session")
        else:
            rows = self.engine.get_model_class().objects.filter(session_key=key)
            rows.update(session_data="not a session")
            caches["old"].clear()


@pytest.fixture(params=ENGINES)
def old(request, settings, places) -> Old:
    """Run the test for each engine of Django's, from which the site moves."""
    found = Old(request.param)
    settings.FRONTDESK = {**settings.FRONTDESK, "MIGRATE_FROM": found.path}
    return found


CLASSES = {
    "memory": MEMORY,
    "database": DATABASE,
    "file": "frontdesk.storages.file.FileStorage",
    "cache": "frontdesk.storages.cache.CacheStorage",
}


def described(name: str, tmp_path: Path) -> dict[str, Any]:
    """Return the setting of an empty storage."""
    options = {"DIRECTORY": str(tmp_path / "sessions")} if name == "file" else {}
    return {"BACKEND": CLASSES[name], "OPTIONS": options}


# What is done after a commit is not done in the transaction of an ordinary test.
the_database = pytest.param("database", marks=pytest.mark.django_db(transaction=True))


@pytest.fixture(params=["memory", the_database, "file", "cache"])
def storage(request, settings, places):
    """Run the test on each storage."""
    found = described(request.param, places)
    return use(settings, found["BACKEND"], **found["OPTIONS"])


from_db = pytest.mark.parametrize("old", ["db"], indirect=True)
from_cache = pytest.mark.parametrize("old", ["cache"], indirect=True)
in_memory = pytest.mark.parametrize("storage", ["memory"], indirect=True)
in_the_database = pytest.mark.parametrize("storage", [the_database], indirect=True)


def record_of(key: str) -> Any:
    """Return what the storage has for a key."""
    return next(iter(get_storage().load([Key(key).id])), None)


@pytest.fixture
def asked_of_old(old, monkeypatch) -> list[str]:
    """The calls that the old engine gets."""
    found, calls = origin(), []

    def noting(name, method):
        def call(*args):
            calls.append(name)
            return method(*args)

        return call

    for name in ("load", "delete"):
        monkeypatch.setattr(found, name, noting(name, getattr(found, name)))
    return calls

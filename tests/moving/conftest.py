"""A site that has just been switched over: its people have sessions of one of Django's engines."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.file import SessionStore as FileEngine
from django.core.cache import caches

from frontdesk.moving.places import old_place, place_of
from frontdesk.storages import get_storage
from frontdesk.tokens import digest_of
from frontdesk.wayback.file import SessionStore as WaybackFileEngine
from tests.requests.conftest import (  # noqa: F401
    _site,
    browser,
    clock,
    colour,
    journal,
    limits,
    member,
    new_browser,
    other_user,
    user,
)

ENGINES = {
    name: f"django.contrib.sessions.backends.{name}"
    for name in ("db", "cached_db", "cache", "file")
}
STORAGES = ("memory", "database", "cache", "file")
BACKEND = "django.contrib.auth.backends.ModelBackend"
LOCMEM = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "OPTIONS": {"MAX_ENTRIES": 100_000},
}


def described(name: str, tmp_path) -> dict[str, Any]:
    """The setting of a storage, an empty one."""
    options = {
        "cache": {"ALIAS": "new"},
        "file": {"DIRECTORY": str(tmp_path / "sessions")},
    }
    classes = {"memory": "Memory", "database": "Database", "cache": "Cache", "file": "File"}
    return {
        "BACKEND": f"frontdesk.storages.{name}.{classes[name]}Storage",
        "OPTIONS": options.get(name, {}),
    }


@pytest.fixture
def grounds(settings, tmp_path):
    """Caches and a directory for both."""
    settings.CACHES = {
        name: {**LOCMEM, "LOCATION": f"tests.moving.{name}"} for name in ("default", "old", "new")
    }
    (tmp_path / "stock").mkdir()
    settings.SESSION_CACHE_ALIAS = "old"
    settings.SESSION_FILE_PATH = str(tmp_path / "stock")
    _forget_directory()
    yield tmp_path
    _forget_directory()
    for name in settings.CACHES:
        caches[name].clear()


def _forget_directory() -> None:
    """Each class of the file engine keeps the directory that it has seen first."""
    for engine in (FileEngine, WaybackFileEngine):
        if "_storage_path" in vars(engine):
            del engine._storage_path


class Stock:
    """An engine of Django's, and the sessions that it has."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = ENGINES[name]
        self.engine = import_module(self.path).SessionStore
        self.place = place_of(self.path)

    def begin(self, whose: Any = None, *, expiry: Any = None, **values: Any) -> str:
        """Begin a session as Django does, and return its key."""
        session = self.engine()
        if whose is not None:
            session[SESSION_KEY] = str(whose.pk)
            session[BACKEND_SESSION_KEY] = BACKEND
            session[HASH_SESSION_KEY] = whose.get_session_auth_hash()
        session.update(values)
        if expiry is not None:
            session.set_expiry(expiry)
        session.save()
        return session.session_key

    def has(self, key: str) -> bool:
        return self.engine().exists(key)

    def spoil(self, key: str, text: str = "not a session") -> None:
        """Damage what is there."""
        if self.name == "cache":
            caches["old"].set(self.engine.cache_key_prefix + key, text)
        elif self.name == "file":
            Path(self.engine(key)._key_to_file()).write_text(text)
        else:
            self.engine().model.objects.filter(session_key=key).update(session_data=text)


@pytest.fixture(params=ENGINES)
def stock(request, settings, grounds) -> Stock:
    """Run the test for each engine of Django's; the site moves from it."""
    found = Stock(request.param)
    settings.FRONTDESK = {**settings.FRONTDESK, "MIGRATE_FROM": found.path}
    return found


@pytest.fixture(params=STORAGES)
def storage(request, settings, grounds):
    """Run the test on every storage."""
    return keep_in(settings, request.param, grounds)


def keep_in(settings, name: str, tmp_path):
    settings.FRONTDESK = {**settings.FRONTDESK, "STORAGE": described(name, tmp_path)}
    return get_storage()


def record_of(key: str):
    """What the storage has for a key."""
    return get_storage().read(digest_of(key))


class Calls(list[str]):
    """The verbs that the old place was asked for."""


@pytest.fixture
def asked_of_old(stock, monkeypatch) -> Calls:
    place, calls = old_place(), Calls()

    def watched(verb, original):
        def call(*args):
            calls.append(verb)
            return original(*args)

        return call

    for verb in ("read", "insert", "remove"):
        monkeypatch.setattr(place, verb, watched(verb, getattr(place, verb)))
    return calls

"""Fixtures for tests that visit a site. A folder uses them by ``from tests.fixtures import *``.

``mode`` runs a test under WSGI ("sync") and under ASGI ("async"). Sessions are in memory, unless a test or
the folder's conftest says ``use(settings, DATABASE)``.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import auth
from django.contrib.auth import get_user_model

from frontdesk import conf
from frontdesk.core.flow import Call
from frontdesk.storages import get_storage
from frontdesk.testing import Clock
from tests.requests.browsers import BROWSERS, ASGIBrowser, WSGIBrowser
from tests.requests.doubles import ActingAs
from tests.requests.site import step

__all__ = [
    "acting_as",
    "browser",
    "clock",
    "flaky",
    "journal",
    "limits",
    "member",
    "mode",
    "new_browser",
    "other_user",
    "site",
    "user",
]

PASSWORD = "a lantern in the hall"

MEMORY = "frontdesk.storages.memory.MemoryStorage"
DATABASE = "frontdesk.storages.database.DatabaseStorage"


# --- the site and its storage -------------------------------------------------------------------


@pytest.fixture
def site(settings: Any) -> None:
    """The site of tests/requests/site.py. A folder makes it automatic in its conftest."""
    settings.FRONTDESK = {"STORAGE": {"BACKEND": MEMORY}}
    settings.ROOT_URLCONF = "tests.requests.site"
    settings.LOGIN_URL = "/login/"
    settings.LOGIN_REDIRECT_URL = "/home/"


def use(settings: Any, backend: str, **options: Any) -> Any:
    """Keep sessions in this storage from now on, and return it. Other settings stay."""
    described = {"BACKEND": backend, "OPTIONS": options}
    settings.FRONTDESK = {**settings.FRONTDESK, "STORAGE": described}
    return get_storage()


@pytest.fixture
def flaky(site: None, settings: Any) -> Any:
    """A storage that cannot answer when the test says so: ``flaky.down.add("load")``."""
    return use(settings, "tests.requests.doubles.Flaky")


READS = {"load", "load_with_user", "ids_of", "records_of"}


class Journal(list[str]):
    """The names of the calls that the storage got, in order, sync and async alike."""

    @property
    def reads(self) -> list[str]:
        return [name for name in self if name in READS]

    @property
    def writes(self) -> list[str]:
        return [name for name in self if name not in READS]


@pytest.fixture
def journal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """What is asked of the test's storage. ``journal.clear()`` forgets what was asked so far."""
    _choose_storage(request)
    storage, entries = get_storage(), Journal()
    watch = storage.outage.watch

    def noting(call: Call) -> Any:
        entries.append(call.name)
        return watch(call)

    monkeypatch.setattr(storage.outage, "watch", noting)
    return entries


def _choose_storage(request: pytest.FixtureRequest) -> None:
    """Set up the fixtures that choose a storage before the first that uses one."""
    for name in ("site", "flaky", "storage"):
        if name in request.fixturenames:
            request.getfixturevalue(name)


# --- browsers and users -------------------------------------------------------------------------


@pytest.fixture(params=list(BROWSERS))
def mode(request: pytest.FixtureRequest) -> str:
    """Run the test under WSGI, "sync", and under ASGI, "async"."""
    return str(request.param)


@pytest.fixture
def new_browser(request: pytest.FixtureRequest, mode: str) -> type[WSGIBrowser] | type[ASGIBrowser]:
    """Call it for another browser without a cookie."""
    _choose_storage(request)
    return BROWSERS[mode]


@pytest.fixture
def browser(new_browser: Any) -> Any:
    """A browser without a cookie."""
    return new_browser()


def create(name: str) -> Any:
    """Create a user of the project's user model; tests/projects has other models."""
    model: Any = get_user_model()
    fields = {"username": name, "email": f"{name}@example.com"}
    known = {field.name for field in model._meta.get_fields()}
    given = {field: value for field, value in fields.items() if field in known}
    return model.objects.create_user(password=PASSWORD, **given)


@pytest.fixture
def user(db: None) -> Any:
    return create("ada")


@pytest.fixture
def other_user(db: None) -> Any:
    return create("bob")


@pytest.fixture
def member(browser: Any, user: Any) -> Any:
    """A browser in which ``user`` has signed in through Django's view."""
    browser.post("/login/", {"username": user.get_username(), "password": PASSWORD})
    return browser


def sign_in(browser: Any, user: Any, password: str = PASSWORD) -> Any:
    """Sign in as a project's own view does: ``authenticate()`` and ``login()``, in the browser's mode."""

    def task(request: Any) -> Any:
        name = user.get_username()
        found = yield step(auth, "authenticate", request, username=name, password=password)
        yield step(auth, "login", request, found)

    return browser.do(task)


def sign_out(browser: Any) -> Any:
    """Sign out as a project's own view does, in the browser's mode."""

    def task(request: Any) -> Any:
        yield step(auth, "logout", request)

    return browser.do(task)


def is_anonymous(new_browser: Any, key: str) -> bool:
    """Return whether ``key`` opens no session."""
    browser = new_browser()
    browser.key = key
    return browser.username() == "" and browser.values() == {}


@pytest.fixture
def acting_as(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let every browser act as another user: ``acting_as(other_user)``; ``acting_as(None)`` undoes it.

    Name it before a browser, which keeps the middleware of its first request.
    """
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.requests.doubles.ActingAs"]
    return lambda user: monkeypatch.setattr(ActingAs, "name", user and user.get_username())


# --- time ---------------------------------------------------------------------------------------


class MovingClock(Clock):
    """``clock.move(minutes=5)``; a negative duration moves back."""

    def move(self, **duration: float) -> None:
        self.advance(timedelta(**duration))


@pytest.fixture
def clock() -> Iterator[MovingClock]:
    """A clock that stands still until ``clock.move(minutes=5)``."""
    with MovingClock() as stopped:
        yield stopped


LIMITS = {
    "idle": "IDLE_TIMEOUT",
    "absolute": "ABSOLUTE_TIMEOUT",
    "interval": "ACTIVITY_INTERVAL",
}


@pytest.fixture
def limits(settings: Any) -> Any:
    """Set the limits in seconds: ``limits(idle=600, absolute=None, interval=60)``.

    Does not assign the setting, which would make a new storage: one in memory would be empty.
    """

    def set_limits(**seconds: float | None) -> None:
        for name, value in seconds.items():
            duration = None if value is None else timedelta(seconds=value)
            settings.FRONTDESK[LIMITS[name]] = duration
        conf.options.cache_clear()

    return set_limits

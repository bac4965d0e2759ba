"""The site, the storages, the browsers and the clock of these tests."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import caches

from frontdesk import conf
from frontdesk.storages import get_storage
from frontdesk.storages.cached_database import CachedDatabaseStorage
from frontdesk.storages.redis import RedisStorage
from frontdesk.testing import Clock
from tests.requests.browsers import COLOURS
from tests.requests.doubles import VERBS, ActingAs

NATIVE = (RedisStorage, CachedDatabaseStorage)

PASSWORD = "a lantern in the hall"


@pytest.fixture(autouse=True)
def _site(settings):
    settings.FRONTDESK = {}
    settings.ROOT_URLCONF = "tests.requests.site"
    settings.LOGIN_URL = "/login/"
    settings.LOGIN_REDIRECT_URL = "/home/"


# --- storages -----------------------------------------------------------------------------------


def use(settings, backend, **options):
    """Let the site keep its sessions there, and keep its other settings."""
    described = {"BACKEND": backend, "OPTIONS": options}
    settings.FRONTDESK = {**settings.FRONTDESK, "STORAGE": described}
    return get_storage()


@pytest.fixture
def own_cache(settings) -> Iterator[str]:
    """An empty cache in memory."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "tests.requests",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    }
    yield "default"
    caches["default"].clear()


NAMES = ["memory", "database", "cache", "file"]


IN_REDIS = [
    pytest.param(name, marks=pytest.mark.needs("redis"))
    for name in ("redis", "redis cluster", "cached_database")
]


@pytest.fixture(params=[*NAMES, *IN_REDIS])
def storage_setting(request, settings) -> str:
    """Run the test on every storage; the value is the storage's name."""
    name = request.param
    if name == "memory":
        use(settings, "frontdesk.storages.memory.MemoryStorage")
    elif name == "cache":
        alias = request.getfixturevalue("own_cache")
        use(settings, "frontdesk.storages.cache.CacheStorage", ALIAS=alias)
    elif name == "file":
        directory = request.getfixturevalue("tmp_path") / "sessions"
        use(settings, "frontdesk.storages.file.FileStorage", DIRECTORY=str(directory))
    elif name == "redis":
        place = request.getfixturevalue("redis_place")
        use(settings, "frontdesk.storages.redis.RedisStorage", **place)
    elif name == "redis cluster":
        place = request.getfixturevalue("cluster_place")
        use(settings, "frontdesk.storages.redis.RedisStorage", **place)
    elif name == "cached_database":
        request.getfixturevalue("as_if_committed")
        place = request.getfixturevalue("redis_place")
        use(settings, "frontdesk.storages.cached_database.CachedDatabaseStorage", REDIS=place)
    return name


@pytest.fixture
def flaky(settings):
    """A storage that cannot answer when told so: ``flaky.down.add("read")``."""
    return use(settings, "tests.requests.doubles.Flaky")


def _settled(request) -> None:
    """Choose the test's storage before anything is kept in another one."""
    for name in ("storage_setting", "flaky"):
        if name in request.fixturenames:
            request.getfixturevalue(name)


class Journal(list[str]):
    """The verbs that the storage was asked for, in order."""

    @property
    def reads(self) -> list[str]:
        return [verb for verb in self if verb.startswith("read")]

    @property
    def writes(self) -> list[str]:
        return [verb for verb in self if not verb.startswith("read")]


@pytest.fixture
def journal(request, monkeypatch) -> Journal:
    """Watch the storage of the test; ``journal.clear()`` starts a new page."""
    _settled(request)
    storage, entries = get_storage(), Journal()

    def watched(verb, original):
        def call(*args, **kwargs):
            entries.append(verb)
            return original(*args, **kwargs)

        return call

    for verb in (*VERBS, "read_with_user"):
        # The twin too where it does not come back to the verb itself, by a hop to a thread.
        for name in (verb, f"a{verb}") if isinstance(storage, NATIVE) else (verb,):
            if hasattr(storage, name):
                monkeypatch.setattr(storage, name, watched(verb, getattr(storage, name)))
    return entries


# --- people -------------------------------------------------------------------------------------


@pytest.fixture(params=COLOURS)
def colour(request) -> str:
    return request.param


@pytest.fixture
def new_browser(request, colour):
    """A browser that nobody has used, each time it is called."""
    _settled(request)
    return COLOURS[colour]


@pytest.fixture
def browser(new_browser):
    return new_browser()


def create(name: str):
    """Make a user of whatever model the project has; tests/projects/ has others."""
    model = get_user_model()
    fields = {"username": name, "email": f"{name}@desk.example"}
    known = {field.name for field in model._meta.get_fields()}
    given = {field: value for field, value in fields.items() if field in known}
    return model.objects.create_user(password=PASSWORD, **given)


@pytest.fixture
def user(db):
    return create("ada")


@pytest.fixture
def other_user(db):
    return create("bob")


@pytest.fixture
def member(browser, user):
    """A browser in which the user has signed in, through Django's view."""
    browser.post("/login/", {"username": user.get_username(), "password": PASSWORD})
    return browser


@pytest.fixture
def acting_as(settings, monkeypatch):
    """Let every browser act as a user, whoever is signed in: ``acting_as(other_user)``.

    To be named before a browser that is used by a fixture, as that keeps the middleware it began with.
    """
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.requests.doubles.ActingAs"]
    return lambda user: monkeypatch.setattr(ActingAs, "name", user and user.get_username())


# --- time ---------------------------------------------------------------------------------------


class MovingClock(Clock):
    """``clock.move(minutes=5)``; a negative duration jumps back."""

    def move(self, **duration: float) -> None:
        self.advance(timedelta(**duration))


@pytest.fixture
def clock() -> Iterator[MovingClock]:
    with MovingClock() as stopped:
        yield stopped


@pytest.fixture
def limits(settings):
    """Set the limits, in seconds: ``limits(idle=..., absolute=..., interval=...)``.

    Not by assigning the setting, which would make a new storage, and a memory storage would be empty.
    """
    names = {
        "idle": "IDLE_TIMEOUT",
        "absolute": "ABSOLUTE_TIMEOUT",
        "interval": "ACTIVITY_INTERVAL",
    }

    def set_limits(**seconds: float | None) -> None:
        for name, value in seconds.items():
            duration = None if value is None else timedelta(seconds=value)
            settings.FRONTDESK[names[name]] = duration
        conf.options.cache_clear()

    return set_limits

"""A database, a directory and a prefix in Redis for each subject, and the settings that name them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.comparison.contestants import CACHES, filled
from benchmarks.hammer import places
from benchmarks.speed.subjects import ASGI, MARIADB, POSTGRESQL, SQLITE, Subject
from tests import services

PERSISTENT = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}


def missing(subject: Subject, colour: str) -> str:
    """Return why ``subject`` cannot be measured here; empty if it can."""
    pool = "psycopg-pool" if (subject.database, colour) == (POSTGRESQL, ASGI) else ""
    for requirement in filter(None, (subject.contestant.requirement, pool)):
        try:
            version(requirement)
        except PackageNotFoundError:
            return f"{requirement} is not installed; make bench brings it"
    needs = [] if subject.database == SQLITE else [subject.database]
    needs += ["redis"] if subject.contestant.redis else []
    return next(filter(None, map(services.missing, needs)), "")


@contextmanager
def place_of(subject: Subject, number: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Make the places of a subject and give its settings; what is outside ``folder`` goes afterwards."""
    name = f"{services.RUN}_speed_{number}"
    own = folder / name
    (own / "store").mkdir(parents=True)
    with ExitStack() as stack:
        database = stack.enter_context(_database(subject.database, name, own))
        if subject.contestant.redis:
            stack.enter_context(places.under_prefix(name))
        redis = services.REDIS.geturl()
        settings = filled(
            subject.contestant.settings, folder=str(own / "store"), redis=redis, prefix=name
        )
        database = database | PERSISTENT
        database["OPTIONS"] = database.get("OPTIONS", {}) | dict(subject.options)
        yield _settings(subject, database) | settings


def pooled(settings: dict[str, Any]) -> dict[str, Any]:
    """Return ``settings`` as Django advises for ASGI: PostgreSQL's connections come from a pool, as a
    connection that belongs to a thread would be made anew for each request."""
    (database,) = settings["DATABASES"].values()
    if not database["ENGINE"].endswith("postgresql"):
        return settings
    options = {**database["OPTIONS"], "pool": {"min_size": 1, "max_size": 8}}
    database = {**database, "OPTIONS": options, "CONN_MAX_AGE": 0}
    return {**settings, "DATABASES": {"default": database}}


def _database(kind: str, name: str, folder: Path) -> AbstractContextManager[dict[str, Any]]:
    if kind == POSTGRESQL:
        return places.postgresql(name)
    if kind == MARIADB:
        return places.mariadb(name)
    return _sqlite(folder)


@contextmanager
def _sqlite(folder: Path) -> Iterator[dict[str, Any]]:
    yield places.sqlite_in(str(folder))


def _settings(subject: Subject, database: dict[str, Any]) -> dict[str, Any]:
    contestant = subject.contestant
    ours = subject.family == "frontdesk"
    authentication = "frontdesk.middleware" if ours else "django.contrib.auth.middleware"
    sessions = [contestant.middleware, f"{authentication}.AuthenticationMiddleware"]
    apps = ["django.contrib.auth", "django.contrib.contenttypes", contestant.app, *subject.apps]
    return {
        "DATABASES": {"default": database},
        "CACHES": {"default": {"BACKEND": f"{CACHES}.dummy.DummyCache"}},
        "INSTALLED_APPS": [app for app in apps if app],
        "MIDDLEWARE": [*sessions, *subject.middleware] if subject.family else [],
        "SESSION_ENGINE": contestant.engine or "django.contrib.sessions.backends.signed_cookies",
    }

"""Who is compared. A contestant is a few settings; a peer has a release of its own to be installed."""

from typing import Any, NamedTuple

CACHES = "django.core.cache.backends"
# Django's default of 300 entries would throw sessions out while they are still asked for.
LOCMEM = {"BACKEND": f"{CACHES}.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000}}
STOCK_MIDDLEWARE = "django.contrib.sessions.middleware.SessionMiddleware"
FRONTDESK_STORAGES = "frontdesk.storages"


class Contestant(NamedTuple):
    """``{folder}`` in a setting becomes a directory of its own, ``{prefix}`` a prefix in Redis."""

    name: str
    engine: str
    app: str = "django.contrib.sessions"
    middleware: str = STOCK_MIDDLEWARE
    settings: dict[str, Any] = {}
    requirement: str = ""
    redis: bool = False

    @property
    def locks(self) -> bool:
        """Whether a request may hold a lock of the store while it is paused: in SQLite and in files."""
        without = (
            *("backends.cache ", "redis_sessions"),
            *("CacheStorage", "MemoryStorage", "RedisStorage"),
        )
        return not any(name in f"{self.engine} {self.settings}" for name in without)


def filled(value: Any, **places: str) -> Any:
    """Return a setting with its ``{names}`` of places replaced."""
    if isinstance(value, dict):
        return {key: filled(inner, **places) for key, inner in value.items()}
    return value.format(**places) if isinstance(value, str) else value


def frontdesk(name: str, storage: str, **options: Any) -> Contestant:
    """Return one of frontdesk's storages."""
    place = {"BACKEND": f"{FRONTDESK_STORAGES}.{storage}", "OPTIONS": options}
    return Contestant(
        f"frontdesk, {name}",
        "frontdesk.engine",
        "frontdesk",
        "frontdesk.middleware.SessionMiddleware",
        {"FRONTDESK": {"STORAGE": place}},
    )


def redis_cache(contestant: Contestant) -> Contestant:
    """Return the same in a Redis instead of the memory of the process."""
    cache = {
        "BACKEND": f"{CACHES}.redis.RedisCache",
        "LOCATION": "{redis}",
        "KEY_PREFIX": "{prefix}",
    }
    settings = {**contestant.settings, "CACHES": {"default": cache}}
    return contestant._replace(settings=settings, redis=True)


DJANGO = "django.contrib.sessions.backends"

CONTESTANTS = (
    Contestant("Django, db", f"{DJANGO}.db"),
    Contestant("Django, cached_db", f"{DJANGO}.cached_db"),
    Contestant("Django, cache", f"{DJANGO}.cache"),
    Contestant("Django, file", f"{DJANGO}.file", settings={"SESSION_FILE_PATH": "{folder}"}),
    Contestant(
        "user-sessions",
        "user_sessions.backends.db",
        "user_sessions",
        "user_sessions.middleware.SessionMiddleware",
        requirement="django-user-sessions==2.0.0",
    ),
    Contestant(
        "qsessions, db",
        "qsessions.backends.db",
        "qsessions",
        "qsessions.middleware.SessionMiddleware",
        requirement="django-qsessions==2.1.0",
    ),
    Contestant(
        "qsessions, cached_db",
        "qsessions.backends.cached_db",
        "qsessions",
        "qsessions.middleware.SessionMiddleware",
        requirement="django-qsessions==2.1.0",
    ),
    Contestant(
        "redis-sessions",
        "redis_sessions.session",
        settings={"SESSION_REDIS": {"url": "{redis}", "prefix": "{prefix}"}},
        requirement="django-redis-sessions==0.6.2",
        redis=True,
    ),
    frontdesk("database", "database.DatabaseStorage"),
    frontdesk("cache (memory)", "cache.CacheStorage"),
    redis_cache(frontdesk("cache (Redis)", "cache.CacheStorage")),
    frontdesk("Redis", "redis.RedisStorage", URL="{redis}", PREFIX="{prefix}:", TIMEOUT=5)._replace(
        redis=True
    ),
    frontdesk(
        "cached database",
        "cached_database.CachedDatabaseStorage",
        REDIS={"URL": "{redis}", "PREFIX": "{prefix}:", "TIMEOUT": 5},
    )._replace(redis=True),
    frontdesk("file", "file.FileStorage", DIRECTORY="{folder}/sessions"),
    frontdesk("memory", "memory.MemoryStorage"),
)

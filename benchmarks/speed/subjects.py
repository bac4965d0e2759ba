"""Who is measured. A subject is a contestant of the comparison, on a database; adding one is a line."""

from typing import NamedTuple

from benchmarks.comparison.contestants import (
    DJANGO,
    LOCMEM,
    Contestant,
    frontdesk,
    redis_cache,
)

SQLITE, POSTGRESQL, MARIADB = "sqlite", "postgresql", "mariadb"
DATABASES = {SQLITE: "SQLite", POSTGRESQL: "PostgreSQL", MARIADB: "MariaDB"}

WSGI, ASGI = "wsgi", "asgi"


class Subject(NamedTuple):
    """Settings, the database with the users, and the colours in which it is measured."""

    contestant: Contestant
    database: str = SQLITE
    colours: tuple[str, ...] = (WSGI,)
    apps: tuple[str, ...] = ()
    """Beside the contestant's own."""
    middleware: tuple[str, ...] = ()
    """After the two of sessions and of users."""
    options: tuple[tuple[str, object], ...] = ()
    """Of the database."""

    @property
    def id(self) -> str:
        """Return the name that results have."""
        return f"{self.contestant.name} / {self.database}"

    @property
    def family(self) -> str:
        """Return ``""`` for the page without sessions, else ``"django"``, ``"peer"`` or ``"frontdesk"``."""
        if not self.contestant.engine:
            return ""
        if self.contestant.engine.startswith("frontdesk"):
            return "frontdesk"
        return "peer" if self.contestant.requirement else "django"


BARE = Contestant("no sessions", "", "", "")

LOCAL = {"CACHES": {"default": LOCMEM}}


def _stock(name: str, engine: str, **settings: object) -> Contestant:
    return Contestant(f"Django, {name}", f"{DJANGO}.{engine}", settings=settings)


STOCK_DB = _stock("db", "db")
STOCK_PREPARED = _stock("db, prepared", "db")
STOCK_CACHE = _stock("cache (locmem)", "cache", **LOCAL)
STOCK_REDIS = redis_cache(_stock("cache (Redis)", "cache"))
STOCK_CACHED = redis_cache(_stock("cached_db (Redis)", "cached_db"))
STOCK_FILE = _stock("file", "file", SESSION_FILE_PATH="{folder}")
STOCK_SIGNED = _stock("signed_cookies", "signed_cookies")

# --- peers --------------------------------------------------------------------------------------

_QSESSIONS = Contestant(
    "qsessions, db",
    "qsessions.backends.db",
    "qsessions",
    "qsessions.middleware.SessionMiddleware",
    requirement="django-qsessions",
)
_QSESSIONS_CACHED = redis_cache(
    _QSESSIONS._replace(name="qsessions, cached_db (Redis)", engine="qsessions.backends.cached_db")
)
_ALLAUTH = Contestant(
    "allauth user sessions, db", f"{DJANGO}.db", requirement="django-allauth"
)  # the sessions stay in Django's table, a second one tells whose they are
_ALLAUTH_TRACKS = _ALLAUTH._replace(
    name="allauth user sessions, tracking", settings={"USERSESSIONS_TRACK_ACTIVITY": True}
)
_DJANGO_REDIS = Contestant(
    "django-redis, cache",
    f"{DJANGO}.cache",
    settings={
        "CACHES": {
            "default": {
                "BACKEND": "django_redis.cache.RedisCache",
                "LOCATION": "{redis}",
                "KEY_PREFIX": "{prefix}",
            }
        }
    },
    requirement="django-redis",
    redis=True,
)


def _allauth(contestant: Contestant, database: str = SQLITE) -> Subject:
    return Subject(
        contestant,
        database,
        apps=("allauth", "allauth.account", "allauth.usersessions"),
        middleware=(
            "allauth.account.middleware.AccountMiddleware",
            "allauth.usersessions.middleware.UserSessionsMiddleware",
        ),
    )


# --- frontdesk ----------------------------------------------------------------------------------

DESK_DATABASE = frontdesk("database", "database.DatabaseStorage")
_WITHOUT = {"FRONTDESK": {"HISTORY_RETENTION": None}}
DESK_WITHOUT = Contestant("frontdesk, no history", *DESK_DATABASE[1:4], settings=_WITHOUT)
DESK_PREPARED = DESK_DATABASE._replace(name="frontdesk, database, prepared")
DESK_CACHE = frontdesk("cache (locmem)", "cache.CacheStorage")
DESK_CACHE = DESK_CACHE._replace(settings={**DESK_CACHE.settings, **LOCAL})
DESK_REDIS_CACHE = redis_cache(frontdesk("cache (Redis)", "cache.CacheStorage"))
DESK_REDIS = frontdesk("Redis", "redis.RedisStorage", URL="{redis}", PREFIX="{prefix}:")
DESK_REDIS = DESK_REDIS._replace(redis=True)
DESK_CACHED = frontdesk(
    "cached database (Redis)",
    "cached_database.CachedDatabaseStorage",
    REDIS={"URL": "{redis}", "PREFIX": "{prefix}:"},
)
DESK_CACHED = DESK_CACHED._replace(redis=True)
DESK_FILE = frontdesk("file", "file.FileStorage", DIRECTORY="{folder}/sessions")

BOTH = (WSGI, ASGI)

PREPARED = (("server_side_binding", True), ("prepare_threshold", 0))
"""Has psycopg prepare the statements of Django's, of which it prepares none by default."""

SUBJECTS = (
    Subject(BARE, SQLITE, BOTH),
    Subject(STOCK_DB, SQLITE, BOTH),
    Subject(STOCK_DB, POSTGRESQL, BOTH),
    Subject(STOCK_DB, MARIADB),
    Subject(STOCK_PREPARED, POSTGRESQL, options=PREPARED),
    Subject(STOCK_CACHED, SQLITE, BOTH),
    Subject(STOCK_CACHED, POSTGRESQL),
    Subject(STOCK_CACHE, SQLITE),
    Subject(STOCK_REDIS, SQLITE, BOTH),
    Subject(STOCK_FILE, SQLITE),
    Subject(STOCK_SIGNED, SQLITE, BOTH),
    Subject(_QSESSIONS, SQLITE),
    Subject(_QSESSIONS, POSTGRESQL),
    Subject(_QSESSIONS, MARIADB),
    Subject(_QSESSIONS_CACHED, SQLITE),
    _allauth(_ALLAUTH, SQLITE),
    _allauth(_ALLAUTH, POSTGRESQL),
    _allauth(_ALLAUTH, MARIADB),
    _allauth(_ALLAUTH_TRACKS, SQLITE),
    Subject(_DJANGO_REDIS, SQLITE),
    Subject(DESK_DATABASE, SQLITE, BOTH),
    Subject(DESK_DATABASE, POSTGRESQL, BOTH),
    Subject(DESK_DATABASE, MARIADB),
    Subject(DESK_PREPARED, POSTGRESQL, options=PREPARED),
    Subject(DESK_WITHOUT, SQLITE),
    Subject(DESK_WITHOUT, POSTGRESQL),
    Subject(DESK_CACHE, SQLITE),
    Subject(DESK_REDIS_CACHE, SQLITE, BOTH),
    Subject(DESK_REDIS, SQLITE, BOTH),
    Subject(DESK_CACHED, SQLITE, BOTH),
    Subject(DESK_CACHED, POSTGRESQL),
    Subject(DESK_FILE, SQLITE, BOTH),
)
"""In the order of the tables. The first one is what all others are compared with."""

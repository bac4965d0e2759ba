"""The real servers that tests may talk to: which are there, where, and what to do without them.

A test says what it needs, in one of three ways, and never asks whether it is there:

    @pytest.mark.needs("redis")          # or several names
    services.require("redis")            # anywhere in a fixture or a test
    @services.each_database()            # the same test on SQLite, PostgreSQL and MariaDB

Without the service the test is skipped and the reason is shown at the end of the run. With
FRONTDESK_REQUIRE_SERVICES set, as in .ci/run, it fails instead.

Everything that a run creates in a server carries the name RUN: the databases, the keys in Redis.
"""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import pytest

POSTGRESQL = urlsplit(
    os.environ.get("FRONTDESK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")
)
MARIADB = urlsplit(os.environ.get("FRONTDESK_TEST_MARIADB", "mysql://root@127.0.0.1:3306"))
REDIS = urlsplit(os.environ.get("FRONTDESK_TEST_REDIS", "redis://127.0.0.1:6379/0"))

# One directory per process; its name is also the prefix of everything on shared servers, so that
# parallel runs cannot meet. A test that starts a server of its own passes it on: child_environment.
RUN_DIR = Path(
    os.environ.get("FRONTDESK_TEST_DIR")
    or Path(tempfile.gettempdir()) / f"frontdesk_test_{os.getpid()}_{secrets.token_hex(4)}"
)
RUN = RUN_DIR.name

REQUIRED = os.environ.get("FRONTDESK_REQUIRE_SERVICES", "").lower() not in {"", "0", "no", "false"}

used: set[str] = set()
skipped: dict[str, str] = {}


# --- what is there ------------------------------------------------------------------------------


def require(service: str) -> None:
    """Go on only with this service: skip the test without it, or fail where it is required."""
    reason = missing(service)
    if not reason:
        used.add(service)
    elif REQUIRED:
        pytest.fail(f"{service} is required here, but {reason}", pytrace=False)
    else:
        skipped[service] = reason
        pytest.skip(f"{service}: {reason}")


@functools.cache
def missing(service: str) -> str:
    """Why the service cannot be used; empty when it can."""
    try:
        PROBES[service]()
    except ImportError as error:
        return f"its Python driver is not installed ({error.name})"
    # Each driver has its own exception tree, and whatever it is, the answer is the same: not usable.
    except Exception as error:  # noqa: BLE001
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def delete_redis_keys() -> None:
    """Delete what this run has left in Redis."""
    import redis

    with redis.Redis.from_url(REDIS.geturl()) as client:
        for key in client.scan_iter(match=f"*{RUN}*", count=1000):
            client.delete(key)


def _probe_postgresql() -> None:
    import psycopg

    _answers(POSTGRESQL)
    psycopg.connect(
        host=POSTGRESQL.hostname,
        port=POSTGRESQL.port,
        user=POSTGRESQL.username,
        password=POSTGRESQL.password,
        dbname="postgres",
        connect_timeout=30,
    ).close()


def _probe_mariadb() -> None:
    use_pymysql_as_mysqldb()
    import MySQLdb

    _answers(MARIADB)
    MySQLdb.connect(
        host=MARIADB.hostname,
        port=MARIADB.port,
        user=MARIADB.username,
        password=MARIADB.password or "",
        connect_timeout=30,
    ).close()


def _probe_redis() -> None:
    import redis

    _answers(REDIS)
    with redis.Redis.from_url(REDIS.geturl(), socket_connect_timeout=30) as client:
        client.ping()


def _probe_redis_server() -> None:
    import redis  # noqa: F401

    if not shutil.which("redis-server"):
        raise FileNotFoundError("no redis-server program is installed")


def _probe_django_redis() -> None:
    import django_redis  # noqa: F401

    _probe_redis()


def _probe_memcached() -> None:
    import pymemcache  # noqa: F401

    if not shutil.which("memcached"):
        raise FileNotFoundError("no memcached program is installed")


def _probe_openssl() -> None:
    if not shutil.which("openssl"):
        raise FileNotFoundError("no openssl program is installed")


def _probe_chromium() -> None:
    import playwright  # noqa: F401

    if not chromium_path():
        raise FileNotFoundError("no chromium program is installed")


PROBES: dict[str, Callable[[], None]] = {
    "postgresql": _probe_postgresql,
    "mariadb": _probe_mariadb,
    "redis": _probe_redis,
    "redis-server": _probe_redis_server,
    "django-redis": _probe_django_redis,
    "memcached": _probe_memcached,
    "chromium": _probe_chromium,
    "openssl": _probe_openssl,
}


def _answers(url: SplitResult) -> None:
    """Refuse in a moment where nothing listens, in one wording for every driver."""
    try:
        socket.create_connection((url.hostname, url.port), timeout=30).close()
    except OSError as error:
        raise ConnectionError(f"{url.hostname}:{url.port} does not answer ({error})") from error


def chromium_path() -> str:
    """The system's browser, for Playwright's `executable_path`."""
    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    return next(filter(None, found), "")


def use_pymysql_as_mysqldb() -> None:
    """Let PyMySQL stand in for mysqlclient, unless that one is installed (requirements/test.in)."""
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        import pymysql

        pymysql.install_as_MySQLdb()


# --- databases ----------------------------------------------------------------------------------


def databases() -> dict[str, dict[str, object]]:
    """The `DATABASES` setting: FRONTDESK_TEST_DB is the default, the other servers are aliases.

    NAME is the name of the test database too: no setting here names a database that is not ours.
    pytest-django creates only those whose alias a collected test asks for.
    """
    default = os.environ.get("FRONTDESK_TEST_DB", "sqlite")
    if default not in DATABASES:
        raise RuntimeError(f"FRONTDESK_TEST_DB is {default!r}; known are {', '.join(DATABASES)}")
    if default != "sqlite" and (reason := missing(default)):
        raise RuntimeError(f"FRONTDESK_TEST_DB is {default!r}, but {reason}")
    others = [name for name in ("postgresql", "mariadb") if name != default and not missing(name)]
    return {"default": DATABASES[default](), **{name: DATABASES[name]() for name in others}}


def _sqlite() -> dict[str, object]:
    # A file, not memory: threads, async views and other processes each open it for themselves. It need
    # not outlive a loss of power; waiting for the disk, a writer can starve the others for seconds.
    name = str(RUN_DIR / "db.sqlite3")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        "TEST": {"NAME": name},
        "OPTIONS": {"timeout": 20, "init_command": "PRAGMA synchronous=OFF"},
    }


def _server(engine: str, url: SplitResult, **options: object) -> dict[str, object]:
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "NAME": RUN,
        "TEST": {"NAME": RUN, "DEPENDENCIES": []},
        "HOST": url.hostname,
        "PORT": url.port,
        "USER": url.username,
        "PASSWORD": url.password or "",
        "OPTIONS": options,
    }


DATABASES: dict[str, Callable[[], dict[str, object]]] = {
    "sqlite": _sqlite,
    "postgresql": lambda: _server("postgresql", POSTGRESQL, connect_timeout=30),
    "mariadb": lambda: _server("mysql", MARIADB, connect_timeout=30, charset="utf8mb4"),
}


def each_database(*, transaction: bool = False) -> pytest.MarkDecorator:
    """Run the test on each database. Its argument `database` is the alias in use.

    All ORM work of the test goes to that database by itself: see RouteToCurrent.
    """
    default = os.environ.get("FRONTDESK_TEST_DB", "sqlite")

    def case(engine: str) -> object:
        alias = "default" if engine == default else engine
        marks = [pytest.mark.django_db(databases=[alias], transaction=transaction)]
        if engine != "sqlite":
            marks.append(pytest.mark.needs(engine))
        return pytest.param(alias, marks=marks, id=engine)

    engines = [name for name in DATABASES if name != "sqlite" or default == "sqlite"]
    return pytest.mark.parametrize("database", [case(name) for name in engines], indirect=True)


class RouteToCurrent:
    """A database router that sends every model to the database of the running test.

    A plain class attribute, so that threads and async views of the test follow as well.
    """

    alias: str | None = None

    def db_for_read(self, model: object, **hints: object) -> str | None:
        return RouteToCurrent.alias

    db_for_write = db_for_read


# --- servers and processes of our own -----------------------------------------------------------


def child_environment(**more: str) -> dict[str, str]:
    """The environment for a process that shall see this run's databases through tests.settings."""
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "FRONTDESK_TEST_DIR": str(RUN_DIR),
        "PYTHONPATH": path,
        **more,
    }


def free_port() -> int:
    """A loopback port that nobody listens on now. Whoever takes it must cope with losing the race."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_memcached() -> tuple[subprocess.Popen[bytes], str]:
    """A private memcached on loopback, and its address; another port is tried if one is lost."""
    for _attempt in range(5):
        port = free_port()
        command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "32"]
        if os.geteuid() == 0:
            command += ["-u", "root"]  # as root, memcached insists on being told a user
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        if _listens(process, port):
            return process, f"127.0.0.1:{port}"
        stop(process)
    raise RuntimeError("memcached did not start")


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process.poll() is None
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End one process that this run started."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

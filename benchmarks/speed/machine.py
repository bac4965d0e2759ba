"""Where and with what it is measured: processor, cores, memory, system, versions, commit."""

import os
import platform
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests import services

PACKAGES = (
    "Django",
    "asgiref",
    "psycopg",
    "PyMySQL",
    "redis",
    "hiredis",
    "gunicorn",
    "uvicorn",
    "uvloop",
    "django-qsessions",
    "django-allauth",
    "django-redis",
)


def described(command: str) -> dict[str, Any]:
    """Return what the page says above the numbers."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": command,
        "commit": _commit(),
        "machine": _machine(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {"Python": platform.python_version(), **_packages(), **_servers()},
    }


def _machine() -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, {_system()}"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _system() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release()["PRETTY_NAME"].partition(" (")[0]
    return platform.system()


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _servers() -> dict[str, str]:
    asked: dict[str, Callable[[], str]] = {
        "SQLite": _sqlite,
        "PostgreSQL": _postgresql,
        "MariaDB": _mariadb,
        "Redis": _redis,
    }
    return {name: ask() for name, ask in asked.items() if name == "SQLite" or _there(name.lower())}


def _there(service: str) -> bool:
    return not services.missing(service)


def _sqlite() -> str:
    import sqlite3  # noqa: PLC0415 (may be missing in a Python built without it)

    return sqlite3.sqlite_version


def _postgresql() -> str:
    import psycopg  # noqa: PLC0415 (a driver that may be missing)

    url = services.POSTGRESQL
    with psycopg.connect(
        host=url.hostname,
        port=url.port,
        user=url.username,
        password=url.password,
        dbname="postgres",
    ) as connection:
        number = connection.info.server_version
    return f"{number // 10000}.{number % 10000}"


def _mariadb() -> str:
    import MySQLdb  # noqa: PLC0415 (a driver that may be missing)

    url = services.MARIADB
    with closing(
        MySQLdb.connect(
            host=url.hostname, port=url.port, user=url.username, password=url.password or ""
        )
    ) as connection:
        # get_server_info() begins with a version that no MariaDB has, for old replicas.
        cursor = connection.cursor()
        cursor.execute("SELECT version()")
        return str(cursor.fetchone()[0]).partition("-")[0]


def _redis() -> str:
    import redis  # noqa: PLC0415 (a driver that may be missing)

    with redis.Redis.from_url(services.REDIS.geturl()) as client:
        return str(client.info("server")["redis_version"])


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=8"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()

"""The places in which frontdesk keeps sessions, for tests that run on all of them.

To test another place, add a line to PLACES: its name, a context manager that yields an empty storage, and
what it needs. With ``away``, a context manager that yields a storage whose server cannot be reached.
"""

from __future__ import annotations

import atexit
import functools
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.cache import caches
from django.test import override_settings

from frontdesk.storages.base import Storage
from frontdesk.storages.cache import CacheStorage
from frontdesk.storages.database import DatabaseStorage
from frontdesk.storages.file import FileStorage
from frontdesk.storages.memory import MemoryStorage
from frontdesk.storages.redis import RedisStorage
from tests import services

Opened = Callable[[], AbstractContextManager[Storage]]


@dataclass(frozen=True)
class Place:
    name: str
    open: Opened
    needs: tuple[str, ...] = ()
    away: Opened | None = None
    scans: bool = True
    """Whether all its sessions can be gone through."""
    text_ids: bool = True
    """Whether a user id may be any text. A database knows the type of the user model's key."""
    marks: Sequence[pytest.MarkDecorator] = ()


@contextmanager
def memory() -> Iterator[Storage]:
    yield MemoryStorage()


@contextmanager
def file() -> Iterator[FileStorage]:
    with tempfile.TemporaryDirectory() as directory:
        yield FileStorage(DIRECTORY=Path(directory) / "sessions")


@contextmanager
def file_away() -> Iterator[FileStorage]:
    with file() as storage:
        list(storage.scan())
        storage.cas([])
        directory = storage._root
        directory.rename(directory.with_name("unmounted"))
        yield storage


def redis(**options: Any) -> AbstractContextManager[RedisStorage]:
    return _redis({"URL": _redis_url(), **options})


def redis_cluster() -> AbstractContextManager[RedisStorage]:
    return _redis({"URL": cluster()[0], "CLUSTER": True})


def redis_away() -> AbstractContextManager[RedisStorage]:
    return _redis({"URL": _away_url()})


def redis_cluster_away() -> AbstractContextManager[RedisStorage]:
    return _redis({"URL": _away_url(), "CLUSTER": True})


@contextmanager
def _redis(options: dict[str, Any]) -> Iterator[RedisStorage]:
    # A busy machine may take longer than the default.
    yield RedisStorage(**{"TIMEOUT": 20, "PREFIX": _prefix(), **options})


# Servers that start when the first test needs them, and stop with the run.


@functools.cache
def memcached() -> list[str]:
    """Return the addresses of two servers of memcached."""
    started = [services.start_memcached() for _ in range(2)]
    for process, _ in started:
        atexit.register(services.stop, process)
    return [address for _, address in started]


@functools.cache
def cluster() -> list[str]:
    """Return the URLs of a Redis Cluster of three servers."""
    ports = [(services.free_port(), services.free_port()) for _ in range(3)]
    for number, (port, bus) in enumerate(ports):
        redis_server(port, "--cluster-enabled", "yes", "--cluster-port", str(bus))
        first, after = number * 16384 // 3, (number + 1) * 16384 // 3
        _ask(port, "CLUSTER", "ADDSLOTSRANGE", first, after - 1)
        _ask(port, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    for port, bus in ports[1:]:
        _ask(ports[0][0], "CLUSTER", "MEET", "127.0.0.1", port, bus)
    for port, _ in ports:
        until(lambda port=port: _is_whole(port))
    return [f"redis://127.0.0.1:{port}" for port, _ in ports]


def _is_whole(port: int) -> bool:
    info = _ask(port, "CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info


def redis_server(port: int, *options: str) -> None:
    """Start a Redis server that keeps nothing, and stop it with the run."""
    directory = services.RUN_DIR / f"redis{port}"
    directory.mkdir()
    usual = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(directory)]
    start(["redis-server", *usual, *options], port)


def start(command: Sequence[str], port: int) -> None:
    """Start a server that speaks the protocol of Redis, and stop it with the run."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    atexit.register(services.stop, process)
    until(lambda: _answers(port))


def _answers(port: int) -> bool:
    from redis import RedisError

    try:
        return bool(_ask(port, "PING"))
    except RedisError:
        return False


def _ask(port: int, *words: Any) -> Any:
    from redis import Redis

    with Redis(port=port) as client:
        client.response_callbacks.clear()
        return client.execute_command(*words)


def until(condition: Callable[[], bool]) -> None:
    """Wait for ``condition``, which only a fault can keep from coming true."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("nothing has happened for a minute")
        time.sleep(0.02)


BACKENDS = "django.core.cache.backends"
LOCMEM = f"{BACKENDS}.locmem.LocMemCache"
MEMCACHED = f"{BACKENDS}.memcached.PyMemcacheCache"
REDIS = f"{BACKENDS}.redis.RedisCache"
DJANGO_REDIS = "django_redis.cache.RedisCache"


def cache(backend: str, location: Callable[[], Any] = str, **setting: Any) -> Opened:
    """Return what opens a storage in an empty cache of its own beside Django's default one."""

    @contextmanager
    def opened() -> Iterator[CacheStorage]:
        prefix = _prefix()
        own = {
            "BACKEND": backend,
            "LOCATION": location() or prefix,
            "KEY_PREFIX": prefix,
            **setting,
        }
        with override_settings(CACHES={"default": {"BACKEND": LOCMEM}, "sessions": own}):
            yield CacheStorage(ALIAS="sessions")
            caches["sessions"].close()

    return opened


def database(engine: str) -> Place:
    """Return the place of a database, in which every query of the test goes to that database."""
    alias = "default" if engine == "sqlite" else engine

    @contextmanager
    def opened() -> Iterator[DatabaseStorage]:
        with mock.patch.object(services.RouteToCurrent, "alias", alias):
            yield DatabaseStorage()

    needs = () if engine == "sqlite" else (engine,)
    # Real commits, because threads have connections of their own.
    marks = [pytest.mark.django_db(databases=[alias], transaction=True)]
    return Place(f"database-{engine}", opened, needs, marks=marks, text_ids=False)


def _away() -> str:
    return f"127.0.0.1:{services.free_port()}"


def _away_url() -> str:
    return f"redis://{_away()}"


def _redis_url() -> str:
    return services.REDIS.geturl()


def _prefix() -> str:
    return f"{services.RUN}:{secrets.token_hex(4)}:"


ROOMY = {"OPTIONS": {"MAX_ENTRIES": 10_000}}

PLACES = [
    Place("memory", memory),
    Place("file", file, away=file_away),
    Place("redis", redis, ("redis",), redis_away),
    Place("redis-cluster", redis_cluster, ("redis-server",), redis_cluster_away),
    Place("locmem", cache(LOCMEM, **ROOMY), scans=False),
    Place("memcached", cache(MEMCACHED, memcached), ("memcached",), cache(MEMCACHED, _away), False),
    Place("redis-cache", cache(REDIS, _redis_url), ("redis",), cache(REDIS, _away_url), False),
    Place(
        "django-redis",
        cache(DJANGO_REDIS, _redis_url),
        ("django-redis",),
        cache(DJANGO_REDIS, _away_url),
        False,
    ),
    *(database(engine) for engine in ("sqlite", "postgresql", "mariadb")),
]


def each(places: Sequence[Place] = PLACES) -> list[Any]:
    """Return the parameters of a test that runs on each of ``places``."""
    return [
        pytest.param(place, id=place.name, marks=[pytest.mark.needs(*place.needs), *place.marks])
        for place in places
    ]

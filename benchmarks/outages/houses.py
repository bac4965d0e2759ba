"""The storages, each on servers of its own that are started on loopback, and what can happen to these.

Nothing here touches the servers that the tests share. A storage is a function that gives a :class:`House`,
and one entry in ``HOUSES``.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import redis as redis_py

from benchmarks.hammer import places
from benchmarks.hammer.places import Settings
from benchmarks.outages.faults import Fault, away, cut, emptied, frozen, killed, restarted
from tests.processes import redis_cluster, redis_servers, servers

TIMEOUT = 1
"""Seconds: what each storage is told, where it takes that."""


class House(NamedTuple):
    """The settings of a site, and what can happen to the server of its sessions."""

    settings: Settings
    faults: dict[str, Fault]
    timeout: float | None
    """Seconds that the settings allow for one answer; ``None`` where nothing can be said."""


# --- Redis --------------------------------------------------------------------------------------

SNAPSHOTS = ("--appendonly", "no", "--save", "3600 1")


@contextmanager
def redis(*options: str, keeps: bool = True) -> Iterator[House]:
    """Sessions in the Redis storage."""
    with _redis(options, keeps=keeps) as (url, faults), places.sqlite() as users:
        storage = places.in_redis(url, TIMEOUT=TIMEOUT)
        yield House(places.settings(users, storage), faults, TIMEOUT)


@contextmanager
def redis_cache() -> Iterator[House]:
    """Sessions in Django's cache on Redis."""
    with _redis((), keeps=True) as (url, faults), places.sqlite() as users:
        cache = places.redis_at(url)
        cache["OPTIONS"] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
        yield House(places.settings(users, places.IN_CACHE, cache), faults, TIMEOUT)


@contextmanager
def _redis(options: tuple[str, ...], *, keeps: bool) -> Iterator[tuple[str, dict[str, Fault]]]:
    with servers.redis(*options) as (victim, url, ready), cut(victim.port) as (port, way):
        faults = {
            "killed": killed(victim, ready, forgets=not keeps),
            "hanging": frozen(victim),
            "restarted": restarted(victim, ready),
            "refused": way,
            "emptied": emptied(partial(_flushed, url)),
        }
        if not keeps:  # what is written to disk before everybody comes is all that it will know
            faults = {"killed": faults["killed"]._replace(before=partial(_snapshot, url))}
        yield f"redis://127.0.0.1:{port}/0", faults


def _flushed(url: str) -> None:
    with redis_py.Redis.from_url(url) as client:
        client.flushall()


def _snapshot(url: str) -> None:
    with redis_py.Redis.from_url(url) as client:
        client.save()


@contextmanager
def sentinel() -> Iterator[House]:
    """Sessions in the Redis storage, behind sentinels."""
    with redis_servers.with_sentinels() as watched, places.sqlite() as users:
        storage = places.in_redis("", TIMEOUT=TIMEOUT)
        del storage["OPTIONS"]["URL"]
        storage["OPTIONS"]["SENTINEL"] = {"hosts": watched.sentinels, "service": watched.service}
        failover = Fault(begin=watched.primary.kill, end=watched.has_failed_over, seconds=0)
        yield House(places.settings(users, storage), {"failover": failover}, TIMEOUT)


@contextmanager
def cluster() -> Iterator[House]:
    """Sessions in the Redis storage, on a Cluster of three servers, each with a replica."""
    with redis_cluster.cluster(replicated=True) as nodes, places.sqlite() as users:
        first = nodes.primaries[0]
        storage = places.in_redis(nodes.urls, TIMEOUT=TIMEOUT, CLUSTER=True)
        faults = {
            "one hangs": frozen(first),
            "failover": Fault(
                before=nodes.replicated,
                begin=first.kill,
                end=partial(redis_servers.until, partial(_has_taken_over, nodes), seconds=90),
                seconds=0,
            ),
        }
        yield House(places.settings(users, storage), faults, TIMEOUT)


def _has_taken_over(nodes: redis_cluster.House) -> bool:
    """Whether a replica has the keys of the server that died, and all others know it."""
    return any(
        node.told("INFO", "replication")["role"] == "master" for node in nodes.replicas
    ) and all(node.told("CLUSTER", "INFO")["cluster_state"] == "ok" for node in nodes.replicas)


@contextmanager
def cached_database() -> Iterator[House]:
    """Sessions as rows in PostgreSQL, which stays up, with a Redis before it, to which all happens."""
    with _redis((), keeps=True) as (url, faults), servers.postgresql() as (_, database, _):
        options = places.in_redis(url, TIMEOUT=TIMEOUT)["OPTIONS"]
        storage = {"BACKEND": places.CACHED, "OPTIONS": {"REDIS": options}}
        # Whatever the cache forgets, nobody is signed out.
        harmless = {name: fault._replace(forgets=False) for name, fault in faults.items()}
        # A connection for each request, as Django advises under ASGI.
        brief = database | {"CONN_MAX_AGE": 0}
        yield House(places.settings(brief, storage), harmless, TIMEOUT)


# --- memcached ----------------------------------------------------------------------------------


@contextmanager
def memcached() -> Iterator[House]:
    """Sessions in Django's cache on memcached."""
    with (
        servers.memcached() as (victim, address, ready),
        cut(victim.port) as (port, way),
        places.sqlite() as users,
    ):
        cache = places.memcached_at(f"127.0.0.1:{port}")
        cache["OPTIONS"] = {"timeout": TIMEOUT, "connect_timeout": TIMEOUT}
        faults = {
            "killed": killed(victim, ready, forgets=True),
            "hanging": frozen(victim),
            "restarted": restarted(victim, ready, forgets=True),
            "refused": way,
            "emptied": emptied(partial(_flushed_all, address)),
        }
        yield House(places.settings(users, places.IN_CACHE, cache), faults, TIMEOUT)


def _flushed_all(address: str) -> None:
    from pymemcache.client.base import Client  # noqa: PLC0415 (a driver that may be missing)

    client = Client(address)
    client.flush_all(noreply=False)
    client.close()


# --- databases ----------------------------------------------------------------------------------


@contextmanager
def postgresql() -> Iterator[House]:
    """Sessions as rows in PostgreSQL; the people are there too."""
    # libpq takes less than 2 seconds for 2. There is no option for how long an answer may take.
    limits = {"connect_timeout": 2}
    with servers.postgresql() as running, _database(running, limits, None) as house:
        yield house


@contextmanager
def mariadb() -> Iterator[House]:
    """Sessions as rows in MariaDB; the people are there too."""
    limits: dict[str, Any] = {f"{what}_timeout": TIMEOUT for what in ("connect", "read", "write")}
    # PyMySQL would read all the certificates of the system for each connection, 0.1 s long.
    limits["ssl_disabled"] = True
    with servers.mariadb() as running, _database(running, limits, TIMEOUT) as house:
        yield house


@contextmanager
def _database(running: Any, options: dict[str, Any], timeout: float | None) -> Iterator[House]:
    victim, database, ready = running
    with cut(victim.port) as (port, way):
        behind = database | {"PORT": port, "OPTIONS": database["OPTIONS"] | options}
        faults = {
            "killed": killed(victim, ready),
            "hanging": frozen(victim),
            "restarted": restarted(victim, ready),
            "refused": way,
            "emptied": emptied(partial(_truncated, database)),
        }
        yield House(places.settings(behind, places.IN_DATABASE), faults, timeout)


def _truncated(database: Settings) -> None:
    statement = "TRUNCATE TABLE frontdesk_session"
    if database["ENGINE"].endswith("postgresql"):
        import psycopg  # noqa: PLC0415 (a driver that may be missing)

        address = f"host=127.0.0.1 port={database['PORT']} user=frontdesk dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)
        return
    import MySQLdb  # noqa: PLC0415 (a driver that may be missing)

    with (
        MySQLdb.connect(
            host="127.0.0.1", port=database["PORT"], user="root", database=database["NAME"]
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


# --- files --------------------------------------------------------------------------------------


@contextmanager
def files() -> Iterator[House]:
    """Sessions as files; what can happen is that their directory is not mounted."""
    with servers.folder() as folder:
        users = places.sqlite_in(str(folder))
        directory = folder / "sessions"
        storage = places.in_files(directory)
        yield House(
            places.settings(users, storage),
            {"unmounted": away(directory), "emptied": emptied(partial(_unlinked, directory))},
            None,
        )


def _unlinked(directory: Path) -> None:
    for folder in ("s", "u"):
        for path in (directory / folder).glob("*/*"):
            path.unlink(missing_ok=True)


class Entry(NamedTuple):
    """A storage, what starts its servers, and the services of ``tests/services.py`` that it needs.

    The last one is a command that names the version of the server.
    """

    name: str
    ready: Callable[[], AbstractContextManager[House]]
    needs: tuple[str, ...] = ()
    version: tuple[str, ...] = ()


_REDIS = (("redis",), ("redis-server", "--version"))

HOUSES = {
    "redis": Entry("Redis", redis, *_REDIS),
    "redis-snapshots": Entry(
        "Redis, snapshots only", partial(redis, *SNAPSHOTS, keeps=False), *_REDIS
    ),
    "sentinel": Entry("Redis, Sentinel", sentinel, *_REDIS),
    "cluster": Entry("Redis, Cluster", cluster, *_REDIS),
    "cached-database": Entry(
        "PostgreSQL, cached", cached_database, ("redis", "postgresql"), _REDIS[1]
    ),
    "redis-cache": Entry("cache on Redis", redis_cache, *_REDIS),
    "memcached": Entry("cache on memcached", memcached, ("memcached",), ("memcached", "-V")),
    "postgresql": Entry("PostgreSQL", postgresql, ("postgresql",), ("psql", "--version")),
    "mariadb": Entry("MariaDB", mariadb, ("mariadb",), ("mariadb", "--version")),
    "file": Entry("files", files),
}

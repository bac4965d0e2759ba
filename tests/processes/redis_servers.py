"""Several Redis servers that belong together: a primary, a replica and those who watch them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import redis

from tests import services
from tests.processes.servers import DEADLINE, Victim, folder


class Watched(NamedTuple):
    """A primary with a replica, watched by sentinels."""

    primary: Victim
    url: str
    sentinels: list[tuple[str, int]]
    service: str

    def replicated(self) -> None:
        """Wait until the replica has all that the primary has."""
        with redis.Redis.from_url(self.url) as client:
            client.wait(1, 10_000)

    def has_failed_over(self) -> None:
        """Wait until a sentinel names another primary, and that one takes changes."""
        host, port = self.sentinels[0]
        with redis.Redis(host, port) as sentinel:

            def primary() -> int:
                return int(sentinel.sentinel_get_master_addr_by_name(self.service)[1])

            # Sentinels that found their machine too slow to judge do nothing for half a minute.
            until(lambda: primary() != self.primary.port, 90)
            until(lambda: _info(primary(), "replication")["role"] == "master")


SENTINEL = """
port {port}
bind 127.0.0.1
dir {place}
sentinel monitor sessions 127.0.0.1 {primary} 2
sentinel down-after-milliseconds sessions 800
sentinel failover-timeout sessions 5000
"""


@contextmanager
def with_sentinels() -> Iterator[Watched]:
    """Start a primary, a replica and three sentinels."""
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        primary = stack.enter_context(_server(place / "primary"))
        near = ["--replicaof", "127.0.0.1", str(primary.port)]
        replica = stack.enter_context(_server(place / "replica", *near))
        until(lambda: _info(replica.port, "replication")["master_link_status"] == "up")
        watchers = [
            stack.enter_context(_sentinel(place / f"sentinel{number}", primary.port))
            for number in range(3)
        ]
        for watcher in watchers:
            until(lambda port=watcher.port: _sees_all(port))
        hosts = [("127.0.0.1", watcher.port) for watcher in watchers]
        yield Watched(primary, f"redis://127.0.0.1:{primary.port}", hosts, "sessions")


def _sees_all(port: int) -> bool:
    with redis.Redis(port=port) as client:
        seen = client.sentinel_masters()["sessions"]
    return (seen["num-slaves"], seen["num-other-sentinels"]) == (1, 2)


@contextmanager
def _server(place: Path, *options: str) -> Iterator[Victim]:
    place.mkdir()
    port = services.free_port()
    command = [program(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(place)]
    with _started(Victim([*command, "--save", "", *options], port)) as server:
        yield server


@contextmanager
def _sentinel(place: Path, primary: int) -> Iterator[Victim]:
    place.mkdir()
    port = services.free_port()
    file = place / "sentinel.conf"
    file.write_text(SENTINEL.format(port=port, place=place, primary=primary))
    with _started(Victim([program(), str(file), "--sentinel"], port)) as server:
        yield server


@contextmanager
def _started(victim: Victim) -> Iterator[Victim]:
    try:
        victim.start(lambda: answers(victim.port))
        yield victim
    finally:
        victim.kill()


def program() -> str:
    """Return the server; without one, the test is skipped or fails."""
    services.require("redis")
    return shutil.which("redis-server") or "redis-server"


def answers(port: int) -> bool:
    """Whether a server answers."""
    try:
        with redis.Redis(port=port, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def until(condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
    """Wait for ``condition``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the servers did not find each other")
        time.sleep(0.05)


def _info(port: int, section: str) -> dict[str, object]:
    with redis.Redis(port=port) as client:
        return client.info(section)

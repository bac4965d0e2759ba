"""The server of the sessions goes away under load; counts what the users notice.

    make outages
    make outages ARGS="--storages redis file --servers uvicorn"

Each storage gets servers of its own on loopback. Users look at pages and add one to a number; a third of them
sign out and in again; others visit a page that needs no session. Each response is checked.

- ``killed``: SIGKILL, and nothing listens at the port for three seconds
- ``hanging``: SIGSTOP for three seconds, so connections are accepted and nothing is answered
- ``restarted``: ended as an administrator does it, and started again at once
- ``failover``: the primary is killed, and a replica takes over
- ``unmounted``: the directory of the files is not there for three seconds

*signed out* are users who were signed out by anything but themselves, or whose cookie was cleared. *lost*
and *twice* are steps that were acknowledged and are not there, or are there once too often. *revived* are
sessions that answer after the response to their sign-out. *slowest* and *plain* are the slowest pages, with
and without a session. *back* is the time until the last 503 once the server is back. *log* is the number of
processes that logged the outage, and how often. *forgets* is whether the server itself forgets the sessions.

A run with the default load, or more, is recorded in docs/evidence/data, and docs/evidence/outages.md is made
anew. With ``--storages`` or ``--servers`` it replaces their rows only. The exit code is 1 for any fault.
"""

import argparse
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks import evidence, redis_cluster, report
from tests import services
from tests.processes import redis_servers, servers
from tests.processes.servers import Victim
from tests.processes.site import places
from tests.processes.site.browser import Answer, ask
from tests.processes.site.places import Settings
from tests.processes.site.server import Served, gunicorn, serve, uvicorn

TIMEOUT = 1
"""Seconds that a storage may wait for an answer, where it can be told."""
LASTS = 3.0
"""Seconds that a fault lasts."""
CALM = 1.0
"""Seconds of traffic before the fault, and after the recovery."""
PATIENCE = 20.0
"""Seconds after which the site counts as not recovered."""
SPARE = 2.0
"""Seconds that a busy machine may add to what a request waits for."""
PAUSE = 0.15
"""Seconds between two requests of a user, at most."""

SERVERS = {"gunicorn": (gunicorn, ""), "uvicorn": (uvicorn, "/async")}
LINE = re.compile(
    r"^\w+ frontdesk \[(\d+)\] The session storage (cannot answer|answers again)", re.MULTILINE
)


# Where the sessions are, and what can happen to that.


class Fault(NamedTuple):
    """How it begins, and how it ends: the server is back when ``end`` returns."""

    begin: Callable[[], Any]
    end: Callable[[], Any]
    lasts: float = LASTS
    forgets: bool = False
    """Whether the server forgets the sessions, which signs the users out."""


class Place(NamedTuple):
    """The settings of a site, and the faults that its sessions can suffer."""

    settings: Settings
    faults: dict[str, Fault]
    timeout: float | None = TIMEOUT
    """Seconds that one answer may take; ``None`` if there is no limit."""


def _faults(
    victim: Victim, ready: Callable[[], bool], *, forgets: bool = False
) -> dict[str, Fault]:
    def start() -> None:
        victim.start(ready)

    return {
        "killed": Fault(victim.kill, start, forgets=forgets),
        "hanging": Fault(victim.freeze, victim.thaw),
        "restarted": Fault(victim.stop, start, lasts=0, forgets=forgets),
    }


@contextmanager
def redis() -> Iterator[Place]:
    """The Redis storage."""
    with servers.redis() as (victim, url, ready), places.sqlite() as users:
        settings = places.settings(users, places.in_redis(url, TIMEOUT=TIMEOUT))
        yield Place(settings, _faults(victim, ready))


@contextmanager
def redis_cache() -> Iterator[Place]:
    """Django's cache on Redis."""
    with servers.redis() as (victim, url, ready), places.sqlite() as users:
        limits = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
        cache = places.redis_at(url) | {"OPTIONS": limits}
        yield Place(places.settings(users, places.IN_CACHE, cache), _faults(victim, ready))


@contextmanager
def sentinel() -> Iterator[Place]:
    """The Redis storage behind sentinels."""
    with redis_servers.with_sentinels() as watched, places.sqlite() as users:
        storage = places.in_redis("", TIMEOUT=TIMEOUT)
        del storage["OPTIONS"]["URL"]
        storage["OPTIONS"]["SENTINEL"] = {"hosts": watched.sentinels, "service": watched.service}
        failover = Fault(watched.primary.kill, watched.has_failed_over, lasts=0)
        yield Place(places.settings(users, storage), {"failover": failover})


@contextmanager
def cluster() -> Iterator[Place]:
    """The Redis storage on a Cluster of three servers, each with a replica."""
    with redis_cluster.cluster(replicated=True) as servers, places.sqlite() as users:
        first = servers.primaries[0]
        storage = places.in_redis(servers.urls, TIMEOUT=TIMEOUT, CLUSTER=True)

        def kill() -> None:
            servers.replicated()
            first.kill()

        def wait() -> None:
            redis_servers.until(servers.has_failed_over, seconds=90)

        faults = {
            "one hangs": Fault(first.freeze, first.thaw),
            "failover": Fault(kill, wait, lasts=0),
        }
        yield Place(places.settings(users, storage), faults)


@contextmanager
def memcached() -> Iterator[Place]:
    """Django's cache on memcached, which forgets everything when it ends."""
    with servers.memcached() as (victim, address, ready), places.sqlite() as users:
        limits = {"timeout": TIMEOUT, "connect_timeout": TIMEOUT}
        cache = places.memcached_at(address) | {"OPTIONS": limits}
        settings = places.settings(users, places.IN_CACHE, cache)
        yield Place(settings, _faults(victim, ready, forgets=True))


@contextmanager
def postgresql() -> Iterator[Place]:
    """PostgreSQL, with the users, too. Its driver has no limit for how long an answer may take."""
    with servers.postgresql() as (victim, database, ready):
        database["OPTIONS"] |= {"connect_timeout": 2}
        settings = places.settings(database, places.IN_DATABASE)
        yield Place(settings, _faults(victim, ready), timeout=None)


@contextmanager
def mariadb() -> Iterator[Place]:
    """MariaDB, with the users, too."""
    limits = {f"{what}_timeout": TIMEOUT for what in ("connect", "read", "write")}
    # Otherwise PyMySQL reads all certificates of the system for each connection, for 0.1 seconds.
    with servers.mariadb(**limits, ssl_disabled=True) as (victim, database, ready):
        yield Place(places.settings(database, places.IN_DATABASE), _faults(victim, ready))


@contextmanager
def file() -> Iterator[Place]:
    """Files."""
    with servers.folder() as folder:
        directory, away = folder / "sessions", folder / "away"
        unmounted = Fault(lambda: directory.rename(away), lambda: away.rename(directory))
        settings = places.settings(places.sqlite_in(str(folder)), places.in_files(directory))
        yield Place(settings, {"unmounted": unmounted}, timeout=None)


class Entry(NamedTuple):
    """A storage, and the service of ``tests/services.py`` that it needs."""

    name: str
    ready: Callable[[], AbstractContextManager[Place]]
    needs: str = ""


STORAGES = {
    "redis": Entry("Redis", redis, "redis-server"),
    "sentinel": Entry("Redis, Sentinel", sentinel, "redis-server"),
    "cluster": Entry("Redis, Cluster", cluster, "redis-server"),
    "redis-cache": Entry("cache on Redis", redis_cache, "redis-server"),
    "memcached": Entry("cache on memcached", memcached, "memcached"),
    "postgresql": Entry("PostgreSQL", postgresql, "postgresql"),
    "mariadb": Entry("MariaDB", mariadb, "mariadb"),
    "file": Entry("files", file),
}


# The users.


class Noted(NamedTuple):
    """One request; the times are those of :func:`time.monotonic`."""

    page: str
    began: float
    ended: float
    status: int


class Crowd:
    """Users who are signed in, visitors of a page without a session, and what they have noticed."""

    def __init__(self, port: int, prefix: str, users: int) -> None:
        self.requests: list[Noted] = []
        self.seen: Counter[str] = Counter()
        self._gone: list[str] = []
        """Keys whose sign-out was acknowledged."""
        self._port, self._prefix, self._users = port, prefix, users
        self._over = threading.Event()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Let them come for as long as the block lasts. All are signed in when it begins."""
        users = [_User(self, number) for number in range(1, self._users + 1)]
        with ThreadPoolExecutor(self._users + 2) as pool:
            list(pool.map(_User.arrive, users))
            running = [pool.submit(user.browse, self._over) for user in users]
            running += [pool.submit(self._visit, Random(-number)) for number in range(2)]
            try:
                yield
            finally:
                self._over.set()
        for each in running:
            each.result()

    def ask(self, page: str, key: str | None = None, query: str = "") -> Answer:
        """Send a request and note it."""
        began = time.monotonic()
        answer = ask(self._port, f"{self._prefix}/{page}/{query}", key)
        self.requests.append(Noted(page, began, time.monotonic(), answer.status))
        return answer

    def signed_out(self, key: str) -> None:
        """Remember a key that must never answer again."""
        self._gone.append(key)

    def look_for_revived(self) -> None:
        """Count the sessions that answer after their sign-out."""
        for key in self._gone:
            self.seen["revived"] += self.ask("look", key).page.get("user") is not None

    def _visit(self, random: Random) -> None:
        while not self._over.wait(random.uniform(0, PAUSE)):
            self.ask("plain")


class _User:
    """A browser in one thread. It knows its session exactly, but for steps that were not answered."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self._crowd, self._seen = crowd, crowd.seen
        self._number, self._random = number, Random(number)
        self._leaves = number % 3 == 0
        self._key: str | None = None
        self._leaving = False
        """Whether a sign-out was not answered, so that it may have happened or not."""
        self._least = self._most = 0
        """What the number may be."""

    def arrive(self) -> None:
        for _ in range(50):
            self._sign_in()
            if self._key is not None:
                return
            time.sleep(0.2)
        raise RuntimeError("The user cannot sign in.")

    def browse(self, over: threading.Event) -> None:
        while not over.wait(self._random.uniform(0, PAUSE)):
            choice = self._random.random()
            if self._key is None:
                self._sign_in()
            elif choice < 0.2 and self._leaves and not self._leaving:
                self._sign_out(self._key)
            elif choice < 0.5:
                self._step()
            else:
                self._judge(self._crowd.ask("look", self._key), 0)

    def _sign_in(self) -> None:
        answer = self._crowd.ask("login", None, f"?user={self._number}")
        if answer.status == 200:
            self._key, self._leaving = answer.cookie, False
            self._least = self._most = 0

    def _sign_out(self, key: str) -> None:
        answer = self._crowd.ask("logout", key)
        if answer.status == 200:
            self._crowd.signed_out(key)
            self._key = None
        else:
            self._leaving = True
            self._see_cookie(answer)

    def _step(self) -> None:
        answer = self._crowd.ask("add", self._key)
        self._most += answer.status != 200
        self._judge(answer, 1)

    def _judge(self, answer: Answer, step: int) -> None:
        if answer.status != 200:
            self._see_cookie(answer)
            return
        user = answer.page["user"]
        n = answer.page["n"] if step else answer.page["values"].get("n", 0)
        if user is None:
            self._seen["signed out"] += not self._leaving
            self._key = None
            return
        self._leaving = False
        self._seen["wrong user"] += user != self._number
        self._seen["lost"] += max(0, self._least + step - n)
        self._seen["twice"] += max(0, n - self._most - step)
        self._least = self._most = n
        self._key = answer.cookie or self._key

    def _see_cookie(self, answer: Answer) -> None:
        if answer.cookie is not None and not self._leaving:
            self._seen["signed out"] += 1
            self._key = None


# One fault.

COUNTS = ("signed out", "wrong user", "lost", "twice", "revived")
FORGOTTEN = {"signed out", "lost", "revived"}
"""What a server that forgets the sessions does, whatever the storage does."""


class Outcome(NamedTuple):
    """What came of one fault: the columns of its row, and what should not be, in words."""

    cells: dict[str, object]
    wrong: list[str]


def suffered(served: Served, crowd: Crowd, fault: Fault, timeout: float | None) -> Outcome:
    """Let the users come and the fault happen."""
    log_before = served.log.stat().st_size
    with crowd.coming():
        time.sleep(CALM)
        began = time.monotonic()
        fault.begin()
        time.sleep(fault.lasts)
        fault.end()
        back = time.monotonic()
        _wait_for_recovery(crowd, back)
        time.sleep(CALM)
    crowd.look_for_revived()
    failed = [each for each in crowd.requests if each.status != 200]
    during = [each for each in crowd.requests if each.began <= back and began <= each.ended]
    slowest = _slowest(each for each in during if each.page != "plain")
    plain = _slowest(each for each in during if each.page == "plain")
    recovery = max([0.0, *(each.ended - back for each in failed)])
    others = Counter(each.status for each in failed if each.status != 503)
    logged = _logged(served.log, log_before)

    wrong = [f"{count} answers of {status}" for status, count in others.items()]
    forgiven = FORGOTTEN if fault.forgets else set()
    wrong += [
        f"{name}: {crowd.seen[name]}"
        for name in COUNTS
        if name not in forgiven and crowd.seen[name]
    ]
    if timeout is not None and slowest > 2 * (timeout + SPARE):  # it may wait for another's wait
        wrong.append("a page was slow")
    if timeout is not None and plain > timeout + SPARE:
        wrong.append("a page without a session was slow")
    if recovery > PATIENCE:
        wrong.append("it has not recovered")
    if any(lines["cannot answer"] != lines["answers again"] for lines in logged):
        wrong.append("the end of an outage is not in the log")
    cells: dict[str, object] = {
        "requests": len(crowd.requests),
        "503": len(failed) - others.total(),
        "other": others.total(),
        "forgets": "yes" if fault.forgets else "no",
        **{name: crowd.seen[name] for name in COUNTS},
        "slowest s": f"{slowest:.1f}",
        "plain s": f"{plain:.1f}",
        "back s": f"{recovery:.1f}",
        "processes that logged": len(logged),
        "times each": max((lines["cannot answer"] for lines in logged), default=0),
    }
    return Outcome(cells, wrong)


def _wait_for_recovery(crowd: Crowd, back: float) -> None:
    """Wait until a while has passed without an error."""
    while time.monotonic() < back + PATIENCE:
        time.sleep(0.2)
        last = max((each.ended for each in crowd.requests if each.status != 200), default=0.0)
        if time.monotonic() > max(last, back) + CALM:
            return


def _slowest(requests: Iterator[Noted]) -> float:
    return max((each.ended - each.began for each in requests), default=0.0)


def _logged(log: Path, start: int) -> list[Counter[str]]:
    """Return what each process has logged of the outage."""
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode()
    lines: dict[str, Counter[str]] = {}
    for process, what in LINE.findall(text):
        lines.setdefault(process, Counter())[what] += 1
    return list(lines.values())


USERS, WORKERS = 12, 4
"""The load that is recorded."""


def main() -> int:
    """Run the program."""
    options = _options()
    records = options.users >= USERS and options.workers >= WORKERS
    run = report.begin(
        *("gunicorn", "uvicorn"),
        servers=report.COMMANDS,
        load=f"{options.users} users, {options.workers} server processes.",
        records=records,
    )
    print(run)
    rows, broken = list[dict[str, object]](), False
    with report.run_directory():
        for server in options.servers:
            for entry in (STORAGES[name] for name in options.storages):
                if entry.needs and (reason := services.missing(entry.needs)):
                    print(f"not tried: {entry.name}: {reason}", file=sys.stderr)
                    continue
                for fault, outcome in _tried(entry, server, options):
                    row = {"storage": entry.name, "server": server, "fault": fault}
                    rows.append(row | outcome.cells)
                    broken |= bool(outcome.wrong)
                    print(*rows[-1].values(), *outcome.wrong, sep="  ", flush=True)
    if records and rows:
        report.record("outages", run, rows, ["storage", "server", "fault"])
        evidence.draw("outages")
    return int(broken)


def _tried(entry: Entry, server: str, options: argparse.Namespace) -> Iterator[tuple[str, Outcome]]:
    command, prefix = SERVERS[server]
    with entry.ready() as place, serve(place.settings, options.workers, command) as served:
        for name, fault in place.faults.items():
            crowd = Crowd(served.port, prefix, options.users)
            yield name, suffered(served, crowd, fault, place.timeout)


def _options() -> argparse.Namespace:
    parser = report.parser("outages", __doc__)
    parser.add_argument("--storages", nargs="+", choices=STORAGES, default=list(STORAGES))
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--users", type=int, default=USERS, help="users who are signed in (12)")
    parser.add_argument("--workers", type=int, default=WORKERS, help="server processes (4)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

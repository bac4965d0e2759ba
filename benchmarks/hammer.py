"""Many requests of one browser at once, on every storage; counts what is lost, revived or signed out.

    make hammer
    make hammer ARGS="--seconds 5 --storages redis file"
    make hammer ARGS="--django"

gunicorn serves a small site from several processes. Each page reads the session and pauses before it writes,
so that other requests overtake it. Each use of a session is recorded, so pages that only read write too.

- ``modify``: all add one to the same number
- ``keys``: all set, overwrite and remove keys of their own in one session
- ``sign-out``: requests that write are under way when another one signs out
- ``sign-in``: requests with the old key are under way when the user signs in

*lost* are acknowledged writes that are not there. *revived* are sessions that answer after the response to
their sign-out. *signed out* are browsers that are signed out after a sign-in. *wrong user* are answers with
another user. *errors* are all answers but 200.

``--django`` does the same with Django's own engines. A run of all probes with the default load, or more, is
recorded in docs/evidence/data, and docs/evidence/races.md is made anew. With ``--storages`` it replaces their
rows only. The exit code is 1 if a storage of frontdesk loses or revives anything.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks import evidence, report
from tests import services
from tests.processes.site import places
from tests.processes.site.browser import Answer, Browser, ask
from tests.processes.site.places import Ready, Settings
from tests.processes.site.server import serve

PAUSE = 12.0
"""Milliseconds: the longest pause between a request's read and its write, and before it is overtaken."""

ROUND = 12
"""Requests of each thread between two looks at what they left."""

FAULTS = ("lost", "revived", "signed out", "wrong user")


@dataclass
class Tally:
    """What a probe has counted."""

    operations: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, answer: Answer) -> Answer:
        """Note the time of an answer, and whether it is an error."""
        with self._lock:
            self.times.append(answer.ms)
            if answer.status != 200:
                self.errors[str(answer.status or answer.page["error"])] += 1
        return answer

    def count(self, fault: str = "", number: int = 1) -> None:
        """Count one operation, or a number of faults."""
        with self._lock:
            if fault:
                self.faults[fault] += number
            else:
                self.operations += number

    @property
    def broken(self) -> bool:
        """Whether anything was seen that is promised not to be, or nothing at all."""
        return bool(+self.faults or self.errors or not self.operations)

    def cells(self) -> dict[str, object]:
        """Return the counts and the times, by column."""
        ordered = sorted(self.times) or [0.0]
        p50, p99 = (ordered[int((len(ordered) - 1) * share)] for share in (0.5, 0.99))
        counts = {fault: self.faults[fault] for fault in FAULTS}
        times = {"p50 ms": f"{p50:.0f}", "p99 ms": f"{p99:.0f}"}
        return {"operations": self.operations, **counts, "errors": self.errors.total(), **times}


class Ground(NamedTuple):
    """A served site, and how hard it is hammered."""

    port: int
    threads: int
    seconds: float
    seed: int

    def all(self, task: Callable[[str], Any], number: int = 0) -> list[Any]:
        """Run ``task`` in all threads at once, each with a name that ends with the id of a user."""
        names = [f"{self.seed}.{number}-{user}" for user in range(1, self.threads + 1)]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(task, names))

    def session(self) -> Browser:
        """Return a browser that has a session."""
        browser = Browser(self.port)
        browser.get("/start/")
        return browser

    def rounds(self) -> Iterator[int]:
        """Count until the time is over, once at least."""
        end, number = time.monotonic() + self.seconds, 0
        while not number or time.monotonic() < end:
            yield number
            number += 1


def modify(ground: Ground, tally: Tally) -> None:
    """All add one to the same number."""

    def add(key: str | None, name: str) -> int:
        random, acknowledged = Random(name), 0
        for _ in range(ROUND):
            answer = tally.see(ask(ground.port, f"/add/?ms={_pause(random) / 4}", key))
            acknowledged += answer.status == 200
        return acknowledged

    for number in ground.rounds():
        browser = ground.session()
        acknowledged = sum(ground.all(partial(add, browser.key), number))
        tally.count(number=acknowledged)
        tally.count("lost", abs(acknowledged - browser.get("/look/").page["values"].get("n", 0)))


def keys(ground: Ground, tally: Tally) -> None:
    """All write keys of their own in one session."""

    def write(key: str | None, name: str) -> dict[str, object]:
        random, kept = Random(name), dict[str, object]()
        for step in range(ROUND):
            mine = f"{name}-{step % 8}"
            remove = mine in kept and random.random() < 0.3
            path = f"/drop/?key={mine}" if remove else f"/put/?key={mine}&value={step}"
            if tally.see(ask(ground.port, f"{path}&ms={_pause(random)}", key)).status != 200:
                continue
            tally.count()
            if remove:
                del kept[mine]
            else:
                kept[mine] = str(step)
        return kept

    for number in ground.rounds():
        browser, expected = ground.session(), dict[str, object](started=True)
        for kept in ground.all(partial(write, browser.key), number):
            expected |= kept
        found = browser.get("/look/").page["values"]
        wrong = [key for key in {*expected, *found} if expected.get(key) != found.get(key)]
        tally.count("lost", len(wrong))


def sign_out(ground: Ground, tally: Tally) -> None:
    """Sign out while other requests are under way, and look whether the session still answers."""

    def leave(name: str) -> None:
        random, user = Random(name), name.partition("-")[2]
        gone: list[str | None] = []
        with ThreadPoolExecutor(3) as pool:
            for _ in ground.rounds():
                browser = Browser(ground.port)
                tally.see(browser.get(f"/login/?user={user}"))
                key = browser.key
                under_way = [pool.submit(browser.get, _some_page(random), key) for _ in range(3)]
                time.sleep(_pause(random) / 1000)
                signed_out = tally.see(browser.get("/logout/", key))
                at_once = tally.see(ask(ground.port, "/look/", key))
                for future in under_way:
                    tally.see(future.result())
                later = tally.see(ask(ground.port, "/look/", key))
                tally.count()
                if signed_out.status == 200 and (at_once.known or later.known):
                    tally.count("revived")
                else:
                    gone.append(key)
        for key in gone:
            tally.count("revived", tally.see(ask(ground.port, "/look/", key)).known)

    ground.all(leave)


def sign_in(ground: Ground, tally: Tally) -> None:
    """Sign in, which changes the key, while other requests are under way with the old key."""

    def enter(name: str) -> None:
        random, user = Random(name), name.partition("-")[2]
        browser = Browser(ground.port)
        with ThreadPoolExecutor(3) as pool:
            for number in ground.rounds():
                if number % 4 == 0 or browser.key is None:
                    browser = ground.session()
                old = browser.key
                under_way = [pool.submit(browser.get, _some_page(random), old) for _ in range(3)]
                time.sleep(_pause(random) / 1000)
                tally.see(browser.get(f"/login/?user={user}", old))
                for future in under_way:
                    tally.see(future.result())
                tally.count()
                found = tally.see(browser.get("/look/")).page.get("user")
                if found is None:
                    tally.count("signed out")
                elif str(found) != user:
                    tally.count("wrong user")

    ground.all(enter)


def _pause(random: Random) -> float:
    return round(random.uniform(0, PAUSE), 2)


def _some_page(random: Random) -> str:
    page = random.choice(("put/?key=cart&value=1&", "put/?key=late&value=1&", "add/?", "look/?"))
    return f"/{page}ms={_pause(random)}"


PROBES = {"modify": modify, "keys": keys, "sign-out": sign_out, "sign-in": sign_in}


# Where the sessions are.


class Place(NamedTuple):
    """A storage, what makes it ready, and the service of ``tests/services.py`` that it needs."""

    name: str
    ready: Ready
    needs: str = ""


def _database(make: Ready) -> Ready:
    @contextmanager
    def ready() -> Iterator[Settings]:
        with make() as database:
            yield places.settings(database, places.IN_DATABASE)

    return ready


@contextmanager
def _file() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as folder:
        storage = places.in_files(Path(folder) / "sessions")
        yield places.settings(places.sqlite_in(folder), storage)


@contextmanager
def _memcached() -> Iterator[Settings]:
    with places.memcached_started() as address, places.sqlite() as users:
        yield places.settings(users, places.IN_CACHE, places.memcached_at(address))


@contextmanager
def _redis() -> Iterator[Settings]:
    with places.under_prefix() as url, places.sqlite() as users:
        yield places.settings(users, places.in_redis(url))


@contextmanager
def _redis_cluster() -> Iterator[Settings]:
    from benchmarks.redis_cluster import cluster  # noqa: PLC0415 (a driver that may be missing)

    with cluster() as servers, places.sqlite() as users:
        yield places.settings(users, places.in_redis(servers.urls, CLUSTER=True))


@contextmanager
def _redis_cache() -> Iterator[Settings]:
    with places.under_prefix() as url, places.sqlite() as users:
        yield places.settings(users, places.IN_CACHE, places.redis_at(url))


def _django(engine: str) -> Ready:
    @contextmanager
    def ready() -> Iterator[Settings]:
        with places.under_prefix() as url, tempfile.TemporaryDirectory() as folder:
            users = places.sqlite_in(folder)
            yield places.engine(engine, users, folder, places.redis_at(url))

    return ready


STORAGES = {
    "postgresql": Place("PostgreSQL", _database(places.postgresql), "postgresql"),
    "mariadb": Place("MariaDB", _database(places.mariadb), "mariadb"),
    "sqlite": Place("SQLite (WAL)", _database(places.sqlite)),
    "file": Place("files", _file),
    "memcached": Place("cache on memcached", _memcached, "memcached"),
    "redis-cache": Place("cache on Redis", _redis_cache, "redis"),
    "redis": Place("Redis", _redis, "redis"),
    "redis-cluster": Place("Redis Cluster", _redis_cluster, "redis-server"),
}
ENGINES = {
    "django-db": Place("Django, db (SQLite)", _django("db"), "redis"),
    "django-cached_db": Place("Django, cached_db (Redis)", _django("cached_db"), "redis"),
    "django-cache": Place("Django, cache (Redis)", _django("cache"), "redis"),
    "django-file": Place("Django, file", _django("file"), "redis"),
}
SECONDS, WORKERS, THREADS = 10.0, 6, 8
"""The load that is recorded."""


def main() -> int:
    """Run the program."""
    options = _options()
    known = ENGINES if options.django else STORAGES
    records = (
        options.seconds >= SECONDS
        and options.workers >= WORKERS
        and options.threads >= THREADS
        and list(options.probes) == list(PROBES)
    )
    run = report.begin(
        "gunicorn",
        servers=("PostgreSQL", "MariaDB", "Redis", "memcached"),
        load=f"{options.workers} server processes, {options.threads} clients, "
        f"{options.seconds:g} seconds for each probe, seed {options.seed}.",
        records=records,
    )
    print(run)
    rows, broken = list[dict[str, object]](), False
    with report.run_directory():
        for name in options.storages or known:
            place = known[name]
            if place.needs and (reason := services.missing(place.needs)):
                print(f"not measured: {place.name}: {reason}", file=sys.stderr)
                continue
            for probe, tally in _hammered(place, options):
                rows.append({"storage": place.name, "probe": probe, **tally.cells()})
                broken |= tally.broken
                print(*rows[-1].values(), dict(tally.errors) or "", sep="  ", flush=True)
    if records and rows:
        file = "races-django" if options.django else "races"
        report.record(file, run, rows, ["storage", "probe"])
        evidence.draw("races")
    return int(broken and not options.django)


def _hammered(place: Place, options: argparse.Namespace) -> Iterator[tuple[str, Tally]]:
    with place.ready() as settings, serve(settings, options.workers) as served:
        ground = Ground(served.port, options.threads, options.seconds, options.seed)
        for probe in options.probes:
            tally = Tally()
            PROBES[probe](ground, tally)
            yield probe, tally
        if errors := served.log.read_text().strip():
            print(errors[-2000:], file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = report.parser("hammer", __doc__)
    parser.add_argument("--django", action="store_true", help="hammer Django's own engines")
    parser.add_argument("--storages", nargs="+", choices=[*STORAGES, *ENGINES], metavar="NAME")
    parser.add_argument("--probes", nargs="+", choices=PROBES, default=list(PROBES))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each probe (10)")
    parser.add_argument("--workers", type=int, default=WORKERS, help="server processes (6)")
    parser.add_argument("--threads", type=int, default=THREADS, help="clients at once (8)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

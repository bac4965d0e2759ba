"""A site moves from Django's engines to frontdesk and back under traffic; counts what the users notice.

    make moving
    make moving ARGS="--engines db file --database postgresql --seconds 10"

Users sign in at a site that runs on an engine of Django's behind gunicorn. They browse with their cookies in
several threads, often with two requests at once, while the site moves: to frontdesk, with ``manage.py
frontdesk import`` beside the traffic where the engine can list its sessions; to the engine for the way back;
and to Django's engine. Each new server starts beside the old one, which finishes its requests first. Each
response is compared with the user of the browser, and with what that browser has stored.

A run on SQLite with the default load, or more, is recorded in docs/evidence/data, and
docs/evidence/migration.md is made anew. With ``--engines`` it replaces their rows only. The exit code is 1
for any fault.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from benchmarks import evidence, report
from tests import services
from tests.processes.site import places
from tests.processes.site.browser import Answer, ask
from tests.processes.site.prepare import USERS
from tests.processes.site.server import call, serve

ENGINES = ("db", "cached_db", "cache", "file")
CAN_LIST = {"db", "cached_db"}
DATABASES = {
    "sqlite": places.sqlite,
    "postgresql": places.postgresql,
    "mariadb": places.mariadb,
}
FAULTS = ("signed out", "wrong user", "lost value", "cookie taken", "errors")


@dataclass
class User:
    """A browser with one session."""

    number: int
    key: str
    values: dict[str, str] = field(default_factory=dict)
    """What it was told that the session has."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Traffic:
    """Users who browse at the address of the site, which may change between two requests."""

    def __init__(self, port: int, sessions: int) -> None:
        self.seen: Counter[str] = Counter()
        self._port = port
        self._users = [self._arrived(number) for number in range(sessions)]
        self._turn = threading.Condition()
        self._under_way = 0
        self._switching = False
        self._over = threading.Event()

    @contextmanager
    def flowing(self, threads: int) -> Iterator[None]:
        """Let them browse for as long as the block lasts."""
        with ThreadPoolExecutor(threads) as pool:
            running = [pool.submit(self._browse, Random(number)) for number in range(threads)]
            try:
                yield
            finally:
                self._over.set()
        for each in running:
            each.result()

    def switch(self, port: int) -> None:
        """Let the old server finish its requests, and send all others to the new one."""
        with self._turn:
            self._switching = True
            self._turn.wait_for(lambda: self._under_way == 0)
            self._port = port
            self._switching = False
            self._turn.notify_all()

    def taken(self) -> Counter[str]:
        """Return what was seen since the last time."""
        seen, self.seen = self.seen, Counter()
        return seen

    def all_look(self) -> None:
        """Let every user send one request, so that every session has moved."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._look, self._users))

    def _arrived(self, number: int) -> User:
        user = number % USERS + 1
        key = ask(self._port, f"/login/?user={user}").cookie
        assert key
        ask(self._port, f"/put/?key=mark&value={number}", key)
        return User(user, key, {"mark": str(number)})

    def _browse(self, random: Random) -> None:
        with ThreadPoolExecutor(2) as two:
            while not self._over.is_set():
                user = random.choice(self._users)
                with user.lock:
                    if random.random() < 0.5:
                        page = str(random.random())
                        answer = self._ask(user, f"/put/?key=page&value={page}")
                        user.values |= {"page": page} if answer.status == 200 else {}
                        self._judge(user, answer)
                    else:
                        for answer in two.map(self._ask, [user] * 2, ["/look/"] * 2):
                            self._judge(user, answer)

    def _look(self, user: User) -> None:
        with user.lock:
            self._judge(user, self._ask(user, "/look/"))

    def _ask(self, user: User, path: str) -> Answer:
        with self._turn:
            self._turn.wait_for(lambda: not self._switching)
            self._under_way += 1
        try:
            return ask(self._port, path, user.key)
        finally:
            with self._turn:
                self._under_way -= 1
                self._turn.notify_all()

    def _judge(self, user: User, answer: Answer) -> None:
        with self._turn:
            self.seen["requests"] += 1
            self.seen["cookie taken"] += answer.cookie not in {None, user.key}
            if answer.status != 200:
                self.seen["errors"] += 1
                return
            found = answer.page["user"]
            self.seen["signed out"] += found is None
            self.seen["wrong user"] += found not in {None, user.number}
            self.seen["lost value"] += answer.page["values"] != user.values


def moved(engine: str, options: argparse.Namespace) -> Iterator[tuple[str, Counter[str], str]]:
    """Move a site; yield each stage, what was seen in it, and how many sessions ``import`` has moved."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(places.under_prefix())
        database = stack.enter_context(DATABASES[options.database]())
        stock = places.engine(engine, database, folder, places.redis_at(url))
        ours = stock | {
            "SESSION_ENGINE": "frontdesk.engine",
            "FRONTDESK": stock["FRONTDESK"] | {"MIGRATE_FROM": stock["SESSION_ENGINE"]},
        }
        back = stock | {"SESSION_ENGINE": f"frontdesk.migrate.to_django.{engine}"}

        def served(place: dict[str, Any]) -> int:
            return stack.enter_context(serve(place, options.workers)).port

        traffic = Traffic(served(stock), options.sessions)
        stack.enter_context(traffic.flowing(options.threads))

        time.sleep(options.seconds)
        yield "Django", traffic.taken(), ""

        traffic.switch(served(ours))
        time.sleep(options.seconds / 2)
        imported = ""
        if engine in CAN_LIST:
            said = json.loads(call(ours, "django", "frontdesk", "import", "--json"))
            imported = str(said["moved"])
        time.sleep(options.seconds / 2)
        traffic.all_look()
        yield "frontdesk", traffic.taken(), imported

        traffic.switch(served(back))
        time.sleep(options.seconds)
        traffic.all_look()
        yield "the way back", traffic.taken(), ""

        traffic.switch(served(stock))
        time.sleep(options.seconds)
        traffic.all_look()
        yield "Django again", traffic.taken(), ""


SESSIONS, SECONDS, THREADS, WORKERS = 1000, 6.0, 4, 3
"""The load that is recorded."""


def main() -> int:
    """Run the program."""
    options = _options()
    needed = {"redis", options.database} - {"sqlite"}
    if reasons := [reason for service in needed if (reason := services.missing(service))]:
        raise SystemExit(" ".join(reasons))
    records = (
        options.database == "sqlite"
        and options.sessions >= SESSIONS
        and options.seconds >= SECONDS
        and options.threads >= THREADS
        and options.workers >= WORKERS
    )
    run = report.begin(
        "gunicorn",
        servers=("Redis",),
        load=f"{options.sessions} sessions, {options.threads} threads, {options.workers} server processes.",
        records=records,
    )
    print(run)
    rows, broken = list[dict[str, object]](), False
    with report.run_directory():
        for engine in options.engines:
            for stage, seen, imported in moved(engine, options):
                row = {"engine": engine, "stage": stage, "sessions": options.sessions}
                counts = {name: seen[name] for name in ("requests", *FAULTS)}
                rows.append(row | counts | {"imported": imported})
                broken |= any(seen[name] for name in FAULTS) or not seen["requests"]
                print(*rows[-1].values(), sep="  ", flush=True)
    if records:
        report.record("migration", run, rows, ["engine", "stage"])
        evidence.draw("migration")
    return int(broken)


def _options() -> argparse.Namespace:
    parser = report.parser("moving", __doc__)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each stage (6)")
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--workers", type=int, default=WORKERS, help="server processes (3)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

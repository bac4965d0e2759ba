"""Requests over HTTP: gunicorn and uvicorn, and wrk, which asks as fast as it gets answers.

All subjects are served at once by servers of one kind, and asked in turn, in rounds, so that one is asked
while the others rest.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.hammer.server import Command, serve
from benchmarks.speed.crew import PROJECT, crew
from benchmarks.speed.places import missing, place_of, pooled
from benchmarks.speed.subjects import (
    ASGI,
    BARE,
    DESK_DATABASE,
    DESK_REDIS,
    POSTGRESQL,
    STOCK_DB,
    STOCK_REDIS,
    WSGI,
    Subject,
)

SUBJECTS = tuple(
    Subject(contestant, POSTGRESQL)
    for contestant in (BARE, STOCK_DB, STOCK_REDIS, DESK_DATABASE, DESK_REDIS)
)

SCRIPT = Path(__file__).with_name("wrk.lua")
PROCESSES = 2

INSTALL = "the load generator wrk is not installed (Debian and Ubuntu: apt install wrk)"


class Server(NamedTuple):
    """A kind of server, and what starts one."""

    name: str
    colour: str
    command: Command


def _gunicorn(*more: str) -> Command:
    def command(project: str, workers: int, port: int) -> list[str]:
        common = ["gunicorn", f"{project}.serving:wsgi", "--bind", f"127.0.0.1:{port}"]
        common += ["--workers", str(workers), "--log-level", "warning", "--no-control-socket"]
        return [*common, "--graceful-timeout", "5", "--timeout", "60", *more]

    return command


def _uvicorn(project: str, workers: int, port: int) -> list[str]:
    common = ["uvicorn", f"{project}.serving:asgi", "--host", "127.0.0.1", "--port", str(port)]
    common += ["--workers", str(workers), "--log-level", "warning", "--no-access-log"]
    return [*common, "--lifespan", "off", "--timeout-graceful-shutdown", "5"]


SERVERS = (
    Server("gunicorn, 2 sync workers", WSGI, _gunicorn("--worker-class", "sync")),
    Server(
        "gunicorn, 2 workers of 4 threads",
        WSGI,
        _gunicorn("--worker-class", "gthread", "--threads", "4"),
    ),
    Server("uvicorn, 2 workers", ASGI, _uvicorn),
)


class Effort(NamedTuple):
    """How much is measured."""

    servers: int = len(SERVERS)
    connections: tuple[int, ...] = (1, 4, 16, 64)
    rounds: int = 2
    seconds: int = 2
    """For a slice: one subject at one number of connections in one round."""


QUICK = Effort(servers=1, connections=(1, 4), rounds=1, seconds=1)

Place = dict[str, Any]


def measured(effort: Effort, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure all subjects that can be measured here; see ``results.py``."""
    if not shutil.which("wrk"):
        raise SystemExit(f"make bench: {INSTALL}.")
    servers = SERVERS[: effort.servers]
    rows: list[dict[str, Any]] = []
    absent: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="frontdesk_speed_") as folder, ExitStack() as stack:
        places: dict[str, Place] = {}
        for number, subject in enumerate(SUBJECTS):
            reasons = [missing(subject, server.colour) for server in servers]
            if any(reasons):
                absent[subject.id] = next(filter(None, reasons))
            else:
                places[subject.id] = stack.enter_context(place_of(subject, number, Path(folder)))
        subjects = [subject for subject in SUBJECTS if subject.id in places]
        keys = _signed_in(subjects, places)
        for server in servers:
            tell(f"http: {server.name}")
            with _served(server, subjects, places) as ports:
                rows += _slices(server, ports, keys, effort)
    return {"effort": effort._asdict(), "rows": rows, "absent": absent}


def _signed_in(subjects: list[Subject], places: dict[str, Place]) -> dict[str, str]:
    """Make the tables and the people, and return the key of one who is signed in at each subject."""
    wanted = [(subject, WSGI, places[subject.id]) for subject in subjects]
    with crew(wanted, first=True) as members:
        return {member.subject.id: member.tell("key")["key"] for member in members}


@contextmanager
def _served(
    server: Server, subjects: list[Subject], places: dict[str, Place]
) -> Iterator[dict[str, int]]:
    with ExitStack() as stack:
        ports = {}
        for subject in subjects:
            place = places[subject.id]
            place = pooled(place) if server.colour == ASGI else place
            served = stack.enter_context(serve(place, PROCESSES, PROJECT, server.command))
            ports[subject.id] = served.port
        yield ports


def _slices(
    server: Server, ports: dict[str, int], keys: dict[str, str], effort: Effort
) -> Iterator[dict[str, Any]]:
    for connections in effort.connections:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in ports}
        for number in range(effort.rounds + 1):  # the first one is the warm-up
            for name, port in ports.items():
                url = f"http://127.0.0.1:{port}/{server.colour}/user/"
                said = _asked(url, keys[name], connections, effort.seconds if number else 1)
                _look(server, name, port, keys[name])
                if number:
                    found[name].append(said)
        for name, rounds in found.items():
            rates = [each["requests"] / each["microseconds"] * 1e6 for each in rounds]
            yield {
                "subject": name,
                "server": server.name,
                "connections": connections,
                "rate": round(median(rates), 1),
                "rates": [round(min(rates), 1), round(max(rates), 1)],
                "p50": round(median(each["p50"] for each in rounds) / 1000, 2),
                "p99": round(median(each["p99"] for each in rounds) / 1000, 2),
                "errors": int(sum(each["errors"] for each in rounds)),
                "requests": int(sum(each["requests"] for each in rounds)),
            }


def _asked(url: str, key: str, connections: int, seconds: int) -> dict[str, float]:
    """Let wrk ask, and return what it found."""
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--timeout", "20s"]
    command += ["--duration", f"{seconds}s", "--script", str(SCRIPT)]
    command += ["--header", f"Cookie: sessionid={key}", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        raise RuntimeError(f"wrk said nothing of {url}: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _look(server: Server, name: str, port: int, key: str) -> None:
    """Raise ``RuntimeError`` if the page has not the user's name."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", f"/{server.colour}/user/", headers={"Cookie": f"sessionid={key}"})
        answer = connection.getresponse()
        body = answer.read()
    if (answer.status, body) != (200, b"ada"):
        raise RuntimeError(f"{name} behind {server.name} answered {answer.status} {body[:200]!r}")

"""Let every fault happen to every storage under load; exit with 1 if anybody saw what nobody should.

A run of everything writes its tables into docs/outages.md.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

from benchmarks.hammer.server import environment_of, gunicorn, serve, uvicorn
from benchmarks.outages import report
from benchmarks.outages.houses import HOUSES, Entry
from benchmarks.outages.outage import Load, Outcome, suffered
from tests import services

PROJECT = "benchmarks.outages"
SERVERS = {"gunicorn": (gunicorn, ""), "uvicorn": (uvicorn, "/async")}


def outages(
    entry: Entry,
    server: str,
    *,
    faults: list[str] | None = None,
    people: int = 12,
    workers: int = 4,
) -> Iterator[tuple[str, Outcome]]:
    """Yield each fault of a storage and what came of it."""
    with entry.ready() as house:
        subprocess.run(
            [sys.executable, "-m", f"{PROJECT}.prepare"],
            env=environment_of(house.settings, PROJECT),
            check=True,
        )
        command, prefix = SERVERS[server]
        with serve(house.settings, workers, PROJECT, command) as served:
            load = Load(prefix, people, house.timeout)
            for fault in faults or house.faults:
                yield fault, suffered(served, load, house.faults[fault])


def main() -> int:
    """Run the program."""
    options = _options()
    services.RUN_DIR.mkdir(mode=0o700, exist_ok=True)
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # also from a shell that lets it ignore the first
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # no server is left behind
    began, broken, lines = time.monotonic(), False, list[str]()
    absent = {name: reason for name in options.storages if (reason := _absent(HOUSES[name]))}
    try:
        for server in options.servers:
            _say(lines, "", report.title(server), "", report.head())
            for name in options.storages:
                if name not in absent:
                    broken |= _measured(lines, name, server, options)
    finally:
        shutil.rmtree(services.RUN_DIR, ignore_errors=True)
    for name, reason in absent.items():
        print(f"NOT MEASURED: {HOUSES[name].name}: {reason}", file=sys.stderr)
    everything = set(options.storages) == set(HOUSES) and set(options.servers) == set(SERVERS)
    if everything and not absent:
        said = report.circumstances(time.monotonic() - began, options.people, options.workers)
        report.write([*textwrap.wrap(said, 100), *lines])
    return int(broken or bool(absent and services.REQUIRED))


def _measured(lines: list[str], name: str, server: str, options: argparse.Namespace) -> bool:
    """Measure a storage; return whether anything was seen that should not be."""
    broken = False
    run = outages(HOUSES[name], server, people=options.people, workers=options.workers)
    for fault, outcome in run:
        _say(lines, report.row(HOUSES[name].name, fault, outcome))
        if outcome.faults:
            broken = True
            print(f"{name}, {server}, {fault}: {outcome.faults}", file=sys.stderr, flush=True)
    return broken


def _absent(entry: Entry) -> str:
    return next(filter(None, map(services.missing, entry.needs)), "")


def _say(lines: list[str], *new: str) -> None:
    lines += new
    print(*new, sep="\n", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outages", description=__doc__)
    parser.add_argument("--storages", nargs="+", choices=HOUSES, default=list(HOUSES))
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--people", type=int, default=12, help="who is signed in (default: 12)")
    parser.add_argument("--workers", type=int, default=4, help="server processes (default: 4)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

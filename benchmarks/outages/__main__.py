"""Let every fault happen to every storage under load, and print the table; exit with 1 for any fault of ours."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.hammer.server import environment_of, gunicorn, serve, uvicorn
from benchmarks.outages import report
from benchmarks.outages.houses import HOUSES
from benchmarks.outages.outage import Load, Outcome, suffered
from tests import services

PROJECT = "benchmarks.outages"
SERVERS = {"gunicorn": (gunicorn, ""), "uvicorn": (uvicorn, "/async")}
PAGE = Path(__file__).parents[2] / "docs" / "outages.md"


def outages(
    name: str, server: str, *, faults: list[str] | None = None, people: int = 12, workers: int = 4
) -> Iterator[tuple[str, Outcome]]:
    """Yield each fault of a storage and what came of it."""
    with HOUSES[name].ready() as house:
        subprocess.run(
            [sys.executable, "-m", f"{PROJECT}.prepare"],
            env=environment_of(house.settings, PROJECT),
            check=True,
        )
        command, prefix = SERVERS[server]
        with serve(house.settings, workers, PROJECT, command) as served:
            load = Load(prefix, people)
            for fault in faults or house.faults:
                yield fault, suffered(served, load, house.faults[fault])


def main() -> int:
    """Run the program."""
    options = _options()
    services.RUN_DIR.mkdir(mode=0o700, exist_ok=True)
    lines, broken, absent = [report.head()], False, []
    print(lines[0], flush=True)
    try:
        for name in options.storages:
            if reason := next(filter(None, map(services.missing, HOUSES[name].needs)), ""):
                absent.append(f"{HOUSES[name].name}: {reason}")
                continue
            for server in options.servers:
                for fault, outcome in outages(name, server, people=options.people):
                    lines.append(report.row(HOUSES[name].name, server, fault, outcome))
                    print(lines[-1], flush=True)
                    if outcome.faults:
                        broken = True
                        print(f"{name}, {server}, {fault}: {outcome}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(services.RUN_DIR, ignore_errors=True)
    for line in absent:
        print(f"NOT MEASURED: {line}", file=sys.stderr)
    return int(broken or bool(absent and services.REQUIRED))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outages", description=__doc__)
    parser.add_argument("--storages", nargs="+", choices=HOUSES, default=list(HOUSES))
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--people", type=int, default=12, help="who is signed in (default: 12)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

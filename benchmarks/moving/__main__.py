"""Move a site to frontdesk and back under traffic, and print what people saw; exit with 1 for any fault."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from typing import Any

from benchmarks.hammer import places
from benchmarks.hammer.server import environment_of, serve
from benchmarks.moving.traffic import FAULTS, Person, Traffic

PROJECT = "benchmarks.moving"
DATABASES = {"sqlite": places.sqlite, "postgresql": places.postgresql, "mariadb": places.mariadb}

Report = list[tuple[str, Counter[str], dict[str, Any]]]


def moved(  # noqa: PLR0913 (what there is to choose)
    engine: str, database: str, *, sessions: int, seconds: float, threads: int = 4, workers: int = 2
) -> Report:
    """Go through all stages; return what was seen in each, and what the commands said."""
    report: Report = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        place = places.settings(stack.enter_context(DATABASES[database]()), {})
        place |= {"SESSION_FILE_PATH": folder, "FRONTDESK": {}}
        stock = place | {"SESSION_ENGINE": f"django.contrib.sessions.backends.{engine}"}
        desk = place | {
            "SESSION_ENGINE": "frontdesk.engine",
            "FRONTDESK": {"MIGRATE_FROM": stock["SESSION_ENGINE"]},
        }
        back = place | {"SESSION_ENGINE": f"frontdesk.wayback.{engine}"}
        people = [
            Person(*row) for row in json.loads(_run(stock, f"{PROJECT}.people", str(sessions)))
        ]
        traffic = Traffic(people, stack.enter_context(serve(stock, workers, PROJECT)).port)
        stack.enter_context(traffic.flowing(threads))

        def stage(name: str, command: tuple[dict[str, Any], str] | None = None) -> None:
            half = seconds / 2 if command else seconds
            time.sleep(half)
            said = {}
            if command:
                said = json.loads(_run(command[0], "django", "frontdesk", command[1], "--json"))
                time.sleep(half)
            report.append((name, traffic.taken(), said))

        stage(f"Django's {engine} engine")
        traffic.switch(stack.enter_context(serve(desk, workers, PROJECT)).port)
        stage("frontdesk, sessions move as they are used")
        stage("frontdesk, import beside the traffic", (desk, "import"))
        traffic.switch(stack.enter_context(serve(back, workers, PROJECT)).port)
        stage(f"frontdesk.wayback.{engine}")
        stage("the same, export beside the traffic", (back, "export"))
        traffic.everybody_looks()
        report.append(("everybody looks", traffic.taken(), {}))
        traffic.switch(stack.enter_context(serve(stock, workers, PROJECT)).port)
        stage(f"Django's {engine} engine again")
        traffic.everybody_looks()
        report.append(("everybody looks", traffic.taken(), {}))
    return report


def faults(report: Report) -> int:
    """Return how often anybody saw what nobody should."""
    return sum(seen[fault] for _, seen, _ in report for fault in FAULTS)


def _run(place: dict[str, Any], module: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment_of(place, PROJECT),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moving", description=__doc__)
    parser.add_argument("--engine", choices=["db", "cached_db", "file"], default="db")
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, default=4)
    chosen = parser.parse_args()
    report = moved(
        chosen.engine,
        chosen.database,
        sessions=chosen.sessions,
        seconds=chosen.seconds,
        threads=chosen.threads,
    )
    print("| stage | requests | " + " | ".join(FAULTS) + " | the command |")
    print("|---" * (len(FAULTS) + 3) + "|")
    for name, seen, said in report:
        cells = [name, seen["requests"], *(seen[fault] for fault in FAULTS), said.get("moved", "")]
        print("| " + " | ".join(map(str, cells)) + " |")
    return 1 if faults(report) else 0


if __name__ == "__main__":
    sys.exit(_main())

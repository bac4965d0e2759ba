"""Hammer each storage with each probe and print the table; exit with 1 if a promised zero is none."""

import argparse
import shutil
import sys
from collections.abc import Iterator

from benchmarks.hammer import report
from benchmarks.hammer.places import PLACES
from benchmarks.hammer.probes import PROBES, Ground, crowd_of
from benchmarks.hammer.server import serve
from benchmarks.hammer.tally import Tally
from tests import services


def main() -> int:
    """Run the program."""
    options = _options()
    services.RUN_DIR.mkdir(mode=0o700, exist_ok=True)
    sizes = f"{options.workers} server and {options.clients} client processes"
    print(f"{report.machine()}; {sizes}, {options.seconds:g} s a probe, seed {options.seed}\n")
    print(report.head(), flush=True)
    broken, absent = False, []
    try:
        for name in options.storages:
            place = PLACES[name]
            if place.needs and (reason := services.missing(place.needs)):
                absent.append(f"{place.name}: {reason}")
                continue
            for probe, tally in hammered(name, options):
                print(report.row(place.name, probe, tally), flush=True)
                if tally.broken:
                    broken = True
                    print(f"{name}, {probe}: {tally.summary}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(services.RUN_DIR, ignore_errors=True)
    for line in absent:
        print(f"not measured: {line}", file=sys.stderr)
    return int(broken or bool(absent and services.REQUIRED))


def hammered(name: str, options: argparse.Namespace) -> Iterator[tuple[str, Tally]]:
    """Yield each probe's name and what it counted on one storage."""
    with (
        PLACES[name].ready() as settings,
        serve(settings, options.workers) as served,
        crowd_of(options.clients) as pool,
    ):
        ground = Ground(served.port, pool, options.clients, options.seconds, options.seed)
        for probe in options.probes:
            tally: Tally = PROBES[probe](ground)
            yield probe, tally
        if errors := served.log.read_text().strip():
            print(errors[-2000:], file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hammer", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each probe (default: 10)")
    parser.add_argument("--storages", nargs="+", choices=PLACES, default=list(PLACES))
    parser.add_argument("--probes", nargs="+", choices=PROBES, default=list(PROBES))
    parser.add_argument("--workers", type=int, default=6, help="server processes (default: 6)")
    parser.add_argument("--clients", type=int, default=3, help="client processes (default: 3)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

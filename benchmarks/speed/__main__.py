"""Measure, keep the numbers, and write docs/benchmarks.md.

Parts: targets, profile, requests, http, growth.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.speed import growth, head_to_head, over_http, page, per_request, profile, results
from benchmarks.speed.machine import described

Measure = Callable[[argparse.Namespace, Callable[[str], None]], dict[str, Any]]


def _targets(given: argparse.Namespace, tell: Callable[[str], None]) -> dict[str, Any]:
    return head_to_head.measured(head_to_head.QUICK if given.quick else head_to_head.Effort(), tell)


def _profile(given: argparse.Namespace, tell: Callable[[str], None]) -> dict[str, Any]:
    return profile.measured(tell)


def _requests(given: argparse.Namespace, tell: Callable[[str], None]) -> dict[str, Any]:
    effort = per_request.QUICK if given.quick else per_request.Effort()
    return per_request.measured(effort, tell, given.subjects)


def _http(given: argparse.Namespace, tell: Callable[[str], None]) -> dict[str, Any]:
    return over_http.measured(over_http.QUICK if given.quick else over_http.Effort(), tell)


def _growth(given: argparse.Namespace, tell: Callable[[str], None]) -> dict[str, Any]:
    return growth.measured(growth.QUICK if given.quick else growth.Effort(), tell)


PARTS: dict[str, Measure] = {
    "targets": _targets,
    "profile": _profile,
    "requests": _requests,
    "http": _http,
    "growth": _growth,
}


def main(arguments: list[str]) -> int:
    """Run the program."""
    given = _options().parse_args(arguments)
    kept = given.results
    words = " ".join(f'"{word}"' if " " in word else word for word in arguments)
    command = f"make bench ARGS='{words}'" if arguments else "make bench"
    if not given.page and os.getloadavg()[0] > 0.5:
        print("This machine is busy. Its numbers will say more of that than of anybody's sessions.")
    for name in [] if given.page else given.only:
        part = described(command)  # the load is that of before
        part |= PARTS[name](given, _telling())
        results.keep(name, part, kept, given.raw)
    page.write(results.kept_parts(kept), given.docs)
    print(f"Written: {given.docs / 'benchmarks.md'}")
    return 0


def _telling() -> Callable[[str], None]:
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {what}", flush=True)

    return tell


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--subjects", default="", help="those whose name contains this")
    parser.add_argument("--quick", action="store_true", help="to see that it works; for no numbers")
    parser.add_argument("--page", action="store_true", help="only write the page anew")
    parser.add_argument("--docs", type=Path, default=page.DOCS, help="where the page goes")
    parser.add_argument("--results", type=Path, default=results.KEPT, help="where the numbers are")
    parser.add_argument("--raw", type=Path, default=results.RAW, help="where every round goes")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

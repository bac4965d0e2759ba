"""Make the environments, race each contestant in a process of its own, and print the table."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.comparison.contestants import CONTESTANTS, Contestant
from tests import services

RACES = Path(__file__).with_name("races.py")
WIDTH = 27
COUNTED = (
    "lost key",
    "lost step",
    "lost modify()",
    "revived",
    "wiped by a reader",
    "wiped by a writer",
)
COLUMNS = (*COUNTED, "answered  ", "key in clear")
PROMISED = tuple(name for name in COUNTED if name != "lost step")
"""What has to be 0 for frontdesk: a plain step is the later write's, which is documented."""


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison", description=__doc__)
    parser.add_argument("--only", default="", help="contestants whose name contains this")
    only = parser.parse_args().only
    day = datetime.now(UTC).date().isoformat()
    print(f"{day}, Python {platform.python_version()}, Django {version('Django')}\n")
    print(_line("", COLUMNS))
    print("| " + " | ".join("-" * width for width in (WIDTH, *map(len, COLUMNS))) + " |")
    broken = False
    with tempfile.TemporaryDirectory(prefix="frontdesk_comparison_") as folder:
        for number, contestant in enumerate(CONTESTANTS):
            if only.lower() not in contestant.name.lower():
                continue
            try:
                found = raced(number, contestant, Path(folder))
            except (OSError, subprocess.SubprocessError) as error:
                broken |= contestant.engine.startswith("frontdesk")
                print(f"| {_label(contestant):<{WIDTH}} | not measured: {_reason(error)} |")
                continue
            print(
                _line(_label(contestant), [_cell(found[name.strip()]) for name in COLUMNS]),
                flush=True,
            )
            if contestant.engine.startswith("frontdesk"):
                broken |= is_broken(found)
    return int(broken)


def is_broken(found: dict[str, Any]) -> bool:
    """Whether something that frontdesk promises did not hold."""
    wrong = any(found[name][0] for name in PROMISED)
    return wrong or found["key in clear"] or found["answered"] != [200]


def raced(number: int, contestant: Contestant, folder: Path) -> dict[str, Any]:
    """Return what the races of one contestant found."""
    if contestant.redis and (reason := services.missing("redis")):
        raise OSError(reason)
    python = _python(contestant.requirement, folder) if contestant.requirement else sys.executable
    prefix = f"{services.RUN}_{number}"
    try:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            (Path(place) / "store").mkdir()
            arguments = [str(number), f"{place}/store", services.REDIS.geturl(), prefix]
            done = _run([python, "-W", "ignore", str(RACES), *arguments], timeout=300)
        return json.loads(done.splitlines()[-1])
    finally:
        if contestant.redis:
            _sweep(prefix)


def _sweep(prefix: str) -> None:
    from redis import Redis  # noqa: PLC0415 (a driver that may be missing)

    with closing(Redis.from_url(services.REDIS.geturl())) as client:
        for key in client.scan_iter(match=f"*{prefix}*", count=1000):
            client.delete(key)


@cache
def _python(requirement: str, folder: Path) -> str:
    """Make an environment with one peer, beside the Django of this one; return its Python."""
    place = folder / requirement.replace("=", "-")
    _run([sys.executable, "-m", "venv", str(place)], timeout=120)
    python = str(place / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _run([*pip, f"Django=={version('Django')}", requirement], timeout=300)
    return python


def _run(command: Sequence[str], timeout: int) -> str:
    environment = {name: value for name, value in os.environ.items() if "DJANGO" not in name}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode:
        raise OSError((done.stderr.strip() or done.stdout.strip() or "no reason given")[-2000:])
    return done.stdout


def _reason(error: Exception) -> str:
    return str(error).splitlines()[-1][:160]


def _label(contestant: Contestant) -> str:
    release = contestant.requirement.partition("==")[2]
    name, comma, rest = contestant.name.partition(",")
    return f"{name} {release}{comma}{rest}" if release else contestant.name


def _cell(found: Any) -> str:
    if found is None:
        return "-"
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, list) and len(found) == 2 and found[0] < 100:
        return f"{found[0]} of {found[1]}"
    return " or ".join(map(str, found))


def _line(name: str, cells: Sequence[str]) -> str:
    columns = [f"{cell:<{len(column)}}" for cell, column in zip(cells, COLUMNS, strict=True)]
    return f"| {name:<{WIDTH}} | " + " | ".join(columns) + " |"


if __name__ == "__main__":
    sys.exit(main())

"""The tables, in Markdown, and their place in docs/outages.md."""

import re
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from benchmarks.hammer.report import machine
from benchmarks.outages.houses import HOUSES
from benchmarks.outages.outage import Outcome

PAGE = Path(__file__).parents[2] / "docs" / "outages.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

COLUMNS = {
    "storage": 21,
    "fault": 9,
    "requests": 8,
    "503": 4,
    "other": 5,
    "signed out": 10,
    "wrong": 5,
    "lost": 4,
    "twice": 5,
    "revived": 7,
    "slowest": 7,
    "plain": 5,
    "back": 4,
    "log": 5,
}


def title(server: str) -> str:
    """Return what stands above the table of a web server."""
    return {"gunicorn": "### gunicorn, sync views", "uvicorn": "### uvicorn, async views"}[server]


def head() -> str:
    """Return the first two lines of a table."""
    return f"{_line(COLUMNS)}\n| " + " | ".join("-" * width for width in COLUMNS.values()) + " |"


def row(storage: str, fault: str, outcome: Outcome) -> str:
    """Return the line of one fault; a star says that the server itself lost what it was told."""
    star = "*" if outcome.forgets else ""
    lost = (outcome.sign_outs, outcome.lost, outcome.revived)
    sign_outs, steps, revived = (f"{count}{star if count else ''}" for count in lost)
    return _line(
        [
            storage,
            fault,
            outcome.requests,
            outcome.unavailable,
            outcome.errors.total(),
            sign_outs,
            outcome.wrong_users,
            steps,
            outcome.doubled,
            revived,
            f"{outcome.slowest / 1000:.1f} s",
            f"{outcome.slowest_plain / 1000:.1f} s",
            f"{outcome.recovery:.1f} s",
            f"{outcome.processes} x {outcome.incidents}" if outcome.processes else "-",
        ]
    )


def circumstances(seconds: float, people: int, workers: int) -> str:
    """Return where, when and with what this was measured."""
    found = dict.fromkeys(entry.version for entry in HOUSES.values() if entry.version)
    servers = ", ".join(_version(command) for command in found)
    return (
        f"{machine()}, uvicorn {version('uvicorn')}; {servers}. {people} people, {workers} workers, "
        f"{seconds / 60:.0f} minutes in all."
    )


def _version(command: tuple[str, ...]) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    name = {"redis-server": "Redis", "psql": "PostgreSQL", "mariadb": "MariaDB"}.get(command[0])
    # MariaDB's clients have a version of their own, and name the server's after it.
    number = re.search(r"Distrib (\d[.\d]*\d)", said) or re.search(r"(\d+\.[.\d]*\d)", said)
    return f"{name or command[0]} {number[1] if number else '?'}"


def write(lines: Iterable[str]) -> None:
    """Put the tables into the page, in the place of those that were there."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]), "utf-8")


def _line(cells: Iterable[object]) -> str:
    return (
        "| "
        + " | ".join(
            f"{cell:>{width}}" if isinstance(cell, int) else f"{cell:<{width}}"
            for cell, width in zip(cells, COLUMNS.values(), strict=True)
        )
        + " |"
    )

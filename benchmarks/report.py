"""Tables in Markdown, and where and with what they were measured."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a table; numbers stand on the right."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    columns = list(zip(*cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(cell[:1].isdigit() or cell == "-" for cell in column[1:]) for column in columns]
    lines = [
        " | ".join(
            cell.rjust(width) if end else cell.ljust(width)
            for cell, width, end in zip(row, widths, right, strict=True)
        )
        for row in cells
    ]
    rule = " | ".join(
        "-" * (width - 1) + ":" if end else "-" * width
        for width, end in zip(widths, right, strict=True)
    )
    return [f"| {line} |" for line in [lines[0], rule, *lines[1:]]]


def circumstances(*packages: str, servers: Iterable[str] = ()) -> str:
    """Return the day, the commit, the machine and the versions."""
    named = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    named += [f"{name} {version(name)}" for name in ("Django", *packages)]
    named += filter(None, map(_server, servers))
    where = f"{_processor()}, {os.cpu_count()} cores"
    day = datetime.now(UTC).date().isoformat()
    return f"{day}, commit {_commit()}. {where}. {', '.join(named)}."


def write(page: str, name: str, lines: Iterable[str]) -> None:
    """Replace what stands in ``docs/page`` between ``<!-- name: begin -->`` and ``<!-- name: end -->``."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    path = DOCS / page
    before, found, rest = path.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{path} has no lines {begin} and {end}.")
    path.write_text("\n".join([before + begin, "", *lines, "", end + after]), "utf-8")
    print(f"Written: {path}")


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=8"]
    done = subprocess.run(command, cwd=DOCS, capture_output=True, text=True, check=False)
    return done.stdout.strip()


COMMANDS = {
    "Redis": "redis-server --version",
    "memcached": "memcached -V",
    "PostgreSQL": "psql --version",
    "MariaDB": "mariadb --version",
}


def _server(name: str) -> str:
    """Return the name and the version of an installed server; empty if there is none."""
    with suppress(OSError):
        done = subprocess.run(COMMANDS[name].split(), capture_output=True, text=True, check=False)
        # MariaDB's clients name the version of the server after their own.
        text = done.stdout.rpartition("Distrib ")[2].replace("v=", " ").replace(",", " ")
        numbers = [word for word in text.split() if word[:1].isdigit() and "." in word]
        return f"{name} {numbers[0].partition('-')[0]}" if numbers else ""
    return ""

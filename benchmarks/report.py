"""What the programs share: options, a directory for one run, tables, and where they were measured."""

import argparse
import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests import services

DOCS = Path(__file__).parents[1] / "docs"


def parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help shows the docstring of the program ``name``."""
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


@contextmanager
def run_directory() -> Iterator[None]:
    """Make the directory of this run, and delete it afterwards.

    SIGTERM ends the program as an exception does, so that it leaves no server behind.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    services.RUN_DIR.mkdir(mode=0o700, exist_ok=True)
    try:
        yield
    finally:
        shutil.rmtree(services.RUN_DIR, ignore_errors=True)


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

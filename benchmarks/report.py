"""What the programs share: options, a directory for one run, tables, and the files of what was measured."""

import argparse
import csv
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
from typing import NamedTuple

from tests import services

ROOT = Path(__file__).parents[1]
EVIDENCE = ROOT / "docs" / "evidence"
IMAGES = ROOT / "docs" / "images"


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


class Run(NamedTuple):
    """When, of which commit and where a program ran, and with what load."""

    date: str
    commit: str
    conditions: str

    def __str__(self) -> str:
        return f"{self.date}, commit {self.commit}. {self.conditions}"


def begin(
    *packages: str, servers: Iterable[str] = (), load: str = "", records: bool = False
) -> Run:
    """Return what is to be known about this run; exits if it ``records`` and the tree has changes.

    Numbers of a commit can be measured again, and those of a changed checkout cannot.
    """
    commit, changed = _git("rev-parse", "--short=8", "HEAD").strip(), _changes()
    if records and not commit:
        raise SystemExit(
            "This run records its numbers under a commit, and this is no git checkout."
        )
    if records and changed:
        raise SystemExit(
            "This run records its numbers under a commit, but the checkout has changes:\n"
            + "\n".join(changed)
            + "\nCommit them, or run with less load than the default, which records nothing."
        )
    named = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    named += [f"{name} {version(name)}" for name in ("Django", *packages)]
    named += filter(None, map(_server, servers))
    where = f"{_processor()}, {os.cpu_count()} cores. {', '.join(named)}."
    day = datetime.now(UTC).date().isoformat()
    return Run(day, commit + "-dirty" * bool(changed), f"{where} {load}".strip())


def read(name: str) -> list[dict[str, str]]:
    """Return the rows of ``docs/evidence/data/NAME.csv``."""
    with _file(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def record(
    name: str,
    run: Run,
    rows: Iterable[dict[str, object]],
    key: Sequence[str],
    *,
    whole: bool = False,
) -> None:
    """Write rows into a file of ``docs/evidence/data/``, each with its run.

    They replace the rows with the same values of the columns ``key``, or all rows if they are the ``whole``.
    """
    new = [{column: str(cell) for column, cell in (row | run._asdict()).items()} for row in rows]
    old = [] if whole or not _file(name).exists() else read(name)
    merged = {tuple(row[column] for column in key): row for row in [*old, *new]}
    with _file(name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(new[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(merged.values())
    print(f"Written: {_file(name)}")


def _file(name: str) -> Path:
    return EVIDENCE / "data" / f"{name}.csv"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _changes() -> list[str]:
    """Return what git says has changed, but for what the runs themselves write."""
    written = (f":!{EVIDENCE.relative_to(ROOT)}", f":!{IMAGES.relative_to(ROOT)}")
    return _git("status", "--porcelain", "--", ".", *written).splitlines()


def _git(*command: str) -> str:
    done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout


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

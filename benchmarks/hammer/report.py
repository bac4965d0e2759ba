"""The table, in Markdown, so that it reads the same in a terminal and in docs/guarantees.md."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks.hammer.tally import Tally

COLUMNS = (
    "storage",
    "probe",
    "operations",
    "lost",
    "revived",
    "wiped",
    "errors",
    "p50 ms",
    "p99 ms",
)
WIDTHS = (27, 14, 10, 4, 7, 5, 6, 7, 7)


def machine() -> str:
    """Return where and with what this is measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("Django", "gunicorn"))
    day = datetime.now(UTC).date().isoformat()
    return f"{day}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def head() -> str:
    """Return the first two lines."""
    return f"{_line(COLUMNS)}\n| " + " | ".join("-" * width for width in WIDTHS) + " |"


def row(storage: str, probe: str, tally: Tally) -> str:
    """Return the line of one probe; "-" is what it does not look for."""
    counts = ["-" if n is None else n for n in (tally.lost, tally.revived, tally.wiped)]
    times = [f"{tally.percentile(share):.1f}" for share in (0.5, 0.99)]
    return _line([storage, probe, tally.operations, *counts, tally.errors.total(), *times])


def _line(cells: object) -> str:
    return (
        "| "
        + " | ".join(
            f"{cell:<{width}}" if isinstance(cell, str) else f"{cell:>{width}}"
            for cell, width in zip(cells, WIDTHS, strict=True)
        )
        + " |"
    )

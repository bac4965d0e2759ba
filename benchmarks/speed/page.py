"""docs/benchmarks.md and its pictures, from what was measured and from ``page.md``.

``page.md`` is written by hand. A line of it that is ``{{name}}`` becomes what the function of that name
makes of the results; of a part that was never measured it becomes a sentence that says so.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import fill

from benchmarks.speed import growth_tables, http_tables, tables
from benchmarks.speed.picture import Bar, bars
from benchmarks.speed.results import ROOT, Part
from benchmarks.speed.subjects import ASGI, DATABASES, WSGI

TEMPLATE = Path(__file__).with_name("page.md")
DOCS = ROOT / "docs"
WRITTEN = (
    "<!-- Written by make bench from benchmarks/speed/page.md and benchmarks/speed/results/."
    " Edit those. -->"
)

_slot = re.compile(r"^\{\{(\w+)\.(\w+)\}\}$", re.MULTILINE)


def written(parts: dict[str, Part]) -> str:
    """Return the page."""

    def filled(slot: re.Match[str]) -> str:
        part, name = slot[1], slot[2]
        if part not in parts:
            return f'Not measured yet; `make bench ARGS="--only {part}"` does.'
        return SLOTS[name](parts[part])

    return f"{WRITTEN}\n\n{_slot.sub(filled, TEMPLATE.read_text(encoding='utf-8'))}"


def pictures(parts: dict[str, Part]) -> dict[str, str]:
    """Return the pictures by the names of their files."""
    return {
        f"{name}.svg": draw(parts[part]) for name, (part, draw) in PICTURES.items() if part in parts
    }


def write(parts: dict[str, Part], docs: Path = DOCS) -> None:
    """Write the page and the pictures into ``docs``."""
    (docs / "images").mkdir(parents=True, exist_ok=True)
    (docs / "benchmarks.md").write_text(written(parts), encoding="utf-8")
    for name, picture in pictures(parts).items():
        (docs / "images" / name).write_text(picture, encoding="utf-8")


# --- what fills the slots -----------------------------------------------------------------------


def where(part: Part) -> str:
    """Return when, where and with what a part was measured."""
    versions = ", ".join(f"{name} {number}" for name, number in part["versions"].items())
    text = (
        f"Measured on {part['date']} at commit {part['commit']} with `{part['command']}`:"
        f" {part['machine']}, load {part['load']} before the run. {versions}."
    )
    return fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _planned(part: Part) -> str:
    if not part["planned"]:
        return "PostgreSQL was not asked how long it plans."
    text = (
        "By its own account (`EXPLAIN ANALYZE`, medians), PostgreSQL takes {planning:.0f} µs to plan that"
        " statement and {execution:.0f} µs to execute it."
    )
    return fill(text.format_map(part["planned"]), 100)


def _absent(part: Part) -> str:
    absent = [f"- not measured: {name}: {reason}" for name, reason in part["absent"].items()]
    return "\n".join(absent) or "Every subject was measured."


def _added(colour: str, title: str) -> Callable[[Part], str]:
    def draw(part: Part) -> str:
        rows = part["rows"]
        costs = tables.added(rows, colour)
        found = tables.subjects_in(rows, colour)
        given = [
            Bar(
                subject.contestant.name,
                costs[subject.id],
                subject.family,
                f"users in {name}",
            )
            for database, name in DATABASES.items()
            for subject in found
            if subject.database == database and subject.family
        ]
        return bars(title, _told(given), "µs", given)

    return draw


def _shown(name: str, words: str) -> Callable[[Part], str]:
    return lambda _: f"![{words}; the same numbers are in the table below.](images/{name}.svg)"


def _told(given: list[Bar]) -> str:
    return "; ".join(f"{bar.label}, {bar.group}: {bar.value:.0f} µs" for bar in given)


SLOTS: dict[str, Callable[[Part], str]] = {
    "where": where,
    "absent": _absent,
    "targets": lambda part: tables.targets(part["rows"]),
    "calls": lambda part: tables.calls(part["rows"]),
    "planned": _planned,
    "threads": lambda part: tables.threads(part["rows"]),
    "limits": lambda part: tables.limits(part["rows"]),
    "signing": lambda part: tables.signing_in(part["rows"]),
    "reading": lambda part: tables.reading(part["rows"]),
    "writing": lambda part: tables.writing(part["rows"]),
    "awaiting": lambda part: tables.awaiting(part["rows"]),
    "rates": http_tables.rates,
    "latencies": http_tables.latencies,
    "errors": http_tables.errors,
    "added_by_user": _shown("added-by-user", "What request.user adds to a request, by subject"),
    "added_by_auser": _shown("added-by-auser", "What await request.auser() adds, by subject"),
    "per_second": _shown("requests-per-second", "Requests per second by connections and server"),
    "read_by_size": _shown("read-by-size", "What request.user costs by the number of sessions"),
    "reads": growth_tables.reads,
    "sizes": growth_tables.sizes,
    "users": growth_tables.users,
    "purges": growth_tables.purges,
    "beside": growth_tables.beside,
}

PICTURES: dict[str, tuple[str, Callable[[Part], str]]] = {
    "added-by-user": (
        "requests",
        _added(WSGI, "What request.user adds to a request, in microseconds (WSGI)"),
    ),
    "added-by-auser": (
        "requests",
        _added(ASGI, "What await request.auser() adds to a request, in microseconds (ASGI)"),
    ),
    "requests-per-second": ("http", http_tables.picture),
    "read-by-size": ("growth", growth_tables.picture),
}


def slots() -> Iterator[tuple[str, str]]:
    """Go through the slots of the template: the part and the name of each."""
    for slot in _slot.finditer(TEMPLATE.read_text(encoding="utf-8")):
        yield slot[1], slot[2]

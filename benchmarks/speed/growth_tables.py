"""The tables and the picture of what grows."""

from collections.abc import Iterator
from typing import Any

from benchmarks.speed.picture import Panel, Series, lines
from benchmarks.speed.tables import span, table

Part = dict[str, Any]

MOST_GROWTH = 1.3
MOST_MEMORY = 50
"""MB."""
MOST_STATEMENT = 1
"""Seconds."""


def reads(part: Part) -> str:
    """Return what a read costs by the number of sessions, and by how much that grows."""
    sizes, by_database = _reads(part)
    head = ("sessions in", *(f"{size:,}" for size in sizes), "largest / smallest", "at most", "")
    return table(
        head,
        (
            (
                database,
                *(span(row) for row in rows),
                f"{growth:.2f}",
                str(MOST_GROWTH),
                "met" if growth <= MOST_GROWTH else "missed",
            )
            for database, rows in by_database.items()
            for growth in [rows[-1]["wall"] / rows[0]["wall"]]
        ),
    )


def sizes(part: Part) -> str:
    """Return the bytes of a session."""
    head = ("", "in", "rows", "bytes per session", "of these, indexes")
    return table(
        head,
        (
            (
                row.get("whose", "frontdesk, database"),
                row["database"],
                f"{row['rows']:,}",
                f"{(row['table'] + row['indexes']) / row['rows']:.0f}",
                f"{row['indexes'] / row['rows']:.0f}",
            )
            for row in part["bytes"]
        ),
    )


def users(part: Part) -> str:
    """Return what it takes to list and to end the sessions of one user."""
    head = ("sessions of the user", "in", "list, ms", "statements", "end, ms", "statements")
    return table(
        head,
        (
            (
                f"{row['sessions']:,}",
                row["database"],
                f"{row['list']:.1f}",
                str(row["statements"]["list"]),
                f"{row['end']:.1f}",
                str(row["statements"]["end"]),
            )
            for row in part["users"]
        ),
    )


def purges(part: Part) -> str:
    """Return what a purge takes, and what it does to others."""
    head = ("", "in", "rows", "seconds", "statements", "longest, s", "memory, MB", "left", "")
    return table(head, (_purge(row) for row in part["purges"]))


def _purge(row: Part) -> tuple[str, ...]:
    met = row["memory"] < MOST_MEMORY and row["longest"] < MOST_STATEMENT and row["left"] == 0
    word = "met" if met else "missed"
    return (
        f"{row['whose']}: `{row['command']}`",
        row["database"],
        f"{row['rows']:,}",
        f"{row['seconds']:.1f}",
        f"{row['statements']:,}",
        f"{row['longest']:.3f}",
        f"{row['memory']:.1f}",
        f"{row['left']:,}",
        word if row["whose"].startswith("frontdesk") else "",
    )


def beside(part: Part) -> str:
    """Return what people notice of a purge."""
    head = ("beside the purge of", "in", "request", "p50, ms", "p99, ms", "longest, ms", "failed")
    return table(head, (line for row in part["purges"] for line in _beside(row)))


def _beside(row: Part) -> Iterator[tuple[str, ...]]:
    for page, title in (("user", "`request.user`"), ("write", "write one key")):
        before, during = row["before"][page], row["beside"][page]
        yield (
            row["whose"],
            row["database"],
            title,
            f"{before['p50']:.1f} -> {during['p50']:.1f}",
            f"{before['p99']:.1f} -> {during['p99']:.1f}",
            f"{before['most']:.0f} -> {during['most']:.0f}",
            str(row["beside"]["failed"]) if page == "write" else "",
        )


def picture(part: Part) -> str:
    """Return what a read costs by the number of sessions, a panel a database."""
    sizes_, by_database = _reads(part)
    values = [[row["wall"] for row in rows] for rows in by_database.values()]
    return lines(
        "request.user by the number of sessions in the table, in microseconds",
        reads(part),
        "µs",
        [Panel(database, [f"{size:,}" for size in sizes_]) for database in by_database],
        [Series("frontdesk, database", "frontdesk", second=False, values=values)],
    )


def _reads(part: Part) -> tuple[list[int], dict[str, list[Part]]]:
    by_database: dict[str, list[Part]] = {}
    for row in part["reads"]:
        by_database.setdefault(row["database"], []).append(row)
    return list(dict.fromkeys(row["sessions"] for row in part["reads"])), by_database

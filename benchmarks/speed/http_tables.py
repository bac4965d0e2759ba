"""The tables and the picture of requests over HTTP."""

from typing import Any

from benchmarks.speed.picture import Panel, Series, lines
from benchmarks.speed.tables import table

Rows = list[dict[str, Any]]


def rates(part: dict[str, Any]) -> str:
    """Return requests per second by server, subject and number of connections."""
    return _grid(part["rows"], "requests/s at", lambda row: f"{row['rate']:,.0f}")


def latencies(part: dict[str, Any]) -> str:
    """Return the median and the 99th percentile, in milliseconds."""
    return _grid(part["rows"], "p50 / p99 at", lambda row: f"{row['p50']:.1f} / {row['p99']:.1f}")


def errors(part: dict[str, Any]) -> str:
    """Say how many answers were wrong or missing."""
    failed = sum(row["errors"] for row in part["rows"])
    asked = sum(row["requests"] for row in part["rows"])
    return f"{asked:,} requests were answered; {failed:,} answers were errors or did not come."


def picture(part: dict[str, Any]) -> str:
    """Return requests per second as lines, a panel a server."""
    rows = part["rows"]
    servers, connections = _known(rows, "server"), _known(rows, "connections")
    found = {(row["subject"], row["server"], row["connections"]): row["rate"] for row in rows}
    series, kinds = [], []
    for name in _known(rows, "subject"):
        contestant = name.partition(" / ")[0]
        kind = contestant.partition(",")[0].lower() if "," in contestant else "none"
        values = [[found.get((name, server, n)) for n in connections] for server in servers]
        series.append(Series(contestant, kind, kind in kinds, values))
        kinds.append(kind)
    return lines(
        "Requests per second over HTTP, by the number of connections",
        f"{rates(part)}",
        "per s",
        [Panel(server, [str(n) for n in connections]) for server in servers],
        series,
    )


def _grid(rows: Rows, what: str, cell: Any) -> str:
    connections = _known(rows, "connections")
    head = ("", "server", *(f"{what} {n}" for n in connections))
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        found.setdefault((row["server"], row["subject"]), []).append(cell(row))
    return table(
        head,
        (
            (subject.partition(" / ")[0], server, *cells)
            for (server, subject), cells in found.items()
        ),
    )


def _known(rows: Rows, name: str) -> list[Any]:
    return list(dict.fromkeys(row[name] for row in rows))

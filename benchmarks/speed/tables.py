"""Tables in Markdown, from the rows of a part."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmarks.speed.calls import OWNERS
from benchmarks.speed.operations import NEITHER, TITLES
from benchmarks.speed.subjects import (
    ASGI,
    DATABASES,
    DESK_DATABASE,
    STOCK_DB,
    SUBJECTS,
    WSGI,
    Subject,
)
from benchmarks.speed.targets import Verdict, verdicts

Rows = list[dict[str, Any]]

LIMITED = {name: TITLES[name] for name in ("driver", "statement")}
READING = (NEITHER, "session", "user")
WRITING = ("write", "sign_in", "sign_out", "list", "end_others", "purge")


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))


def targets(rows: Rows) -> str:
    """Return the table of targets."""
    head = ("what is compared", "target", "stretch", "measured", "added, µs", "")
    return table(head, (_target(verdict) for verdict in verdicts(rows)))


def reading(rows: Rows) -> str:
    """Return what reading costs, by WSGI."""
    return _reading(rows, WSGI)


def awaiting(rows: Rows) -> str:
    """Return what reading and writing a key cost in an async view."""
    return _reading(rows, ASGI, "write")


def limits(rows: Rows) -> str:
    """Return how near to what cannot be avoided a request comes, by WSGI."""
    head = ("users and sessions in", *LIMITED.values(), TITLES["user"], "Django, db")
    lines = []
    costs = {name: added(rows, WSGI, name) for name in (*LIMITED, "user")}
    for database, title in DATABASES.items():
        ours, theirs = (Subject(each, database).id for each in (DESK_DATABASE, STOCK_DB))
        cells = [costs[name].get(ours) for name in (*LIMITED, "user")]
        cells.append(costs["user"].get(theirs))
        lines.append((title, *("-" if cell is None else f"{cell:.0f}" for cell in cells)))
    return table(head, lines)


def signing_in(rows: Rows) -> str:
    """Return how much of a sign-in is Django's own part, by WSGI."""
    own, whole = added(rows, WSGI, "credentials"), added(rows, WSGI, "sign_in")
    head = ("users in", TITLES["credentials"], DESK_DATABASE.name, STOCK_DB.name)
    return table(head, _beside(own, whole))


def threads(rows: Rows) -> str:
    """Return how near to what cannot be avoided an async view comes, by ASGI."""
    own, whole = added(rows, ASGI, "driver"), added(rows, ASGI)
    head = ("users and sessions in", TITLES["driver"], DESK_DATABASE.name, STOCK_DB.name)
    return table(head, _beside(own, whole))


def calls(rows: Rows) -> str:
    """Return how many calls each request makes beyond those of the bare page, by whose code makes them."""
    bare, *others = rows
    head = ("", "users in", "", "all", *OWNERS)
    lines = []
    for row in others:
        name, _, database = row["subject"].partition(" / ")
        more = {owner: row["calls"][owner] - bare["calls"][owner] for owner in OWNERS}
        numbers = (sum(more.values()), *more.values())
        lines.append((name, DATABASES[database], TITLES[row["operation"]], *map(str, numbers)))
    return table(head, lines)


def writing(rows: Rows) -> str:
    """Return what everything else costs."""
    found = _found(rows, WSGI)
    head = ("", "users in", *(TITLES[name] for name in WRITING))
    lines = [
        (
            subject.contestant.name,
            DATABASES[subject.database],
            *(span(found[subject.id].get(name)) for name in WRITING),
        )
        for subject in SUBJECTS
        if subject.family and subject.id in found
    ]
    return table(head, lines)


def subjects_in(rows: Rows, colour: str) -> list[Subject]:
    """Return the subjects that were measured in a colour, in their order."""
    found = _found(rows, colour)
    return [subject for subject in SUBJECTS if subject.id in found]


def added(rows: Rows, colour: str, operation: str = "user") -> dict[str, float]:
    """Return for each subject what an operation adds to the page without sessions, in microseconds."""
    found = _found(rows, colour)
    bare = found[SUBJECTS[0].id][NEITHER]["wall"]
    return {
        name: by_operation[operation]["wall"] - bare
        for name, by_operation in found.items()
        if operation in by_operation
    }


def span(row: dict[str, Any] | None) -> str:
    """Return a median and its quartiles."""
    if row is None:
        return "-"
    low, high = row["quartiles"]
    digits = 1 if row["wall"] < 100 else 0
    return f"{row['wall']:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def _reading(rows: Rows, colour: str, *more: str) -> str:
    found, costs = _found(rows, colour), added(rows, colour)
    user = "`await request.auser()`" if colour == ASGI else TITLES["user"]
    names = (NEITHER, "session", *more, "user")
    titles = [user if name == "user" else TITLES[name] for name in names]
    head = ("", "users in", *titles, "added", "CPU")
    lines = [
        (
            subject.contestant.name,
            DATABASES[subject.database] if subject.family else "",
            *(span(found[subject.id].get(name)) for name in names),
            f"{costs[subject.id]:.0f}" if subject.family else "",
            f"{found[subject.id]['user']['cpu']:.0f}",
        )
        for subject in subjects_in(rows, colour)
    ]
    return table(head, lines)


def _beside(own: dict[str, float], whole: dict[str, float]) -> Iterator[tuple[str, ...]]:
    for database, title in DATABASES.items():
        ours, theirs = (Subject(each, database).id for each in (DESK_DATABASE, STOCK_DB))
        cells = (own.get(ours), whole.get(ours), whole.get(theirs))
        if any(cells):
            yield (title, *("-" if cell is None else f"{cell:.0f}" for cell in cells))


def _found(rows: Rows, colour: str) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["colour"] == colour:
            found.setdefault(row["subject"], {})[row["operation"]] = row
    return found


def _target(verdict: Verdict) -> tuple[str, ...]:
    target, row = verdict
    unit = "" if target.theirs else " µs"
    cells = (f"{target.most}{unit}", f"{target.stretch}{unit}")
    if row is None:
        return (target.title, *cells, "", "", verdict.word)
    if target.theirs is None:
        said = (f"{row['measured']:.1f} µs", f"{row['ours']:.0f}")
        return (target.title, *cells, said[0], f"{said[1]} to {row['bare']:.0f}", verdict.word)
    low, high = (_as_fraction(each) for each in row["quartiles"])
    ratio = f"{_as_fraction(row['measured'])} ({high} - {low})"
    return (target.title, *cells, ratio, f"{row['ours']:.0f}, {row['theirs']:.0f}", verdict.word)


def _as_fraction(ratio: float) -> str:
    return f"1/{1 / ratio:.1f}" if 0 < ratio < 1 else f"{ratio:.2f}"

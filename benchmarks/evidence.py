"""Makes the chart and the table of each page of docs/evidence/ from the files of docs/evidence/data/.

    make charts

Nothing is measured. The programs that measure call this for their page.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from benchmarks import report
from benchmarks.charts import Bar, Chart, svg

Row = dict[str, str]
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class Shown(NamedTuple):
    """What a page shows of what was measured."""

    chart: Chart
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    files: Sequence[str]
    """The files with all rows."""
    note: str = ""


def benchmarks() -> Shown:
    ours = {
        ("SQLite", "frontdesk, database"): "frontdesk, database (SQLite)",
        ("PostgreSQL", "frontdesk, database"): "frontdesk, database (PostgreSQL)",
        ("Redis", "frontdesk, Redis"): "frontdesk, Redis",
        ("file", "frontdesk, file"): "frontdesk, file",
    }
    theirs = {
        ("SQLite", "Django, db"): "Django, db (SQLite)",
        ("PostgreSQL", "Django, db"): "Django, db (PostgreSQL)",
        ("Redis", "Django, cache on Redis"): "Django, cache (Redis)",
        ("file", "Django, file"): "Django, file",
    }
    found = {
        (row["group"], row["subject"], row["operation"]): row for row in report.read("benchmarks")
    }
    bars = [
        Bar(
            label,
            float(row["median"]),
            f"{float(row['median']):.0f} µs",
            subject in ours,
            (float(row["lower"]), float(row["upper"])) if row["lower"] else None,
        )
        for subject, label in (ours | theirs).items()
        for row in [found[*subject, "user"]]
    ]
    chart = Chart(
        "What request.user adds to a request",
        f"Bars of processor time. {in_words(by_value(bars))}",
        "microseconds of processor time, median (line: quartiles); less is better",
        by_value(bars),
    )
    operations = ("neither", "user", "write", "sign_in")
    rows = [
        [label, *(f"{float(found[*subject, each]['median']):.0f}" for each in operations)]
        for subject, label in (ours | theirs).items()
    ]
    targets = [row for row in report.read("benchmarks-ratios") if row["target"]]
    met = sum(float(row["median"]) >= float(row["target"]) for row in targets)
    shares = "; ".join(
        f"1/{row['median']} ({row['group']})"
        for row in report.read("benchmarks-ratios")
        if (row["subject"], row["other"]) == ("frontdesk, database", "Django, db")
    )
    small, large = report.read("benchmarks-growth")
    few, many = (f"{float(row['median']):.0f} µs" for row in (small, large))
    return Shown(
        chart,
        ("added µs, median", "touches neither", "`request.user`", "writes a key", "signs in"),
        rows,
        ("benchmarks", "benchmarks-ratios", "benchmarks-growth"),
        "With frontdesk's database storage, `request.user` adds this share of what it adds with Django's "
        f"`db` engine: {shares}. "
        f"With {int(large['sessions']):,} sessions in SQLite, `request.user` adds {many}, and with "
        f"{int(small['sessions']):,} it adds {few}. Of the {len(targets)} ratios that have a target, "
        f"{met} meet it.",
    )


def races() -> Shown:
    ours, theirs = report.read("races"), report.read("races-django")
    wanted = ("SQLite (WAL)", "Redis", "cache on Redis", "files")
    bars = []
    for row in [*ours, *theirs]:
        django = row in theirs
        if row["probe"] == "keys" and (django or row["storage"] in wanted):
            lost, writes = int(row["lost"]), int(row["operations"])
            label = row["storage"] if django else f"frontdesk, {row['storage']}"
            share = 100 * lost / writes
            bars.append(Bar(label, share, f"{lost:,} of {writes:,}", not django))
    chart = Chart(
        "Acknowledged writes that are lost",
        f"Bars of the share of lost writes. {in_words(by_value(bars))}",
        "% of acknowledged writes to keys of their own (probe: keys); less is better",
        by_value(bars),
    )
    counts = ("operations", "lost", "revived", "signed out", "wrong user", "errors")
    rows = [
        [storage, *(total(group, name) for name in counts), max(int(r["p99 ms"]) for r in group)]
        for storage, group in grouped(ours, "storage").items()
    ]
    return Shown(
        chart,
        ("frontdesk on", *counts, "slowest p99, ms"),
        rows,
        ("races", "races-django"),
        f"Sessions that came back (probe: sign-out): {of_all(ours, theirs, 'sign-out', 'revived')}. "
        f"Writes that were lost (probe: keys): {of_all(ours, theirs, 'keys', 'lost')}.",
    )


def of_all(ours: Iterable[Row], theirs: Iterable[Row], probe: str, what: str) -> str:
    """Return how often it happened in a probe: to frontdesk as a whole, and to each of Django's engines."""
    mine = [row for row in ours if row["probe"] == probe]
    groups = {"frontdesk, all storages": mine}
    groups |= grouped((row for row in theirs if row["probe"] == probe), "storage")
    return "; ".join(
        f"{name}: {total(group, what):,} of {total(group, 'operations'):,}"
        for name, group in groups.items()
    )


def outages() -> Shown:
    found = grouped(report.read("outages"), "storage")
    bars = []
    for storage, group in found.items():
        slowest = max(group, key=lambda row: float(row["slowest s"]))
        text = f"{slowest['slowest s']} s ({slowest['fault']})"
        bars.append(Bar(storage, float(slowest["slowest s"]), text))
    chart = Chart(
        "The slowest response during a fault",
        f"Bars of the slowest response. {in_words(by_value(bars))}",
        "seconds, the slowest of all faults and both servers; less is better",
        by_value(bars),
    )
    rows = []
    for storage, group in found.items():
        kept = [row for row in group if row["forgets"] == "no"]
        forgotten = total(group, "signed out") - total(kept, "signed out")
        rows.append(
            [
                storage,
                len(group),
                *(total(group, name) for name in ("requests", "503", "other")),
                total(kept, "signed out"),
                forgotten,
                total(group, "lost") + total(group, "twice"),
                total(group, "revived") + total(group, "wrong user"),
            ]
        )
    head = ("storage", "faults", "requests", "503", "other errors", "signed out")
    head += ("forgotten", "lost or twice", "revived or wrong user")
    return Shown(chart, head, rows, ("outages",))


def migration() -> Shown:
    found = grouped(report.read("migration"), "engine")
    bars = []
    for engine, group in found.items():
        number = sum(int(row["imported"] or 0) for row in group)
        bars.append(Bar(f"from {engine}", number, f"{number:,} of {int(group[0]['sessions']):,}"))
    chart = Chart(
        "Sessions that the command moved",
        "Bars of the sessions that frontdesk import moved; the others moved with the next request of "
        f"their user. {in_words(by_value(bars))}",
        "sessions moved by the command; the others moved with a request",
        by_value(bars),
        reach=max(int(group[0]["sessions"]) for group in found.values()),
    )
    counts = ("requests", "signed out", "wrong user", "lost value", "cookie taken", "errors")
    rows = [[engine, *(total(group, name) for name in counts)] for engine, group in found.items()]
    return Shown(chart, ("from and back to", *counts), rows, ("migration",))


def throttle() -> Shown:
    attacks, times = report.read("throttle-attacks"), report.read("throttle-times")
    bars = [
        Bar(
            row["answer"],
            float(row["median"]),
            f"{row['median']} ms",
            spread=(float(row["lower"]), float(row["upper"])),
        )
        for row in times
    ]
    chart = Chart(
        "How long the answer to a password takes",
        f"Bars of time. {in_words(bars)}",
        "milliseconds, median (line: quartiles)",
        bars,
    )
    columns = ("attempts", "seconds", "checked", "throttle rows", "throttle KB")
    columns += ("history rows", "history KB")
    rows = [[row["attack"], *(row[name] for name in columns)] for row in attacks]
    worst = min(times[1:], key=lambda row: float(row["p"]))
    shares = "; ".join(
        f"{row['answer']} {float(row['longer than the first']):.0%}" for row in times[1:]
    )
    return Shown(
        chart,
        ("attack", *columns),
        rows,
        ("throttle-attacks", "throttle-times"),
        "Compared with a wrong password of a known account, an answer took longer in this share of the "
        f"pairs: {shares}. The smallest p-value is {worst['p']}.",
    )


def django_suites() -> Shown:
    bars = []
    for row in report.read("django-suites"):
        tests, failed = int(row["tests"]), int(row["failed"])
        label = f"Django {row['Django']}, {row['storage']} storage"
        bars.append(Bar(label, tests - failed, f"{tests - failed:,} of {tests:,}"))
    chart = Chart(
        "Tests of Django that pass with frontdesk",
        f"Bars of passed tests. {in_words(by_value(bars))}",
        "tests that pass",
        by_value(bars),
    )
    failures = grouped(report.read("django-suites-failures"), "reason")
    rows = [[f"[{reason}](#{anchor(reason)})", len(group)] for reason, group in failures.items()]
    return Shown(
        chart, ("why a test fails", "tests"), rows, ("django-suites", "django-suites-failures")
    )


PAGES: dict[str, Callable[[], Shown]] = {
    "benchmarks": benchmarks,
    "races": races,
    "outages": outages,
    "migration": migration,
    "throttle": throttle,
    "django-suites": django_suites,
}


def draw(page: str) -> None:
    """Write the chart of a page, and the page."""
    image, text = drawn(page)
    (report.IMAGES / f"{page}.svg").write_text(image, "utf-8")
    path = report.EVIDENCE / f"{page}.md"
    path.write_text(text, "utf-8")
    print(f"Written: {path}")


def drawn(page: str) -> tuple[str, str]:
    """Return the chart of a page, and the page with the chart and the table between its marks."""
    shown = PAGES[page]()
    files = [f"[{name}.csv](data/{name}.csv)" for name in shown.files]
    lines = [f"![{shown.chart.description}](../images/{page}.svg)"]
    lines += ["", *report.table(shown.head, shown.rows), ""]
    lines += [shown.note, ""] if shown.note else []
    lines += [*measured(shown.files), "", f"All rows: {', '.join(files)}."]
    path = report.EVIDENCE / f"{page}.md"
    before, found, rest = path.read_text("utf-8").partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise ValueError(f"{path} has no lines {BEGIN} and {END}.")
    return svg(shown.chart), "\n".join([before + BEGIN, "", *lines, "", END + after])


def measured(files: Iterable[str]) -> list[str]:
    """Return what is known about the runs of all rows, and which rows are whose if there are several."""
    runs: dict[str, dict[str, None]] = {}
    for name in files:
        rows = [row for row in report.read(name) if "commit" in row]
        of_file = by_run(rows)
        for run, group in of_file.items():
            part = "" if len(of_file) == 1 else f" ({', '.join(group)})"
            runs.setdefault(run, {})[f"{name}.csv{part}"] = None
    if len(runs) == 1:
        return [f"Measured {next(iter(runs))}".strip()]
    return [f"- {', '.join(parts)}: measured {run}".strip() for run, parts in runs.items()]


def by_run(rows: Iterable[Row]) -> dict[str, dict[str, None]]:
    """Return what the first column of the rows of each run has."""
    runs: dict[str, dict[str, None]] = {}
    for row in rows:
        run = str(report.Run(*(row[field] for field in report.Run._fields)))
        runs.setdefault(run, {})[next(iter(row.values()))] = None
    return runs


def grouped(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups


def total(rows: Iterable[Row], column: str) -> int:
    return sum(int(row[column]) for row in rows)


def by_value(bars: Iterable[Bar]) -> list[Bar]:
    return sorted(bars, key=lambda bar: bar.value)


def in_words(bars: Iterable[Bar]) -> str:
    return "; ".join(f"{bar.label}: {bar.text}" for bar in bars) + "."


def anchor(heading: str) -> str:
    return "".join(c for c in heading.lower() if c.isalnum() or c in " -_").replace(" ", "-")


def main() -> int:
    """Make all pages again."""
    for page in PAGES:
        draw(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())

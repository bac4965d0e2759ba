"""The figures of the README are those that were measured."""

import csv

from tests.docs.pages import ROOT, prose

README = " ".join(prose(ROOT / "README.md").split())


def rows(name, **wanted):
    """The rows of a file below docs/evidence/data/ whose columns have these values."""
    path = ROOT / "docs" / "evidence" / "data" / f"{name}.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if wanted.items() <= row.items()]


def summed(found, column):
    return sum(int(row[column]) for row in found)


def test_no_ended_session_came_back():
    found = rows("races", probe="sign-out")
    assert f"Of {summed(found, 'operations'):,} sessions that were signed out" in README
    assert summed(found, "revived") == 0


def test_so_many_came_back_with_django():
    (row,) = rows("races-django", probe="sign-out", storage="Django, cache (Redis)")
    assert f"`cache` engine, [{row['revived']} of {row['operations']}](" in README


def test_no_write_was_lost():
    found = rows("races", probe="keys")
    assert f"Of {summed(found, 'operations'):,} writes by concurrent requests" in README
    assert summed(found, "lost") == 0


def test_so_many_were_lost_with_django():
    (row,) = rows("races-django", probe="keys", storage="Django, db (SQLite)")
    assert f"`db` engine, [{int(row['lost']):,} of {int(row['operations']):,}](" in README


def test_the_user_of_a_request_costs_so_much_less():
    subjects = {"subject": "frontdesk, database", "other": "Django, db"}
    for group in ("SQLite", "PostgreSQL"):
        (row,) = rows("benchmarks-ratios", group=group, **subjects)
        assert f"1/{row['median']}" in README

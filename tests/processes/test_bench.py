"""``make bench`` in short: every subject that can be measured here is, and the page says what was found.

The numbers of so short a run mean nothing; which ones there are, and what becomes of them, does.
"""

import json
import statistics
import subprocess
import sys
from contextlib import closing
from fractions import Fraction

import pytest

from benchmarks.speed import (
    calls,
    growth,
    head_to_head,
    over_http,
    page,
    picture,
    profile,
    results,
    tables,
    targets,
)
from benchmarks.speed.operations import LIMITS, OF_A_USER, OPERATIONS
from benchmarks.speed.places import missing
from benchmarks.speed.subjects import (
    ASGI,
    DESK_DATABASE,
    DESK_PREPARED,
    STOCK_DB,
    SUBJECTS,
    WSGI,
    Subject,
)
from benchmarks.speed.worker import WrongAnswer, checked
from tests import services
from tests.docs.pages import ROOT


def measured(part, folder):
    """Make a short run of one part: its numbers in results/, its page and pictures in docs/."""
    where = ["--docs", f"{folder}/docs", "--results", f"{folder}/results", "--raw", f"{folder}/raw"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--quick", "--only", part, *where],
        cwd=ROOT,
        env=services.child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads((folder / "results" / f"{part}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The directory of a short run of requests."""
    folder = tmp_path_factory.mktemp("bench")
    measured("requests", folder)
    return folder


@pytest.fixture(scope="module")
def requests(run):
    return json.loads((run / "results" / "requests.json").read_text(encoding="utf-8"))


def measurable():
    return [(s, colour) for s in SUBJECTS for colour in s.colours if not missing(s, colour)]


# --- the run ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_subject_is_measured_or_said_to_be_missing(requests):
    everybody = {f"{s.id} ({colour})" for s in SUBJECTS for colour in s.colours}
    found = {f"{row['subject']} ({row['colour']})" for row in requests["rows"]}
    assert found == {f"{s.id} ({colour})" for s, colour in measurable()}
    assert found | set(requests["absent"]) == everybody
    assert not found & set(requests["absent"])


@pytest.mark.slow
@pytest.mark.parametrize("colour", [WSGI, ASGI])
def test_ours_does_all_that_there_is_to_do(colour, requests):
    done = {}
    for row in requests["rows"]:
        if row["colour"] == colour:
            done.setdefault(row["subject"], set()).add(row["operation"])
    operations = {operation.name for operation in OPERATIONS if colour in operation.colours}
    ours = [s for s, in_colour in measurable() if s.family == "frontdesk" and in_colour == colour]
    assert ours
    for subject in ours:
        assert operations - done[subject.id] <= {"purge", *LIMITS}
        is_database = subject.contestant in (DESK_DATABASE, DESK_PREPARED)
        assert (done[subject.id] >= LIMITS & operations) == is_database
    stock = [s for s, in_colour in measurable() if s.family == "django" and in_colour == colour]
    assert stock
    assert not any(done[subject.id] & OF_A_USER for subject in stock)


@pytest.mark.slow
def test_each_row_tells_of_requests_that_took_time(requests):
    for row in requests["rows"]:
        low, high = row["quartiles"]
        assert 0 < low <= row["wall"] <= high, row
        assert row["cpu"] > 0
        assert row["requests"] >= row["rounds"] >= 1


@pytest.mark.slow
def test_the_page_has_a_line_for_each_subject_and_the_pictures_that_it_shows(run):
    text = (run / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for colour, heading in ((WSGI, "## Requests by WSGI"), (ASGI, "## Requests by ASGI")):
        section = text.partition(heading)[2].partition("\n## ")[0]
        lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
        assert len(lines) == sum(in_colour == colour for _, in_colour in measurable())
    for name in ("added-by-user.svg", "added-by-auser.svg"):
        assert f"(images/{name})" in text
        assert (run / "docs" / "images" / name).read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.slow
@pytest.mark.needs("postgresql")
def test_nothing_is_left_in_the_databases(run):
    import psycopg

    url = services.POSTGRESQL
    with closing(
        psycopg.connect(host=url.hostname, port=url.port, user=url.username, dbname="postgres")
    ) as connection:
        names = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{services.RUN}_speed%"]
        ).fetchall()
    assert names == []


@pytest.mark.slow
@pytest.mark.needs("postgresql", "redis")
def test_the_calls_of_a_request_are_told_by_whose_code_makes_them(tmp_path):
    part = measured("profile", tmp_path)
    assert not part["absent"]
    made = {(row["subject"], row["operation"]): row["calls"] for row in part["rows"]}
    assert len(made) == sum(len(request.contestants) for request in profile.LOOKED_INTO)
    for (subject, _), found in made.items():
        assert bool(found["frontdesk"]) == subject.startswith("frontdesk")
        assert found["Django"]
    ours, theirs = (made[Subject(each).id, "user"] for each in (DESK_DATABASE, STOCK_DB))
    assert sum(ours.values()) < sum(theirs.values())
    assert 0 < part["planned"]["execution"] < 1e6
    assert 0 < part["planned"]["planning"] < 1e6


@pytest.mark.slow
@pytest.mark.needs("wrk", "postgresql", "redis")
def test_each_subject_answers_over_http(tmp_path):
    part = measured("http", tmp_path)
    effort = over_http.QUICK
    assert not part["absent"]
    asked = {(row["subject"], row["connections"]) for row in part["rows"]}
    assert asked == {(s.id, n) for s in over_http.SUBJECTS for n in effort.connections}
    for row in part["rows"]:
        assert row["errors"] == 0, row
        assert row["rate"] > 0
        assert 0 < row["p50"] <= row["p99"]
    assert "images/requests-per-second.svg" in (tmp_path / "docs" / "benchmarks.md").read_text()
    assert (tmp_path / "docs" / "images" / "requests-per-second.svg").is_file()


@pytest.mark.slow
@pytest.mark.needs("postgresql")
def test_tables_grow_and_are_purged(tmp_path):
    part = measured("growth", tmp_path)
    effort = growth.QUICK
    found = {name: [row["database"] for row in part[name]] for name in ("reads", "users")}
    assert found == {
        "reads": ["SQLite"] * len(effort.sizes) + ["PostgreSQL"] * len(effort.sizes),
        "users": ["SQLite"] * len(effort.of_a_user) + ["PostgreSQL"] * len(effort.of_a_user),
    }
    assert all(row["table"] > 100 * row["rows"] for row in part["bytes"])
    assert len(part["purges"]) == 6  # ours, ours without a history, and Django's, on each
    for row in part["purges"]:
        assert row["left"] == 0
        assert 0 < row["longest"] <= row["seconds"]
        assert row["before"]["failed"] == 0
        assert row["beside"]["user"]["requests"] > 0
    text = (tmp_path / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert text.count("`manage.py frontdesk purge`") == 4
    assert text.count("`manage.py clearsessions`") == 2


# --- what is made of the numbers ----------------------------------------------------------------


def test_a_call_belongs_to_whose_file_it_is_made_in():
    def request():
        statistics.median([1, 2, 3])

    found = calls.counted(request)
    assert set(found) == set(calls.OWNERS)
    assert found["Python"] > 0
    assert found["frontdesk"] == found["Django"] == 0


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("/lib/site-packages/django/db/models/query.py", "Django"),
        ("/lib/site-packages/psycopg/cursor.py", "psycopg"),
        ("/home/django/src/frontdesk/state.py", "frontdesk"),
        ("/home/redis/lib/python3.13/json/decoder.py", "Python"),
        (statistics.__file__, "Python"),
    ],
)
def test_whose_a_file_is_does_not_depend_on_where_the_project_is(file, owner):
    assert calls._owner(file) == owner


def test_a_wrong_answer_is_not_measured():
    class Answer:
        status, body = 200, b"eve"

    assert checked(Answer, b"eve") is Answer
    with pytest.raises(WrongAnswer, match="eve"):
        checked(Answer, b"ada")


BARE, OURS, THEIRS = SUBJECTS[0], Subject(DESK_DATABASE), Subject(STOCK_DB)


def test_a_ratio_is_of_what_is_added_to_the_page_without_sessions_in_the_same_round():
    rounds = [
        {BARE.id: 30 * speed, OURS.id: 80 * speed, THEIRS.id: 430 * speed} for speed in (1, 2, 3)
    ]
    found = head_to_head.compared(rounds, [BARE, OURS, THEIRS])
    assert found["measured"] == pytest.approx(50 / 400)
    assert found["quartiles"] == [pytest.approx(50 / 400)] * 2
    assert (found["bare"], found["ours"], found["theirs"]) == (60, 100, 800)


def test_with_nothing_to_compare_with_it_is_what_is_added_itself():
    found = head_to_head.compared([{BARE.id: 30, OURS.id: 32.5}] * 2, [BARE, OURS])
    assert (found["measured"], found["theirs"]) == (2.5, None)


@pytest.mark.slow
def test_each_target_is_measured_or_said_to_be_missing(tmp_path):
    part = measured("targets", tmp_path)
    assert {row["target"] for row in part["rows"]} | set(part["absent"]) == {
        target.title for target in targets.TARGETS
    }
    for row in part["rows"]:
        low, high = row["quartiles"]
        assert low <= row["measured"] <= high, row
        assert row["rounds"] == head_to_head.QUICK.rounds * head_to_head.QUICK.launches
    text = (tmp_path / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert all(f"| {target.title} |" in text for target in targets.TARGETS)


@pytest.mark.parametrize(
    ("measured", "word"),
    [(None, "not measured"), (0.51, "missed"), (0.5, "met"), (0.25, "met, and the stretch")],
)
def test_a_target_is_met_or_missed(measured, word):
    target = targets.TARGETS[0]._replace(most=Fraction(1, 2), stretch=Fraction(1, 4))
    row = None if measured is None else {"measured": measured}
    assert targets.Verdict(target, row).word == word


def test_each_target_is_about_subjects_that_are_measured():
    ids = {(s.id, colour) for s in SUBJECTS for colour in s.colours}
    for target in targets.TARGETS:
        for contestant in filter(None, (target.ours, target.theirs)):
            assert (f"{contestant.name} / {target.database}", target.colour) in ids


def test_a_summary_is_the_median_and_the_quartiles_of_the_rounds():
    rounds = [{"wall": wall, "cpu": wall / 2, "requests": 7} for wall in (5, 1, 2, 4, 3)]
    assert results.summary(rounds) == {
        "wall": 3,
        "quartiles": [2, 4],
        "cpu": 1.5,
        "rounds": 5,
        "requests": 35,
    }


def test_a_table_has_a_line_for_each_target():
    text = tables.targets([])
    assert text.count("not measured") == len(targets.TARGETS)


def test_a_bar_is_as_long_as_its_number():
    given = [picture.Bar(name, value, "django", "all") for name, value in (("a", 50), ("b", 100))]
    one, two = (
        float(part.partition('"')[0])
        for part in picture.bars("t", "d", "µs", given).split('class="bar django"')[1:]
        for part in [part.partition('width="')[2]]
    )
    assert two == pytest.approx(2 * one, rel=0.01)


def test_what_was_never_measured_is_said_not_to_be():
    text = page.written({})
    assert text.count("Not measured yet") == len(list(page.slots()))


def test_the_page_is_what_the_numbers_in_the_repository_make_of_it():
    """Nobody edits a number by hand; after changing page.md, run ``make bench ARGS=--page``."""
    parts = results.kept_parts()
    assert (page.DOCS / "benchmarks.md").read_text(encoding="utf-8") == page.written(parts)
    for name, drawn in page.pictures(parts).items():
        assert (page.DOCS / "images" / name).read_text(encoding="utf-8") == drawn

"""The pages of docs/evidence: their charts and tables are those of the files of what was measured."""

import subprocess

import pytest

from benchmarks import evidence, report
from benchmarks.charts import Bar, Chart, svg
from tests.docs.pages import below, prose

PAGES = list(evidence.PAGES)


def test_each_page_of_evidence_is_made_from_files():
    index = report.EVIDENCE / "index.md"
    assert sorted(page.stem for page in below(index)) == sorted(PAGES)


def test_each_file_is_shown_on_a_page():
    shown = {name for page in PAGES for name in evidence.PAGES[page]().files}
    assert {path.stem for path in (report.EVIDENCE / "data").iterdir()} == shown


@pytest.mark.parametrize("page", PAGES)
def test_a_chart_and_a_table_are_those_of_the_files(page):
    image, text = evidence.drawn(page)
    assert (report.IMAGES / f"{page}.svg").read_text("utf-8") == image
    assert (report.EVIDENCE / f"{page}.md").read_text("utf-8") == text


@pytest.mark.parametrize("page", PAGES)
def test_a_chart_and_a_table_have_at_most_eight_rows(page):
    shown = evidence.PAGES[page]()
    assert 0 < len(shown.chart.bars) <= 8
    assert 0 < len(shown.rows) <= 8


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_the_question_that_it_answers(page):
    title, question, *_ = prose(report.EVIDENCE / f"{page}.md").split("\n\n")
    assert title.startswith("# ")
    assert question.endswith("?")


def bars(*values):
    return [Bar("a storage", value, f"{value} s") for value in values]


def widths(image):
    lines = [line for line in image.splitlines() if 'class="ours"' in line]
    return [float(line.partition('width="')[2].partition('"')[0]) for line in lines]


def test_the_length_of_a_bar_is_its_share_of_the_longest():
    half, whole = widths(svg(Chart("Title", "What is seen.", "seconds", bars(2, 4))))
    assert half * 2 == pytest.approx(whole, abs=0.2)


def test_an_axis_reaches_the_whole_of_which_a_bar_is_a_part():
    (half,) = widths(svg(Chart("Title", "What is seen.", "sessions", bars(5), reach=10)))
    (whole,) = widths(svg(Chart("Title", "What is seen.", "sessions", bars(10))))
    assert half * 2 == pytest.approx(whole, abs=0.2)


def test_a_bar_of_zero_is_a_line():
    image = svg(Chart("Title", "What is seen.", "seconds", bars(0, 0)))
    assert widths(image) == [1.5, 1.5]


def test_the_text_of_a_chart_is_escaped():
    image = svg(Chart("<b> & more", "What is seen.", "seconds", bars(1)))
    assert "&lt;b&gt; &amp; more" in image
    assert "<b>" not in image


# --- what a run records -------------------------------------------------------------------------

RUN = report.Run("2026-01-01", "0123abcd", "A machine.")


@pytest.fixture
def files(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(report, "EVIDENCE", tmp_path)


def rows_of(name):
    return [(row["storage"], row["requests"], row["commit"]) for row in report.read(name)]


def test_a_run_replaces_its_own_rows_only(files):
    first = [{"storage": "a", "requests": 1}, {"storage": "b", "requests": 2}]
    report.record("some", RUN, first, ["storage"])
    again = RUN._replace(commit="4567cdef")
    report.record("some", again, [{"storage": "a", "requests": 3}], ["storage"])
    assert rows_of("some") == [("a", "3", "4567cdef"), ("b", "2", "0123abcd")]


def test_a_run_of_everything_replaces_all_rows(files):
    report.record("some", RUN, [{"storage": "a", "requests": 1}], ["storage"])
    report.record("some", RUN, [{"storage": "b", "requests": 2}], ["storage"], whole=True)
    assert rows_of("some") == [("b", "2", "0123abcd")]


def test_a_page_says_which_rows_are_of_which_run(files):
    rows = [{"storage": "a", "requests": 1}, {"storage": "b", "requests": 2}]
    report.record("some", RUN, rows, ["storage"])
    assert evidence.measured(["some"]) == [f"Measured {RUN}"]
    again = RUN._replace(commit="4567cdef")
    report.record("some", again, [{"storage": "b", "requests": 3}], ["storage"])
    assert evidence.measured(["some"]) == [
        f"- some.csv (a): measured {RUN}",
        f"- some.csv (b): measured {again}",
    ]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of its own, with one commit."""
    data = tmp_path / "docs" / "evidence" / "data"
    data.mkdir(parents=True)
    (tmp_path / "code.py").write_text("1\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "First"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr(report, "EVIDENCE", tmp_path / "docs" / "evidence")
    monkeypatch.setattr(report, "IMAGES", tmp_path / "docs" / "images")
    return tmp_path


def test_a_run_that_records_names_its_commit(checkout):
    head = ["git", "rev-parse", "--short=8", "HEAD"]
    done = subprocess.run(head, cwd=checkout, capture_output=True, text=True, check=True)
    assert report.begin(records=True).commit == done.stdout.strip()


@pytest.mark.parametrize("name", ["code.py", "another.py"])
def test_a_run_that_records_refuses_a_checkout_with_changes(checkout, name):
    (checkout / name).write_text("2\n")
    with pytest.raises(SystemExit, match=name):
        report.begin(records=True)


def test_a_run_that_records_nothing_says_that_the_checkout_has_changes(checkout):
    (checkout / "code.py").write_text("2\n")
    assert report.begin().commit.endswith("-dirty")


def test_what_runs_write_themselves_is_no_change(checkout):
    (checkout / "docs" / "evidence" / "data" / "some.csv").write_text("a,b\n")
    assert not report.begin(records=True).commit.endswith("-dirty")


def test_a_run_that_records_refuses_what_is_no_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr(report, "EVIDENCE", tmp_path / "docs" / "evidence")
    monkeypatch.setattr(report, "IMAGES", tmp_path / "docs" / "images")
    with pytest.raises(SystemExit, match="no git checkout"):
        report.begin(records=True)

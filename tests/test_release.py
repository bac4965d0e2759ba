"""The version, the changelog, the metadata and the workflows of the host agree."""

import os
import re
import runpy
import subprocess
import tomllib
from itertools import product

import pytest
import yaml

import frontdesk
from tests.docs.pages import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

TITLE = re.compile(r"## (?P<version>\S+) \((unreleased|\d{4}-\d\d-\d\d)\)")


def workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))


def matrix():
    """The pairs of Python and Django that the workflow tests, and that may not fail."""
    job = workflow("tests.yml")["jobs"]["tests"]
    strategy = job["strategy"]["matrix"]
    excluded = [tuple(pair.values()) for pair in strategy["exclude"]]
    pairs = [
        pair for pair in product(strategy["python"], strategy["django"]) if pair not in excluded
    ]
    return [pair for pair in pairs if f"'{pair[0]}'" not in job["continue-on-error"]]


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def classified(prefix):
    found = (re.fullmatch(rf"{prefix} :: (\d+\.\d+)", each) for each in project()["classifiers"])
    return {match[1] for match in found if match}


def test_the_changelog_starts_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first = next(line for line in text.splitlines() if line.startswith("## "))
    assert TITLE.fullmatch(first)["version"] == frontdesk.__version__


def test_the_documentation_has_this_version():
    text = (ROOT / "docs" / "conf.py").read_text("utf-8")
    assert "\nversion = release = frontdesk.__version__\n" in text


def test_the_workflow_tests_the_pythons_and_djangos_of_the_classifiers():
    assert {python for python, _ in matrix()} == classified("Programming Language :: Python")
    assert {django for _, django in matrix()} == classified("Framework :: Django")


def test_the_documentation_names_the_pairs_that_are_tested():
    page = (ROOT / "docs" / "project" / "releases.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d\.\d)(?: LTS)? \| ([\d., ]+) \|$", page, re.MULTILINE)
    named = [(python, django) for django, pythons in rows for python in pythons.split(", ")]
    assert sorted(named) == sorted(matrix())


def test_the_workflow_tests_the_pinned_pairs():
    pinned = (ROOT / "requirements").glob("test-py*-django*.txt")
    pairs = {f"py{python}-django{django}".replace(".", "") for python, django in matrix()}
    assert {path.stem.removeprefix("test-") for path in pinned} <= pairs


def test_the_oldest_version_of_the_matrix_is_the_one_that_is_required():
    python, django = matrix()[0]
    assert project()["requires-python"] == f">={python}"
    assert project()["dependencies"] == [f"Django>={django}"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_action_is_pinned_to_a_commit(path):
    used = re.findall(r"uses: (.*)", path.read_text("utf-8"))
    assert used
    assert [each for each in used if not re.fullmatch(r"\S+@[0-9a-f]{40}  # v[\d.]+", each)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_only_commands_of_make_that_exist(path):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = set(re.findall(r"run: make ([a-z]+)", path.read_text("utf-8")))
    if path.name == "tests.yml":
        commands |= set(workflow(path.name)["jobs"]["checks"]["strategy"]["matrix"]["command"])
    assert commands
    assert [name for name in commands if f"\n{name}: " not in makefile] == []


def test_only_the_job_that_publishes_may_identify_itself_to_the_index():
    for path in WORKFLOWS:
        for name, job in workflow(path.name)["jobs"].items():
            allowed = job.get("permissions", workflow(path.name)["permissions"])
            assert allowed == ({"id-token": "write"} if name == "publish" else {"contents": "read"})


@pytest.mark.parametrize(
    ("tag", "title", "code"),
    [
        ("v1.2.3", "## 1.2.3 (2027-01-31)", 0),
        ("v1.2.4", "## 1.2.3 (2027-01-31)", 1),
        ("v1.2.3", "## 1.2.2 (2027-01-31)", 1),
        ("v1.2.3", "## 1.2.3 (unreleased)", 1),
    ],
)
def test_a_release_needs_the_tag_the_version_and_the_changelog_to_agree(tmp_path, tag, title, code):
    (step,) = (
        step["run"]
        for step in workflow("release.yml")["jobs"]["build"]["steps"]
        if "Compare" in step.get("name", "")
    )
    (tmp_path / "src" / "frontdesk").mkdir(parents=True)
    (tmp_path / "src" / "frontdesk" / "__init__.py").write_text(
        '"""x"""\n\n__version__ = "1.2.3"\n'
    )
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{title}\n")
    environment = os.environ | {"GITHUB_REF_NAME": tag}
    done = subprocess.run(["bash", "-e", "-c", step], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == code


def test_without_any_of_its_pythons_make_dist_says_so(capsys):
    main = runpy.run_path(str(ROOT / ".ci" / "dist.py"))["main"]
    with pytest.raises(SystemExit, match="none of these can be run: no-such-python"):
        main(["no-such-python"])

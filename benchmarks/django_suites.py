"""Runs Django's own tests with frontdesk in place of its sessions; prints what fails.

    make suites
    make suites ARGS="--storage memory"
    make suites ARGS="--storage django auth_tests"

The tests are those of exactly the installed version, from its source distribution, which pip fetches once.
They are copied, and the copies name frontdesk's middlewares where they name Django's, in settings and in
imports. The app's tables are made without migrations, as Django's suite does for auth and sessions.

``--storage django`` changes nothing: what fails there fails for a reason of the machine. Each label runs in
a process of its own, on SQLite. A run of all labels is recorded in docs/evidence/data, and
docs/evidence/django-suites.md is made anew. The exit code is 1 if a test fails that
docs/evidence/data/django-suites-failures.csv does not give a reason for.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

import django

from benchmarks import evidence, report

VERSION = django.get_version()
ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "django-suites"
FAILURES = "django-suites-failures"
"""The file that gives the reason for each failure. It is written by hand."""

LABELS = [
    *("sessions_tests", "auth_tests", "csrf_tests", "messages_tests", "middleware"),
    *("test_client", "test_client_regress", "admin_views", "admin_changelist"),
    *("asgi", "handlers", "cache", "flatpages_tests"),
]

STORAGES = {
    "database": "database.DatabaseStorage",
    "file": "file.FileStorage",
    "memory": "memory.MemoryStorage",
    "cache": "cache.CacheStorage",
    "redis": "redis.RedisStorage",
}

SETTINGS = """
import os
from test_sqlite import *
SESSION_ENGINE = "frontdesk.engine"
FRONTDESK = {{"STORAGE": {{"BACKEND": "frontdesk.storages.{backend}", "OPTIONS": {options!r}}}}}
"""

SWAPS = {
    '"django.contrib.sessions.middleware.SessionMiddleware"': '"frontdesk.middleware.SessionMiddleware"',
    '"django.contrib.auth.middleware.AuthenticationMiddleware"': (
        '"frontdesk.middleware.AuthenticationMiddleware"'
    ),
    "from django.contrib.sessions.middleware import SessionMiddleware": (
        "from frontdesk.middleware import SessionMiddleware"
    ),
}
"""What is exchanged in every file of the tests."""

RUNNER_SWAPS = {
    '    "django.contrib.sessions",\n': '    "django.contrib.sessions",\n    "frontdesk",\n',
    '        "sessions": None,\n': '        "sessions": None,\n        "frontdesk": None,\n',
}
"""What is exchanged in ``runtests.py`` only. Each must be found."""

FAILED = re.compile(r"^(?:FAIL|ERROR): (\w+) \(([\w.]+)\)", re.MULTILINE)
COUNTED = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)


class Result(NamedTuple):
    """What one label gave: how many tests ran, and which failed, as ``module.Class.test``."""

    label: str
    tests: int
    failed: list[str]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("labels", nargs="*", default=LABELS)
    parser.add_argument("--storage", choices=[*STORAGES, "django"], default="database")
    parser.add_argument("--verbose", action="store_true", help="show the tracebacks")
    options = parser.parse_args()
    records = options.labels == LABELS and options.storage != "django"
    this = report.begin(records=records)
    print(this)

    with tempfile.TemporaryDirectory(prefix="frontdesk-suites-") as folder:
        tests = Path(folder) / "tests"
        shutil.copytree(source(), tests)
        if options.storage == "django":
            settings = "test_sqlite"
        else:
            settings = "test_frontdesk"
            swap_in(tests, options.storage, Path(folder))
        results = []
        for label in options.labels:
            results.append(run(tests, settings, label, verbose=options.verbose))
            show(results[-1])
    failed = [name for result in results for name in result.failed]
    number = sum(result.tests for result in results)
    print(f"Django {VERSION}, {options.storage}: {number} tests, {len(failed)} failed")
    unknown = [name for name in failed if name not in known()]
    for name in unknown:
        print(f"  not in {FAILURES}.csv: {name}")
    if records:
        row: dict[str, object] = {
            "Django": VERSION,
            "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "storage": options.storage,
            "tests": number,
            "failed": len(failed),
        }
        report.record("django-suites", this, [row], ["Django", "Python", "storage"])
        evidence.draw("django-suites")
    return int(bool(unknown))


def show(result: Result) -> None:
    print(f"{result.label:20} {result.tests:5} tests {len(result.failed):3} failed", flush=True)
    for name in result.failed:
        print(f"    {name}", flush=True)


def run(tests: Path, settings: str, label: str, *, verbose: bool = False) -> Result:
    """Run one label. Raises ``RuntimeError`` with the output if it did not come to its end."""
    command = [sys.executable, "runtests.py", "--parallel=1", f"--settings={settings}", label]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(tests)])}
    done = subprocess.run(
        command, cwd=tests, env=environment, capture_output=True, text=True, check=False
    )
    if verbose and done.returncode:
        print(done.stderr)
    counted = COUNTED.search(done.stderr)
    if counted is None:
        raise RuntimeError(f"{label} did not run:\n{done.stdout}\n{done.stderr}")
    # Several parts of one test may fail, and each is reported with the name of the test.
    names = {name_of(*found) for found in FAILED.findall(done.stderr)}
    return Result(label, int(counted[1]), sorted(names))


def name_of(test: str, place: str) -> str:
    """``setUpClass`` comes with its class, a test with its whole path."""
    return place if place.endswith(f".{test}") else f"{place}.{test}"


def known() -> set[str]:
    """The names of the failures that have a reason."""
    return {row["test"] for row in report.read(FAILURES)}


# --- the tests ----------------------------------------------------------------------------------


def swap_in(tests: Path, storage: str, folder: Path) -> None:
    """Put frontdesk in the place of Django's sessions, in the copy of the tests."""
    for path in tests.rglob("*.py"):
        # A few files are there to be no valid Python or UTF-8.
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        swapped = exchanged(text, SWAPS)
        if swapped != text:
            path.write_bytes(swapped.encode("utf-8", "surrogateescape"))
    runner = tests / "runtests.py"
    text = runner.read_text("utf-8")
    if lost := [old for old in RUNNER_SWAPS if text.count(old) != 1]:
        raise RuntimeError(f"runtests.py of Django {VERSION} has no single {lost[0]!r}")
    runner.write_text(exchanged(text, RUNNER_SWAPS), "utf-8")
    options: dict[str, object] = {}
    if storage == "file":
        options = {"DIRECTORY": str(folder / "sessions")}
    elif storage == "redis":
        url = os.environ.get("FRONTDESK_TEST_REDIS", "redis://127.0.0.1:6379/0")
        options = {"URL": url, "PREFIX": f"{folder.name}:", "TIMEOUT": 20}
    settings = SETTINGS.format(backend=STORAGES[storage], options=options)
    (tests / "test_frontdesk.py").write_text(settings, "utf-8")


def exchanged(text: str, swaps: dict[str, str]) -> str:
    for old, new in swaps.items():
        text = text.replace(old, new)
    return text


def source() -> Path:
    """The tests of the installed Django; fetched, verified and unpacked at the first run."""
    place = CACHE / VERSION
    if not place.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--no-binary=django", "--dest", name, f"django=={VERSION}"]
            subprocess.run(command, check=True)
            (archive,) = Path(name).glob("*.tar.gz")
            with tarfile.open(archive) as tar:
                # "data" refuses links, devices and paths that lead outside (PEP 706).
                tar.extractall(name, filter="data")
            (Path(name) / f"django-{VERSION}" / "tests").rename(place)
    return place


if __name__ == "__main__":
    sys.exit(main())

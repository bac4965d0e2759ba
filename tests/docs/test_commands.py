"""What the documentation says of make, of the demo and of sizes; and the examples in docstrings."""

import doctest
import importlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from frontdesk.engine import SessionStore
from tests import services
from tests.docs.pages import ROOT
from tests.test_packaging import MODULES


def test_make_alone_lists_the_commands_that_the_documentation_names():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "docs"):
        assert re.search(rf"^  {target} ", listed, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    "storage",
    [
        "database",
        "cache",
        "file",
        *(pytest.param(n, marks=pytest.mark.needs("redis")) for n in ("redis", "cached_database")),
    ],
)
def test_the_demo_serves_and_shuts_down(storage, tmp_path):
    """What "make demo" runs, in the environment of the tests instead of one of its own."""
    recipe = subprocess.run(
        ["make", "--dry-run", "demo", f"STORAGE={storage}", "PORT=8001"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    words = ["example/demo.py", "--storage", storage, "--port", "8001"]
    assert " ".join(words) in recipe

    port = services.free_port()
    words[-1] = str(port)
    environment = {**os.environ, "FRONTDESK_DEMO_VAR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    environment["FRONTDESK_DEMO_REDIS"] = services.REDIS.geturl()
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    demo = subprocess.Popen(
        [sys.executable, "-W", "error", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert answer(demo, port) == 200
        demo.send_signal(signal.SIGINT)
        said, _ = demo.communicate(timeout=30)
    finally:
        if demo.poll() is None:
            services.stop(demo)
    assert demo.returncode == 0, said
    assert f"http://127.0.0.1:{port}/" in said
    assert re.search(r"^  guest +\S+", said, re.MULTILINE)
    assert re.search(r"^  staff +\S+", said, re.MULTILINE)


def answer(demo: subprocess.Popen, port: int) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and demo.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
                return response.status
        except OSError:
            time.sleep(0.1)
    services.stop(demo)
    raise AssertionError(demo.stdout.read() if demo.stdout else "")


def test_a_session_with_nothing_but_a_sign_in_is_a_file_of_less_than_1_kb(settings, tmp_path):
    settings.FRONTDESK = {
        "STORAGE": {
            "BACKEND": "frontdesk.storages.file.FileStorage",
            "OPTIONS": {"DIRECTORY": tmp_path / "sessions"},
        }
    }
    session = SessionStore()
    session.meta = {"REMOTE_ADDR": "2001:db8::" + "1", "HTTP_USER_AGENT": "x" * 255}
    session[SESSION_KEY] = "1234567"
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = "0" * 64
    session.save()
    record, index = sorted(
        path
        for path in (tmp_path / "sessions").rglob("*")
        if path.is_file() and path.parent.parent.name in {"s", "u"}
    )
    assert 0 < record.stat().st_size < 1024
    assert 0 < index.stat().st_size < 1024


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize(("python", "django"), [("3.11", "5.2"), ("3.13", "6.1")])
def test_the_versions_that_are_named_are_the_pinned_ones(python, django):
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"Python {python} with Django {django}" in readme
    tags = python.replace(".", ""), django.replace(".", "")
    pins = ROOT / "requirements" / "test-py{}-django{}.txt".format(*tags)
    assert f"\nDjango=={django}." in pins.read_text(encoding="utf-8")


def test_every_page_is_in_the_source_distribution():
    text = Path(ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"/docs"' in text
    assert 'readme = "README.md"' in text

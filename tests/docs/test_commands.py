"""What the documentation says of make, versions and sizes; and the examples in docstrings."""

import doctest
import importlib
import re
import subprocess

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from frontdesk.engine import SessionStore
from tests.docs.pages import ROOT
from tests.test_packaging import MODULES


@pytest.mark.parametrize("target", ["demo", "test", "site", "lint", "dist"])
def test_make_uses_no_variable_that_is_not_defined(target):
    """An environment without a name would be made in the root directory."""
    command = ["make", "--dry-run", "--warn-undefined-variables", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "undefined variable" not in done.stderr


def test_make_alone_lists_the_commands_that_the_documentation_names():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "docs"):
        assert re.search(rf"^  {target} ", listed, re.MULTILINE)


def test_a_session_with_only_a_sign_in_is_a_file_of_less_than_1_kb(settings, tmp_path):
    options = {"DIRECTORY": tmp_path / "sessions"}
    path = "frontdesk.storages.file.FileStorage"
    settings.FRONTDESK = {"STORAGE": {"BACKEND": path, "OPTIONS": options}}
    session = SessionStore()
    session.meta = {"REMOTE_ADDR": "2001:db8::1", "HTTP_USER_AGENT": "x" * 255}
    session[SESSION_KEY] = "1234567"
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = "0" * 64
    session.save()
    for folder in ("s", "u"):
        (file,) = (path for path in (tmp_path / "sessions" / folder).rglob("*") if path.is_file())
        assert 0 < file.stat().st_size < 1024


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

"""The frameworks are needed only by projects that use them."""

import subprocess
import sys

FRAMEWORKS = {"rest_framework", "drf_spectacular", "ninja"}

LOADED = """
import sys, django
django.setup()
import frontdesk.urls, frontdesk.api.urls, frontdesk.admin
print(*sys.modules)
"""


def loaded(code):
    """Return the packages that are imported after ``code`` in the test project."""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_frontdesk_imports_no_framework(monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    packages = loaded(LOADED)
    assert "frontdesk" in packages
    assert packages & FRAMEWORKS == set()


def test_rest_framework_needs_no_drf_spectacular(monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    without = "import sys, importlib.util as u; find = u.find_spec\n"
    without += (
        "u.find_spec = lambda name, *a: None if name == 'drf_spectacular' else find(name, *a)\n"
    )
    packages = loaded(
        without + LOADED.replace("print", "import frontdesk.contrib.rest_framework\nprint")
    )
    assert packages & FRAMEWORKS == {"rest_framework"}

"""Signing in, and what it costs, with other user models: the same tests, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import services

ROOT = Path(services.__file__).parent.parent
SUITES = [
    "requests/test_login.py",
    "requests/test_counts.py",
    "history/test_facts.py",
    "history/test_rows.py",
]
DATABASES = "database or sqlite or postgresql or mariadb"  # other storages don't know the model


@pytest.mark.slow
@pytest.mark.parametrize("project", ["uuid_users", "email_users"])
def test_signing_in_works_with_the_user_model_of(project):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", DATABASES]
    command += [f"--ds=tests.projects.{project}.settings"]
    command += [f"tests/{name}" for name in SUITES]
    # A directory, and so databases, of its own.
    environment = {
        name: value for name, value in os.environ.items() if name != "FRONTDESK_TEST_DIR"
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

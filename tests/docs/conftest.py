"""Projects in which pages are executed: each is made once, and a page gets a copy."""

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.scenario import Project


@pytest.fixture(scope="session")
def stock_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as "startproject" makes it, with its tables and a user, on Django's own engine."""
    directory = tmp_path_factory.mktemp("stock")
    project = Project(directory)
    project.command("python", "-m", "django", "startproject", "shop", ".")
    project.shell(
        "from django.core.management import call_command\n"
        "from django.contrib.auth.models import User\n"
        "call_command('migrate', verbosity=0)\n"
        "User.objects.create_superuser('eve', password='open-sesame')"
    )
    return directory


@pytest.fixture(scope="session")
def switched_directory(stock_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, switched to frontdesk by the lines of the README."""
    directory = tmp_path_factory.mktemp("switched") / "project"
    project = Project(Path(shutil.copytree(stock_directory, directory)))
    switch_over(project)
    return directory


@pytest.fixture
def stock(stock_directory: Path, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(stock_directory, tmp_path / "project")))


@pytest.fixture
def switched(switched_directory: Path, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(switched_directory, tmp_path / "project")))


def switch_over(project: Project, *, without: str = "MIGRATE_FROM") -> None:
    """Execute what the README says about an existing project, but not the blocks with this word."""
    for block in blocks(ROOT / "README.md"):
        if block.marker.startswith(("append", "run")) and without not in block.text:
            project.play(block)

"""Projects for the pages to be executed in."""

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.scenario import Scenario


@pytest.fixture(scope="session")
def stock_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as "startproject" makes it, with its tables and a user, still on the stock engine."""
    directory = tmp_path_factory.mktemp("stock")
    project = Scenario(directory)
    project.command("python", "-m", "django", "startproject", "shop", ".")
    project.command("python", "manage.py", "migrate", "--verbosity", "0")
    project.shell(
        "from django.contrib.auth.models import User\n"
        "User.objects.create_superuser('eve', password='open-sesame')"
    )
    return directory


@pytest.fixture
def stock(stock_project: Path, tmp_path: Path) -> Scenario:
    """A copy of it."""
    return Scenario(Path(shutil.copytree(stock_project, tmp_path / "project")))


@pytest.fixture
def switched(stock: Scenario) -> Scenario:
    """The same, switched over by the lines of the README."""
    switch_over(stock)
    return stock


def switch_over(project: Scenario) -> None:
    for block in blocks(ROOT / "README.md"):
        if block.marker.startswith(("diff", "run")):
            project.play(block)

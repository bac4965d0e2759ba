"""A Django project in a temporary directory, in which the blocks of a page are executed in order.

Each fenced block of README.md and docs/ has a comment on the line above it that says how:

    <!-- test: diff FILE -->       apply the diff to FILE of the project's package
    <!-- test: file FILE -->       write FILE into the project's package
    <!-- test: append FILE -->     append to FILE of the project's package
    <!-- test: settings -->        append to the settings, run "manage.py check", take it away again
    <!-- test: run -->             run the commands in the project
    <!-- test: run and look -->    the same for a check, whose answer is to be read, whatever it is
    <!-- test: run in an empty directory -->   the same, and go on with the project that they make there
    <!-- test: shell -->           run the Python code with the project set up, its tables made
    <!-- test: pytest FILE -->     write FILE next to the project's package and run it with pytest
    <!-- test: make -->            ask make, with --dry-run, whether it knows the targets
    <!-- test: install -->         compare with the name of the package that is installed here

The README and the quickstart begin with a project of Django's as it comes, other pages with one that was
switched over. Warnings are errors in every process.
"""

import os
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from tests.docs.pages import ROOT, Block

# As the test runner does, so that the test client may ask for its own host name.
SETUP = """
import django, django.test.utils as utils
django.setup(); utils.setup_test_environment()
"""


class Scenario:
    """A project, and how to execute a block in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._has_tables = False

    @property
    def package(self) -> Path:
        (settings,) = self.directory.glob("*/settings.py")
        return settings.parent

    def play(self, block: Block) -> None:
        verb, _, argument = block.marker.partition(" ")
        if (verb, argument) == ("run", "in an empty directory"):
            self.directory = self.directory.parent / f"{self.directory.name}-{block.line}"
            self.directory.mkdir()
            self._has_tables = False
            argument = ""
        known = {
            ("diff", "diff"): self.diff,
            ("python", "file"): self.file,
            ("python", "append"): self.append,
            ("python", "settings"): self.settings,
            ("console", "run"): self.run,
            ("python", "shell"): self.shell,
            ("python", "pytest"): self.pytest,
            ("console", "make"): make,
            ("console", "install"): install,
        }
        play = known.get((block.language, verb))
        assert play, f"{block.where}: the {block.language!r} block is marked {block.marker!r}"
        try:
            if verb in {"diff", "file", "append", "pytest", "run"}:
                play(argument, block.text)
            else:
                assert not argument, f"{verb!r} takes no argument"
                play(block.text)
        except AssertionError as error:
            raise AssertionError(f"{block.where}: {error}") from None

    def diff(self, name: str, text: str) -> None:
        path = self.package / name
        path.write_text(applied(path.read_text(), text))

    def file(self, name: str, text: str) -> None:
        (self.package / name).write_text(text)

    def append(self, name: str, text: str) -> None:
        with (self.package / name).open("a") as file:
            file.write(f"\n\n{text}")

    def settings(self, text: str) -> None:
        path = self.package / "settings.py"
        before = path.read_text()
        self.append("settings.py", text)
        try:
            self.command("python", "manage.py", "check", "--fail-level", "WARNING")
        finally:
            path.write_text(before)

    def run(self, how: str, text: str) -> None:
        assert how in {"", "and look"}, f"nobody knows how to run {how!r}"
        for line in commands(text):
            said = self.command(*shlex.split(line), may_fail=bool(how))
            assert not how or "System check identified" in said, said

    def shell(self, text: str) -> str:
        if not self._has_tables:
            self.command("python", "manage.py", "migrate", "--verbosity", "0")
            self._has_tables = True
        return self.command("python", "-c", SETUP + text)

    def pytest(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)
        settings = f"--ds={self.package.name}.settings"
        # Its own file, so that no configuration further up is taken for the project's; and only the
        # plugins that the page names.
        (self.directory / "pytest.ini").write_text("[pytest]\n")
        absent = ("asyncio", "randomly", "xdist", "playwright", "cacheprovider")
        plugins = [word for name in absent for word in ("-p", f"no:{name}")]
        self.command("python", "-m", "pytest", "-q", settings, *plugins, name)

    def command(self, program: str, *arguments: str, may_fail: bool = False) -> str:
        """Run a command of Python's as a shell in the project would, and return what it prints."""
        assert program == "python", f"no test knows how to run {program!r}"
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "FRONTDESK_", "PYTEST_", "PYTHON", "COVERAGE_"))
        }
        if list(self.directory.glob("*/settings.py")):
            environment["DJANGO_SETTINGS_MODULE"] = f"{self.package.name}.settings"
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        line = shlex.join([program, *arguments])
        assert may_fail or done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def commands(text: str) -> list[str]:
    """The commands of a console block, which starts each with a dollar sign."""
    lines = text.splitlines()
    assert all(line.startswith("$ ") for line in lines), f"not only commands: {lines}"
    return [line[2:] for line in lines]


def make(text: str) -> None:
    for line in commands(text):
        program, *arguments = shlex.split(line)
        assert program == "make", f"not a make command: {line}"
        done = subprocess.run(
            ["make", "--dry-run", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def install(text: str) -> None:
    """The command would install this checkout: trying it needs a package index, for the build tool."""
    *pip, path = shlex.split(commands(text)[0])
    assert pip == ["python", "-m", "pip", "install"]
    assert metadata.version(Path(path).name)
    assert re.search(
        rf'^name = "{Path(path).name}"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )


def applied(text: str, diff: str) -> str:
    """Apply a diff without line numbers: what is not in it is left as it is, the order counts.

    A line to remove or to keep is looked for from where the last one was found; one to add goes there.
    """
    lines, place = text.splitlines(), 0
    for line in diff.splitlines():
        sign, content = line[:1], line[1:]
        if sign == "+":
            lines.insert(place, content)
            place += 1
            continue
        assert sign in {"-", " "}, f"not a line of a diff: {line!r}"
        assert content in lines[place:], f"the file has no line {content!r} there"
        place = lines.index(content, place)
        if sign == "-":
            del lines[place]
        else:
            place += 1
    return "\n".join(lines) + "\n"

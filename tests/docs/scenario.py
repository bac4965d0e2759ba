"""How the code blocks of a page are executed.

The line above each fenced block of README.md and docs/ says how:

    <!-- test: shell -->           execute the Python code, with an empty database
    <!-- test: settings -->        check a project with these settings, as "manage.py check" does
    <!-- test: run -->             run these commands of manage.py
    <!-- test: run and look -->    the same for a check, whatever it answers
    <!-- test: run by hand -->     show the help of these commands, which ask questions or go on
    <!-- test: cron -->            run the command of manage.py that a line of a crontab starts
    <!-- test: systemd -->         the same for a unit of systemd
    <!-- test: quote FILE -->      look for the text in FILE, which other tests execute
    <!-- test: make -->            ask make, with --dry-run, whether it knows the targets

Such blocks are executed in this process, in the project of the tests. A page that has one of the following
is executed in a project of its own, which "startproject" has made, by processes in which every warning is
an error:

    <!-- test: diff FILE -->       apply the diff to FILE of the project's package
    <!-- test: file FILE -->       write FILE into the project's package
    <!-- test: append FILE -->     append to FILE of the project's package
    <!-- test: pytest FILE -->     write FILE beside the project's package and run it with pytest
    <!-- test: server -->          run these commands of a shell while the project is served
    <!-- test: client -->          the same for Python code
    <!-- test: install -->         compare the name of the package with the one that is installed here
    <!-- test: run in an empty directory -->   run, and go on with the project that it makes there

Each how-to guide finds a user "ada", who is signed in with two browsers.

The README starts from a project with Django's own sessions, and other pages from one that was switched to
frontdesk. The pages of the tutorial are one scenario, which makes its own project.
"""

import os
import shlex
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from django.core.management import call_command, execute_from_command_line
from django.test import override_settings

import frontdesk
from tests.docs.pages import ROOT, Block

BACKENDS = [
    "frontdesk.backends.ThrottleBackend",
    "django.contrib.auth.backends.ModelBackend",
]
"""What a project has that uses frontdesk. With two, some tests would have to say whose backend they mean."""

NEEDS_A_PROJECT = {"diff", "file", "append", "pytest", "install", "server", "client"}

ENVIRONMENT = ["python -m venv .venv", "source .venv/bin/activate"]
"""How a virtual environment is made. It takes long, and is Python's own affair."""

ADDRESS = "127.0.0.1:8000"
"""Where pages say that a project is served."""

# As the test runner does, so that the test client may ask for its own host name.
SETUP = """
import django, django.test.utils as utils
django.setup(); utils.setup_test_environment()
"""


class Here:
    """Executes blocks in this process."""

    def play(self, block: Block) -> None:
        """Execute a block. Raises ``AssertionError`` with its place if it does not do what it says."""
        verb, _, argument = block.marker.partition(" ")
        try:
            getattr(self, verb)(*filter(None, [argument]), block.text)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{block.where}: {error!r}") from error

    def shell(self, text: str) -> None:
        exec(compile(text, "shell", "exec"), {"__name__": "shell"})

    def settings(self, text: str) -> None:
        names: dict[str, Any] = {"BASE_DIR": ROOT}
        exec(text, names)
        changed = {name: value for name, value in names.items() if name.isupper()}
        changed.setdefault("AUTHENTICATION_BACKENDS", BACKENDS)
        with override_settings(**changed):
            call_command("check", databases=["default"], fail_level="WARNING")

    def run(self, *how: str) -> None:
        *_, text = how
        for line in commands(text):
            program, *arguments = shlex.split(line)
            assert (program, arguments[0]) == ("python", "manage.py"), line
            code = 0
            try:
                execute_from_command_line(arguments)
            except SystemExit as error:
                code = error.code
            assert len(how) == 2 or not code, f"{line}: exit code {code}"

    def cron(self, text: str) -> None:
        self.run(cron(text))

    def systemd(self, text: str) -> None:
        self.run(systemd(text))

    def make(self, text: str) -> None:
        make(text)

    def quote(self, name: str, text: str) -> None:
        quote(name, text)


class Project:
    """Executes blocks in a project in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def package(self) -> Path:
        (settings,) = self.directory.glob("*/settings.py")
        return settings.parent

    def play(self, block: Block) -> None:
        """See :meth:`Here.play`."""
        verb, _, argument = block.marker.partition(" ")
        try:
            getattr(self, verb)(*filter(None, [argument]), block.text)
        except (AssertionError, AttributeError) as error:
            raise AssertionError(f"{block.where}: {error}") from None

    def diff(self, name: str, text: str) -> None:
        path = self.package / name
        path.write_text(applied(path.read_text(), text))

    def file(self, name: str, text: str) -> None:
        path = self.package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

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

    def run(self, *how: str) -> None:
        *rest, text = how
        if rest == ["in an empty directory"]:
            self.directory = self.directory / "empty"
            self.directory.mkdir()
        help = ["--help"] if rest == ["by hand"] else []
        for line in commands(text):
            said = self.command(*shlex.split(line), *help, may_fail=rest == ["and look"])
            assert rest != ["and look"] or "System check identified" in said, said

    def shell(self, text: str) -> str:
        return self.command("python", "-c", SETUP + text)

    def pytest(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)
        # Its own file, so that no configuration further up is taken for the project's; and only the
        # plugins that the page names.
        (self.directory / "pytest.ini").write_text("[pytest]\n")
        absent = (
            "asyncio",
            "randomly",
            "xdist",
            "playwright",
            "cacheprovider",
            "schemathesis",
            "anyio",
        )
        plugins = [word for plugin in absent for word in ("-p", f"no:{plugin}")]
        ds = f"--ds={self.package.name}.settings"
        self.command("python", "-m", "pytest", "-q", ds, *plugins, name)

    def cron(self, text: str) -> None:
        self.run(cron(text))

    def systemd(self, text: str) -> None:
        self.run(systemd(text))

    def make(self, text: str) -> None:
        make(text)

    def quote(self, name: str, text: str) -> None:
        quote(name, text)

    def server(self, text: str) -> None:
        """Each command has to succeed, with the variables that those before it have set."""
        with self.served() as address:
            script = "\n".join(commands(text)).replace(ADDRESS, address)
            self.output(["bash", "-e", "-o", "pipefail", "-c", script])

    def client(self, text: str) -> None:
        with self.served() as address:
            self.command("python", "-c", text.replace(ADDRESS, address))

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the project on a free port of this machine."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        address = f"127.0.0.1:{port}"
        server = subprocess.Popen(
            [sys.executable, "manage.py", "runserver", "--noreload", address],
            cwd=self.directory,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while server.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            assert server.poll() is None, "the server ended at once"
            yield address
        finally:
            server.terminate()
            server.wait()

    def install(self, text: str) -> None:
        """The last two commands would install a checkout, for which pip needs a package index."""
        *before, clone, last = commands(text)
        assert before in ([], ENVIRONMENT)
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        assert clone == f"git clone {project['urls']['Source']}"
        *pip, path = shlex.split(last)
        assert pip == ["python", "-m", "pip", "install"]
        assert path.startswith("./"), "pip takes a bare name from the index"
        assert metadata.version(Path(path).name)

    def command(self, program: str, *arguments: str, may_fail: bool = False) -> str:
        """Run a command of Python's as a shell in the project would, and return what it prints."""
        assert program == "python", f"not a command of Python's: {program!r}"
        return self.output([sys.executable, "-W", "error", *arguments], may_fail=may_fail)

    def output(self, command: list[str], *, may_fail: bool = False) -> str:
        """Run a command in the project, and return what it prints."""
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        assert may_fail or done.returncode == 0, f"{shlex.join(command)}\n{said}"
        return said

    def environment(self) -> dict[str, str]:
        """Return the variables of the environment without those of this test run.

        The package is the one that is tested here, wherever it is.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "FRONTDESK_", "PYTEST_", "PYTHON", "COVERAGE_"))
        }
        kept["PYTHONPATH"] = str(Path(frontdesk.__file__).parent.parent)
        if list(self.directory.glob("*/settings.py")):
            kept["DJANGO_SETTINGS_MODULE"] = f"{self.package.name}.settings"
        return kept


def commands(text: str) -> list[str]:
    """Return the commands of a console block, which starts each with a dollar sign."""
    lines = text.replace("\\\n", "").splitlines()
    assert all(line.startswith("$ ") for line in lines), f"not only commands: {lines}"
    return [line[2:] for line in lines]


def cron(text: str) -> str:
    """Return the command of a crontab's line, as a console block has it."""
    (line,) = text.splitlines()
    *when, change, to, and_, program, manage, command = line.split()
    assert len(when) == 5, line
    assert (change, and_, Path(program).name, manage) == ("cd", "&&", "python", "manage.py"), line
    assert Path(to).is_absolute()
    return f"$ python {manage} {command}\n"


def systemd(text: str) -> str:
    """Return the command of a unit's ``ExecStart``, as a console block has it."""
    unit = ConfigParser()
    unit.read_string(text)
    program, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert program.startswith(unit["Service"]["WorkingDirectory"])
    return f"$ {Path(program).name} {shlex.join(arguments)}\n"


def quote(name: str, text: str) -> None:
    """Look for a text in a file of the checkout."""
    assert text in (ROOT / name).read_text(encoding="utf-8"), f"{name} does not have this"


def make(text: str) -> None:
    """Ask make whether it knows the targets of these commands."""
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


def applied(text: str, diff: str) -> str:
    """Return ``text`` after a diff without line numbers.

    A line to remove or to keep is looked for from where the last one was found. One to add goes there.
    "..." stands for any lines that stay.
    """
    lines, place = text.splitlines(), 0
    for line in diff.splitlines():
        sign, content = line[:1], line[1:]
        if sign == "+":
            lines.insert(place, content)
            place += 1
            continue
        if content.strip() == "...":
            continue
        assert sign in {"-", " "}, f"not a line of a diff: {line!r}"
        assert content in lines[place:], f"the file has no line {content!r} there"
        place = lines.index(content, place)
        if sign == "-":
            del lines[place]
        else:
            place += 1
    return "\n".join(lines) + "\n"


def needs_a_project(blocks: list[Block]) -> bool:
    return any(block.marker.partition(" ")[0] in NEEDS_A_PROJECT for block in blocks)

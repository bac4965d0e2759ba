"""`make demo` after its installation: the program as a person starts, repeats and stops it."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from tests import services

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "example" / "demo.py"


class Demo:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.environment = {**os.environ, "FRONTDESK_DEMO_VAR": str(place), "LC_ALL": "C.UTF-8"}
        self.environment.pop("DJANGO_SETTINGS_MODULE", None)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, PROGRAM, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def visit(self, storage: str) -> tuple[str, bytes]:
        """Start it, open its first page, press Ctrl-C. Return what it printed, and the page."""
        port = services.free_port()
        process = self.start("--storage", storage, "--port", str(port))
        try:
            body = fetch(process, f"http://127.0.0.1:{port}/")
        finally:
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0, printed
        return printed, body


def fetch(process: subprocess.Popen[str], address: str) -> bytes:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=60) as response:
                return response.read()
        except OSError:  # it does not listen yet
            time.sleep(0.05)
    return b""


@pytest.fixture
def demo(tmp_path) -> Demo:
    return Demo(tmp_path / "var")


@pytest.fixture
def example(monkeypatch):
    """The directory of the demo is on the path, as it is for the program."""
    monkeypatch.syspath_prepend(PROGRAM.parent)


@pytest.mark.parametrize(
    "storage",
    ["database", "cache", pytest.param("redis", marks=pytest.mark.needs("redis-server"))],
)
def test_it_serves_says_how_to_sign_in_and_stops(demo, storage):
    printed, body = demo.visit(storage)
    assert b"Sign in at the desk." in body
    assert re.search(r"http://127\.0\.0\.1:\d+/", printed)
    assert re.search(r"guest +welcome-to-the-lobby", printed)
    assert re.search(r"staff +keys-to-the-lobby", printed)
    assert f"the {storage} storage" in printed
    assert "guest is signed in on 3 made-up devices" in printed
    assert "Traceback" not in printed
    assert "The lobby is closed." in printed


def test_the_commands_for_a_terminal_work(demo):
    port = services.free_port()
    process = demo.start("--port", str(port))
    try:
        fetch(process, f"http://127.0.0.1:{port}/")
        printed = []
        while "Ctrl-C" not in (line := process.stdout.readline()):
            printed.append(line)
        start = next(at for at, line in enumerate(printed) if line.startswith("  KEY="))
        lines = printed[start:]
        script = "".join(lines[: lines.index("\n")])
        done = subprocess.run(
            ["bash", "-e", "-c", script], capture_output=True, text=True, check=False
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert done.returncode == 0, done.stderr
    listed, called = map(json.loads, done.stdout.splitlines())
    assert listed["count"] == 4  # three that are made up, and this one
    assert (called["user"], len(called["badges"])) == ("guest", 4)


def test_a_second_run_keeps_the_data_which_is_private(demo):
    demo.visit("file")
    secret = demo.place / "secret"
    before = secret.read_text()
    with closing(sqlite3.connect(demo.place / "lobby.sqlite3")) as database, database:
        database.execute("UPDATE auth_user SET password = 'another' WHERE username = 'guest'")
    printed, _ = demo.visit("file")
    assert re.search(r"guest +\(the one you chose; it was not reset\)", printed)
    assert re.search(r"staff +keys-to-the-lobby", printed)
    assert "made-up devices" not in printed  # they are there already
    assert secret.read_text() == before
    assert stat.S_IMODE(demo.place.stat().st_mode) == 0o700
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_taken_port_is_named_before_anything_is_done(demo):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = demo.start("--port", str(port))
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Port {port} is taken" in printed
    assert "make demo PORT=" in printed
    assert not demo.place.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "this machine only"),
        (["--host", "lobby.example"], "is not an IP address"),
        (["--port", "99999"], "is not a port"),
        (["--storage", "paper"], "invalid choice"),
    ],
)
def test_wrong_arguments_are_explained(arguments, words, example, capsys):
    import demo

    with pytest.raises(SystemExit):
        demo.arguments(arguments)
    assert words in capsys.readouterr().err


def test_make_runs_this_program():
    command = ["make", "--dry-run", "demo", "STORAGE=file", "PORT=8001"]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "example/demo.py --storage file --port 8001" in recipe


# --- Redis --------------------------------------------------------------------------------------


@pytest.mark.needs("redis-server")
def test_a_redis_that_a_killed_demo_has_left_is_used_and_ended(example, tmp_path):
    from lobby import own_redis

    process = own_redis._start(tmp_path, tmp_path / "socket")
    with own_redis.running(tmp_path) as url:
        assert url == f"unix://{tmp_path}/socket?db=0"
    process.wait(20)
    assert own_redis._ask(tmp_path / "socket", "PING") == ""


def test_without_the_program_it_says_how_to_get_one(example, tmp_path, monkeypatch):
    import demo
    from lobby import own_redis

    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(own_redis.NoServer) as caught, own_redis.running(tmp_path / "redis"):
        pass
    assert "apt install redis-server" in demo.how_to_get_redis(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_redis_that_is_named_and_does_not_answer_is_reported(demo):
    demo.environment["FRONTDESK_DEMO_REDIS"] = f"redis://127.0.0.1:{services.free_port()}/0"
    process = demo.start("--storage", "redis", "--port", str(services.free_port()))
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "FRONTDESK_DEMO_REDIS=" in printed
    assert "Traceback" not in printed
    assert not (demo.place / "redis").exists()

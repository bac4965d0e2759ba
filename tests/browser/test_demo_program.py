"""`make demo` after its installation: the program as a person starts, repeats and stops it."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import services

PROGRAM = Path(__file__).resolve().parents[2] / "example" / "demo.py"


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
        """Start it, open its first page, press Ctrl-C; return what it printed and the page."""
        for _attempt in range(5):
            port = services.free_port()
            process = self.start("--storage", storage, "--port", str(port))
            try:
                body = fetch(process, f"http://127.0.0.1:{port}/")
            finally:
                process.send_signal(signal.SIGINT)
                printed, _ = process.communicate(timeout=20)
            if "is taken" not in printed:  # by a test that runs beside this one
                break
        assert process.returncode == 0, printed
        return printed, body


def fetch(process: subprocess.Popen[str], address: str) -> bytes:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5) as response:
                return response.read()
        except OSError:  # urllib's own, or that of an answer which takes its time on a busy machine
            time.sleep(0.05)
    return b""


@pytest.fixture
def demo(tmp_path) -> Demo:
    return Demo(tmp_path / "var")


@pytest.mark.shared
@pytest.mark.parametrize("storage", ["database", "cache", "file"])
def test_it_says_where_it_is_and_who_may_come_in_and_stops_cleanly(demo, storage):
    printed, body = demo.visit(storage)
    assert b"Sign in at the desk." in body
    assert re.search(r"http://127\.0\.0\.1:\d+/", printed)
    assert re.search(r"guest +welcome-to-the-lobby", printed)
    assert re.search(r"staff +keys-to-the-lobby", printed)
    assert f"the {storage} storage" in printed
    assert "guest is signed in on 3 made-up devices" in printed
    assert "Traceback" not in printed
    assert "The lobby is closed." in printed


def test_a_second_run_keeps_the_data_and_every_password(demo):
    demo.visit("database")
    secret = (demo.place / "secret").read_text()
    change = (
        "from django.contrib.auth.models import User; u = User.objects.get(username='guest');"
        "u.set_password('my own'); u.save()"
    )
    manage = [sys.executable, PROGRAM.with_name("manage.py"), "shell", "--no-imports", "-c", change]
    subprocess.run(manage, env=demo.environment, check=True, capture_output=True)
    printed, _ = demo.visit("file")
    assert re.search(r"guest +\(the one you chose; it was not reset\)", printed)
    assert re.search(r"staff +keys-to-the-lobby", printed)
    assert "3 made-up devices" in printed  # this storage had no session yet
    assert "made-up devices" not in demo.visit("file")[0]
    assert (demo.place / "secret").read_text() == secret


def test_its_secret_and_its_directory_are_for_its_user_only(demo):
    demo.visit("file")
    assert stat.S_IMODE(demo.place.stat().st_mode) == 0o700
    assert stat.S_IMODE((demo.place / "secret").stat().st_mode) == 0o600


def test_a_taken_port_is_named_before_anything_is_done(demo):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = demo.start("--port", str(port))
        printed, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"Port {port} is taken" in printed
    assert "make demo PORT=" in printed
    assert not demo.place.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "this machine only"),
        (["--host", "lobby.example"], "is no IP address"),
        (["--port", "99999"], "is no port"),
        (["--storage", "paper"], "invalid choice"),
    ],
)
def test_what_it_cannot_do_is_said_in_words(demo, arguments, words):
    process = demo.start(*arguments)
    printed, _ = process.communicate(timeout=20)
    assert process.returncode == 2
    assert words in printed
    assert not demo.place.exists()


# --- Redis ----------------------------------------------------------------------------------------------


def redis_of(demo: Demo) -> int:
    """The port of the demo's own server, which is running or was."""
    return int((demo.place / "redis" / "port").read_text())


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(demo: Demo, storage: str):
    """A demo that answers, until it is told to stop."""
    port = services.free_port()
    process = demo.start("--storage", storage, "--port", str(port))
    try:
        assert b"Sign in at the desk." in fetch(process, f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=20)
    assert process.returncode == 0, printed


@pytest.mark.needs("redis")
@pytest.mark.parametrize("storage", ["redis", "cached_database"])
def test_it_starts_a_redis_and_ends_it_and_the_data_stays(demo, storage):
    printed, body = demo.visit(storage)
    assert b"Sign in at the desk." in body
    assert f"the {storage} storage" in printed
    assert "guest is signed in on 3 made-up devices" in printed
    assert not listens(redis_of(demo))
    assert "made-up devices" not in demo.visit(storage)[0]
    assert not listens(redis_of(demo))


@pytest.mark.needs("redis")
def test_two_demos_share_a_redis_until_both_have_stopped(demo):
    with running(demo, "redis") as second:
        with running(demo, "cached_database"):
            port = redis_of(demo)
        assert listens(port)
        assert redis_of(demo) == port
        with urllib.request.urlopen(second, timeout=5) as response:
            assert response.status == 200
    assert not listens(port)


@pytest.mark.needs("redis")
def test_a_redis_that_a_killed_demo_has_left_is_used_and_ended_by_the_next(demo):
    port = services.free_port()
    process = demo.start("--storage", "redis", "--port", str(port))
    fetch(process, f"http://127.0.0.1:{port}/")
    process.kill()
    process.communicate()
    left = redis_of(demo)
    assert listens(left)
    demo.visit("redis")
    assert redis_of(demo) == left
    assert not listens(left)


ELSEWHERE = """
import sys
sys.path.insert(0, {example!r})
import demo
from lobby import own_redis
own_redis.USUAL = {port}
sys.exit(demo.main({arguments!r}))
"""


def without_programs(demo: Demo, usual: int, *arguments: str) -> subprocess.Popen[str]:
    """Start the demo where none of the programs is installed, and Redis is usually at that port."""
    demo.environment["PATH"] = str(demo.place)
    program = ELSEWHERE.format(example=str(PROGRAM.parent), port=usual, arguments=arguments)
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env=demo.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("storage", ["redis", "cached_database"])
def test_without_a_redis_it_is_said_how_to_get_one(demo, storage):
    port = str(services.free_port())
    process = without_programs(demo, services.free_port(), "--storage", storage, "--port", port)
    printed, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "redis-server" in printed
    assert "apt install redis-server" in printed
    assert f"make demo STORAGE={storage}" in printed
    assert "Traceback" not in printed


@pytest.mark.needs("redis")
def test_without_the_program_a_redis_that_answers_is_used(demo):
    port = services.free_port()
    options = ["--storage", "redis", "--port", str(port)]
    process = without_programs(demo, services.REDIS.port, *options)
    assert b"Sign in at the desk." in fetch(process, f"http://127.0.0.1:{port}/")
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=20)
    assert "the redis storage" in printed
    assert listens(services.REDIS.port)


@pytest.mark.needs("redis")
def test_a_redis_that_is_named_is_used_and_left_alone(demo, redis_url):
    demo.environment["FRONTDESK_DEMO_REDIS"] = redis_url
    assert "the redis storage" in demo.visit("redis")[0]
    assert not (demo.place / "redis").exists()
    assert listens(services.REDIS.port)


def test_a_redis_that_is_named_and_not_there_is_not_replaced(demo):
    demo.environment["FRONTDESK_DEMO_REDIS"] = f"redis://127.0.0.1:{services.free_port()}/0"
    process = demo.start("--storage", "redis", "--port", str(services.free_port()))
    printed, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "FRONTDESK_DEMO_REDIS=" in printed
    assert not (demo.place / "redis").exists()

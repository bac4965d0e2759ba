"""A Redis of the demo's own: started by the first demo that needs it, ended by the last one that is there.

Nobody else's is touched where one can be started. Its data is in the demo's directory, like all the rest.
"""

import fcntl
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PROGRAMS = ("redis-server", "valkey-server")

USUAL = 6379

SECONDS = 20


class NoServer(Exception):
    """There is none, and none could be started; says what to do."""


@contextmanager
def running(place: Path) -> Iterator[str]:
    """Give the URL of a server whose data is in ``place``, or of the usual one if none can be started."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        if not _told(USUAL, "PING").startswith("+PONG"):
            raise NoServer(f"None of {' and '.join(PROGRAMS)} is installed, and none answers.")
        yield _url(USUAL)
        return
    place.mkdir(mode=0o700, exist_ok=True)
    # The system forgets these locks when their process ends, however it ends.
    with (place / "users").open("w") as users:
        with _alone(place):
            fcntl.flock(users, fcntl.LOCK_SH)
            port = _known(place) or _start(program, place)
        try:
            yield _url(port)
        finally:
            with _alone(place):
                _stop_unless_used(users, port)


def _stop_unless_used(users: IO[str], port: int) -> None:
    with suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _told(port, "SHUTDOWN")  # the answer is the end of the connection


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    with (place / "door").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def _known(place: Path) -> int | None:
    """Return the port of the server of ``place`` if it runs, for another demo or left behind by one."""
    with suppress(OSError, ValueError):
        port = int((place / "port").read_text())
        if str(place.resolve()) in _told(port, "CONFIG GET dir").splitlines():
            return port
    return None


def _start(program: str, place: Path) -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = place / "log"
    options = {
        "bind": "127.0.0.1",
        "port": port,
        "dir": place.resolve(),
        "save": "",
        "appendonly": "yes",
        "logfile": log.resolve(),
    }
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    # Of a session of its own: Ctrl-C is for the demo, which ends it when all is written.
    server = subprocess.Popen(
        [program, *words],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + SECONDS
    while not _told(port, "PING").startswith("+PONG"):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise NoServer(f"{program} does not start; {log} may say why.")
        time.sleep(0.02)
    (place / "port").write_text(str(port))
    return port


def _told(port: int, command: str) -> str:
    """Send a command; return the answer, or nothing if there is none."""
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as server,
    ):
        server.sendall(f"{command}\r\n".encode())
        return server.recv(65_536).decode(errors="replace")
    return ""


def _url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"

"""A Redis for the demo alone, with its data in the demo's directory.

It listens on a socket there, so no other user of the machine can connect. A demo that is killed leaves it
running. The next demo uses it, and ends it.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("redis-server", "valkey-server")

SECONDS = 20

LONGEST = 100
"""How long the path of a socket may be. Linux allows 107 bytes, macOS 103."""


class NoServer(Exception):
    """There is no server, and none can be started."""


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """Start a server unless one is running, yield its URL, and end it."""
    address = directory.resolve() / "socket"
    is_running = _ask(address, "PING").startswith("+PONG")
    server = None if is_running else _start(directory, address)
    try:
        yield f"unix://{address}?db=0"
    finally:
        _ask(address, "SHUTDOWN")  # answered by the end of the connection
        if server is not None:
            server.wait(SECONDS)


def _start(directory: Path, address: Path) -> "subprocess.Popen[bytes]":
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise NoServer(f"None of {' and '.join(PROGRAMS)} is installed.")
    if len(str(address)) > LONGEST:
        raise NoServer(
            f"{address} is too long for a socket. Set FRONTDESK_DEMO_VAR to a shorter path."
        )
    directory.mkdir(mode=0o700, exist_ok=True)
    options = {"port": "0", "unixsocket": str(address), "dir": str(directory), "appendonly": "yes"}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    log = directory / "log"
    with log.open("w") as output:
        # In a session of its own, because Ctrl-C in the terminal is for the demo, which ends it last.
        server = subprocess.Popen(
            [program, "--save", "", *words], start_new_session=True, stdout=output, stderr=output
        )
    deadline = time.monotonic() + SECONDS
    while not _ask(address, "PING").startswith("+PONG"):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise NoServer(f"{program} does not start. {log} may say why.")
        time.sleep(0.02)
    return server


def _ask(address: Path, command: str) -> str:
    """Send a command and return the answer; empty without one."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as server:
        server.settimeout(SECONDS)
        server.connect(str(address))
        server.sendall(f"{command}\r\n".encode())
        return server.recv(4096).decode(errors="replace")
    return ""

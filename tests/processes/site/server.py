"""A web server with several processes, for as long as a ``with`` block lasts."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests import services
from tests.processes.site.browser import ask

START = 60
"""Seconds that a server may take until it answers."""

PAGES = "tests.processes.site.pages"

Command = Callable[[int, int], list[str]]
"""Makes the command of a server from the number of its processes and its port."""


def gunicorn(workers: int, port: int) -> list[str]:
    """Serve the WSGI application."""
    command = ["gunicorn", PAGES, "--preload", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "sync", "--workers", str(workers), "--log-level", "warning"]
    return [*command, "--no-control-socket", "--graceful-timeout", "5", "--timeout", "60"]


def uvicorn(workers: int, port: int) -> list[str]:
    """Serve the ASGI application."""
    command = ["uvicorn", f"{PAGES}:asgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--log-level", "warning", "--no-access-log"]
    return [*command, "--lifespan", "off", "--timeout-graceful-shutdown", "5"]


class Served(NamedTuple):
    """A running server."""

    port: int
    log: Path


@contextmanager
def serve(place: dict[str, Any], workers: int, command: Command = gunicorn) -> Iterator[Served]:
    """Serve the site with the settings of ``place`` from ``workers`` processes."""
    call(place, "tests.processes.site.prepare")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        process, port = _start(place, log, lambda port: command(workers, port))
        try:
            yield Served(port, log)
        finally:
            _stop(process)


def call(place: dict[str, Any], module: str, *arguments: str) -> str:
    """Run a module in a process that sees the site with ``place``, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment_of(place),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def environment_of(place: dict[str, Any]) -> dict[str, str]:
    """Return the environment of a process that sees the site with ``place``."""
    return services.child_environment(
        DJANGO_SETTINGS_MODULE="tests.processes.site.settings", FRONTDESK_SITE=json.dumps(place)
    )


def _start(
    place: dict[str, Any], log: Path, command: Callable[[int], list[str]]
) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(3):
        port = services.free_port()  # another process may take it first; then the server ends
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", *command(port)],
                env=environment_of(place),
                stdout=file,
                stderr=file,
                process_group=0,
            )
        if _answers(process, port):
            return process, port
        _stop(process)
        if b"in use" not in log.read_bytes():
            break
    raise RuntimeError(f"The server did not start:\n{log.read_text()[-3000:]}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if ask(port, "/plain/").status == 200:
                return True
            time.sleep(0.05)
    except BaseException:
        _stop(process)
        raise
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server; and its workers with it if it does not end itself."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

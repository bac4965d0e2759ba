"""A web server with several worker processes, for as long as a ``with`` block lasts."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.hammer.visitor import ask
from tests import services

START = 60
"""Seconds that a server may take to make its tables and to answer."""


Command = Callable[[str, int, int], list[str]]
"""Makes the command of a server, without its address, from the project, the workers and the port."""


def gunicorn(project: str, workers: int, port: int) -> list[str]:
    """Serve the sync application ``application`` of the project's module ``site``."""
    command = ["gunicorn", f"{project}.site", "--preload", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "sync", "--workers", str(workers), "--log-level", "warning"]
    return [*command, "--no-control-socket", "--graceful-timeout", "5", "--timeout", "60"]


def uvicorn(project: str, workers: int, port: int) -> list[str]:
    """Serve the async application ``asgi`` of the project's module ``site``."""
    command = ["uvicorn", f"{project}.site:asgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--log-level", "warning", "--no-access-log"]
    return [*command, "--lifespan", "off", "--timeout-graceful-shutdown", "5"]


class Served(NamedTuple):
    """A running server."""

    port: int
    log: Path


@contextmanager
def serve(
    place: dict[str, Any],
    workers: int,
    project: str = "benchmarks.hammer",
    command: Command = gunicorn,
) -> Iterator[Served]:
    """Serve ``project`` (its modules ``site`` and ``settings``) from ``workers`` processes."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        process, port = _started(place, log, partial(command, project, workers), project)
        try:
            yield Served(port, log)
        finally:
            _stop(process)


def environment_of(place: dict[str, Any], project: str) -> dict[str, str]:
    """Return the environment in which a process sees ``project`` with ``place``."""
    return services.child_environment(
        DJANGO_SETTINGS_MODULE=f"{project}.settings", FRONTDESK_HAMMER=json.dumps(place)
    )


def _started(
    place: dict[str, Any], log: Path, command: Callable[[int], list[str]], project: str
) -> tuple[subprocess.Popen[bytes], int]:
    environment = environment_of(place, project)
    for _ in range(3):
        port = services.free_port()  # may be lost to somebody else, then the server ends
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", *command(port)],
                env=environment,
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
    while process.poll() is None and time.monotonic() < deadline:
        if ask(port, "/ready/").status == 200:
            return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server; and its workers with it, should it not do so itself."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

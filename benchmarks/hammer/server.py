"""A server with several worker processes, for as long as a ``with`` block lasts."""

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

from benchmarks.hammer.visitor import ask
from tests import services

START = 60
"""Seconds that a server may take to make its tables and to answer."""

QUIET = (
    "--log-level",
    "warning",
    "--no-control-socket",
    "--graceful-timeout",
    "5",
    "--timeout",
    "60",
)
"""What every gunicorn here is told."""


Command = Callable[[str, int], list[str]]
"""Makes the command of a server, which names its ``{port}``, from the project and the workers."""


def gunicorn(project: str, workers: int) -> list[str]:
    """Serve the sync application ``application`` of the project's module ``site``."""
    command = [sys.executable, "-m", "gunicorn", f"{project}.site", "--preload", *QUIET]
    return [
        *command,
        "--worker-class",
        "sync",
        "--workers",
        str(workers),
        "--bind",
        "127.0.0.1:{port}",
    ]


def uvicorn(project: str, workers: int) -> list[str]:
    """Serve the async application ``asgi`` of the project's module ``site``."""
    command = [sys.executable, "-m", "uvicorn", f"{project}.site:asgi", "--host", "127.0.0.1"]
    command += ["--port", "{port}", "--workers", str(workers), "--log-level", "warning"]
    return [*command, "--no-access-log", "--lifespan", "off", "--timeout-graceful-shutdown", "5"]


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
    with running(command(project, workers), environment_of(place, project), "/ready/") as served:
        yield served


@contextmanager
def running(command: list[str], environment: dict[str, str], ready: str) -> Iterator[Served]:
    """Run a server whose ``command`` names its ``{port}``; it is there once the page ``ready`` answers."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        process, port = _started(command, environment, log, ready)
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
    command: list[str], environment: dict[str, str], log: Path, ready: str
) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(3):
        port = services.free_port()  # may be lost to somebody else, then the server ends
        with log.open("wb") as file:
            process = subprocess.Popen(
                [part.format(port=port) for part in command],
                env=environment,
                stdout=file,
                stderr=file,
                process_group=0,
            )
        if _answers(process, port, ready):
            return process, port
        _stop(process)
        if b"in use" not in log.read_bytes():
            break
    raise RuntimeError(f"The server did not start:\n{log.read_text()[-3000:]}")


def _answers(process: subprocess.Popen[bytes], port: int, ready: str) -> bool:
    deadline = time.monotonic() + START
    while process.poll() is None and time.monotonic() < deadline:
        if ask(port, ready).status == 200:
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

"""Private servers that a test may kill: PostgreSQL, Redis and memcached, on ports of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import services

DEADLINE = 30


class Victim:
    """One server process, killed without warning and started again on the same port."""

    def __init__(self, command: list[str], port: int, user: str | None = None) -> None:
        self.port = port
        self._command = command
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, ready: Callable[[], bool]) -> None:
        """Start it; again if it ends at once, as PostgreSQL does while its old children still live."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                self._process = subprocess.Popen(self._command, **quiet, **_as(self._user))
            if ready():
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self._command[0]} does not answer")

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let it accept connections, as the kernel does for it, and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it with SIGKILL, and wait until its children have noticed, who answer until then."""
        if self._process is not None:
            children = _children(self._process.pid)
            self._process.kill()
            self._process.wait()
            deadline = time.monotonic() + DEADLINE
            while any(map(_lives, children)) and time.monotonic() < deadline:
                time.sleep(0.01)


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:  # not Linux
        return []


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _as(user: str | None) -> dict[str, object]:
    return {"user": user, "group": user, "extra_groups": []} if user else {}


@contextmanager
def folder(user: str | None = None) -> Iterator[Path]:
    """A directory that another user may reach; pytest's own are closed to them."""
    place = tempfile.mkdtemp(prefix=f"{services.RUN}_")
    try:
        if user:
            shutil.chown(place, user, user)
        yield Path(place)
    finally:
        # Children of a killed server may write a last line while this goes on.
        shutil.rmtree(place, ignore_errors=True)


# --- PostgreSQL ---------------------------------------------------------------------------------


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    path = str(found[-1]) if found else shutil.which("initdb")
    if path:
        return Path(path).parent
    reason = "no program initdb is installed"
    if services.REQUIRED:
        pytest.fail(f"a private PostgreSQL is required here, but {reason}", pytrace=False)
    services.skipped["private postgresql"] = reason
    pytest.skip(reason)


def _unprivileged() -> str | None:
    """The user for PostgreSQL, which refuses to run as root."""
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return None


@contextmanager
def postgresql() -> Iterator[tuple[Victim, dict[str, object], Callable[[], bool]]]:
    """A PostgreSQL with a cluster of its own; and the setting of its database."""
    services.require("postgresql")
    programs, user = _programs(), _unprivileged()
    with folder(user) as place:
        data, port = place / "data", services.free_port()
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "frontdesk", "-A", "trust", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=place,
            **_as(user),
        )
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(place)]
        command += ["-h", "127.0.0.1", "-c", "fsync=off"]
        victim = Victim(command, port, user)
        url = services.POSTGRESQL._replace(netloc=f"frontdesk@127.0.0.1:{port}")
        setting = services._server("postgresql", url, connect_timeout=3) | {
            "NAME": "postgres",
            "CONN_MAX_AGE": 60,
        }
        try:
            victim.start(lambda: _accepts(port))
            yield victim, setting, lambda: _accepts(port)
        finally:
            victim.kill()


def _accepts(port: int) -> bool:
    import psycopg

    address = f"host=127.0.0.1 port={port} user=frontdesk dbname=postgres connect_timeout=2"
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


# --- Redis and memcached ------------------------------------------------------------------------


@contextmanager
def redis(*options: str) -> Iterator[tuple[Victim, str, Callable[[], bool]]]:
    """A Redis that writes each change to disk before it answers; and its URL."""
    services.require("redis")
    program = shutil.which("redis-server")
    if not program:
        if services.REQUIRED:
            pytest.fail("a private Redis is required here, but no redis-server is installed")
        pytest.skip("no redis-server is installed")
    with folder() as place:
        port = services.free_port()
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(place)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always", *options]
        victim = Victim(command, port)
        url = f"redis://127.0.0.1:{port}/0"

        def ready() -> bool:
            from redis import Redis, RedisError

            try:
                with Redis.from_url(url, socket_connect_timeout=1) as client:
                    return bool(client.ping())
            except RedisError:
                return False

        try:
            victim.start(ready)
            yield victim, url, ready
        finally:
            victim.kill()


@contextmanager
def memcached() -> Iterator[tuple[Victim, str, Callable[[], bool]]]:
    """A memcached, and its address."""
    services.require("memcached")
    port = services.free_port()
    command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "32"]
    if os.geteuid() == 0:
        command += ["-u", "root"]
    victim = Victim(command, port)

    def ready() -> bool:
        try:
            services._answers(services.REDIS._replace(netloc=f"127.0.0.1:{port}"))
        except OSError:
            return False
        return True

    try:
        victim.start(ready)
        yield victim, f"127.0.0.1:{port}", ready
    finally:
        victim.kill()

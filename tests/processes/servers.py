"""Private servers that may be killed: PostgreSQL, MariaDB, Redis and memcached, on ports of their own.

The tests and the benchmarks start them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
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
    """One server process: stopped, killed without warning or frozen, and started again on its port."""

    def __init__(
        self,
        command: list[str],
        port: int,
        user: str | None = None,
        *,
        end: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.port = port
        self._command = command
        self._user = user
        self._end = end
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
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def freeze(self) -> None:
        """Stop it and the processes that it works with, where they are."""
        self._process.send_signal(signal.SIGSTOP)  # first, so that it starts no others meanwhile
        for child in _children(self._process.pid):
            os.kill(child, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        for child in _children(self._process.pid):
            os.kill(child, signal.SIGCONT)
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._process.send_signal(self._end)
        self._process.wait(timeout=DEADLINE)

    def kill(self) -> None:
        """End it with SIGKILL, and wait until its children have noticed, who answer until then."""
        if self._process is not None:
            children = _children(self._process.pid)
            self._process.kill()
            self._process.wait()
            deadline = time.monotonic() + DEADLINE
            while any(map(_lives, children)) and time.monotonic() < deadline:
                time.sleep(0.01)


def accepts(port: int) -> bool:
    """Whether anybody listens at a port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


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
        # "Fast": with SIGTERM it would wait until everybody has gone of their own accord.
        victim = Victim(command, port, user, end=signal.SIGINT)
        url = services.POSTGRESQL._replace(netloc=f"frontdesk@127.0.0.1:{port}")
        setting = services._server("postgresql", url, connect_timeout=3) | {
            "NAME": "postgres",
            "CONN_MAX_AGE": 60,
        }
        try:
            victim.start(lambda: _connects(port))
            yield victim, setting, lambda: _connects(port)
        finally:
            victim.kill()


def _connects(port: int) -> bool:
    import psycopg

    address = f"host=127.0.0.1 port={port} user=frontdesk dbname=postgres connect_timeout=2"
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


# --- MariaDB ------------------------------------------------------------------------------------


@contextmanager
def mariadb(**options: object) -> Iterator[tuple[Victim, dict[str, object], Callable[[], bool]]]:
    """A MariaDB with data of its own; and the setting of its database, with ``options`` of the driver."""
    services.require("mariadb")
    program, install = _program("mariadbd"), _program("mariadb-install-db")
    with folder() as place:
        port = services.free_port()
        data = [f"--datadir={place}/data", "--skip-log-bin"]
        if not os.geteuid():
            data.append("--user=root")
        subprocess.run(
            [install, "--no-defaults", "--auth-root-authentication-method=normal", *data],
            check=True,
            capture_output=True,
        )
        command = [program, "--no-defaults", *data, f"--socket={place}/socket"]
        command += [f"--port={port}", "--bind-address=127.0.0.1"]
        victim = Victim(command, port)
        setting = services._server(
            "mysql",
            services.MARIADB._replace(netloc=f"root@127.0.0.1:{port}"),
            **{"connect_timeout": 3, "charset": "utf8mb4", **options},
        ) | {"NAME": "frontdesk", "CONN_MAX_AGE": 60}
        try:
            victim.start(lambda: _has_database(port))
            yield victim, setting, lambda: _has_database(port)
        finally:
            victim.kill()


def _has_database(port: int) -> bool:
    import MySQLdb

    try:
        connection = MySQLdb.connect(host="127.0.0.1", port=port, user="root", connect_timeout=2)
    except MySQLdb.OperationalError:
        return False
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS frontdesk CHARACTER SET utf8mb4")
    connection.close()
    return True


def _program(name: str) -> str:
    """Return the path of a program; without it, the test is skipped or fails."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path:
        return path
    reason = f"no program {name} is installed"
    if services.REQUIRED:
        pytest.fail(f"a private server is required here, but {reason}", pytrace=False)
    services.skipped[name] = reason
    pytest.skip(reason)


# --- Redis and memcached ------------------------------------------------------------------------


@contextmanager
def redis(*options: str) -> Iterator[tuple[Victim, str, Callable[[], bool]]]:
    """A Redis that writes each change to disk before it answers; and its URL."""
    services.require("redis")
    program = _program("redis-server")
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

    try:
        victim.start(lambda: accepts(port))
        yield victim, f"127.0.0.1:{port}", lambda: accepts(port)
    finally:
        victim.kill()

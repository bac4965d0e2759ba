#!/usr/bin/env python
"""Serve the demo on this machine.

    python example/demo.py [--storage database|cache|file|redis] [--port 8000] [--host 127.0.0.1]

The settings read the storage from the environment, so that is set before they are loaded.
"""

import argparse
import errno
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO

import django
from django.conf import settings
from django.contrib.staticfiles.management.commands.runserver import Command
from django.core.management import call_command
from lobby import own_redis, place, terminal
from lobby.accounts import ACCOUNTS, ensure

from frontdesk.core import keys
from frontdesk.errors import FrontdeskError
from frontdesk.storages import get_storage

STORAGES = ("database", "cache", "file", "redis")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve the demo of django-frontdesk.")
    parser.add_argument("--storage", choices=STORAGES, default="database")
    parser.add_argument("--port", type=port_number, default=8000)
    parser.add_argument("--host", type=loopback, default="127.0.0.1")
    return parser.parse_args(argv)


def port_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; choose one from 1 to 65535")
    return int(text)


def loopback(text: str) -> str:
    """Refuse every address that another machine can reach, because the passwords are public."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if text == "localhost" else text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address") from None
    if not address.is_loopback:
        raise argparse.ArgumentTypeError(
            "the demo runs in debug mode with well-known passwords, "
            "so it serves this machine only: 127.0.0.1 or ::1"
        )
    return str(address)


def why_not_free(host: str, port: int) -> str | None:
    """Return why nothing can listen there, if there is a reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"Port {port} is taken, perhaps by another demo."
            return f"Cannot listen on port {port}: {error.strerror}."
    return None


def prepare() -> None:
    """Create or update the tables. What is up to date takes no time."""
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)


def why_no_storage(storage: str) -> str | None:
    """Return what is missing for the storage, and how to get it."""
    try:
        get_storage().load(["0" * keys.ID_LENGTH])
    except FrontdeskError as error:
        return how_to_get_redis(error) if storage == "redis" else str(error)
    return None


def how_to_get_redis(problem: Exception) -> str:
    return (
        f"{problem}\nThis demo uses Redis or Valkey. It starts one if it is installed "
        "(Debian and Ubuntu: apt install redis-server; macOS: brew install redis).\n"
        "Or name yours: FRONTDESK_DEMO_REDIS=redis://host:6379/0 make demo STORAGE=redis"
    )


@contextmanager
def servers(storage: str) -> Iterator[None]:
    """Start what the storage needs, unless the environment names one, and end it."""
    if storage != "redis" or os.environ.get("FRONTDESK_DEMO_REDIS"):
        yield
        return
    with own_redis.running(place.directory() / "redis") as url:
        os.environ["FRONTDESK_DEMO_REDIS"] = url
        yield


def announcement(address: str) -> Iterator[str]:
    yield f"\n  The lobby is open:  {address}\n"
    for account in ACCOUNTS:
        yield f"  {account.name:<9}{ensure(account):<24}{account.what}"
    from lobby.devices import sign_in_elsewhere  # noqa: PLC0415 (it needs the settings)

    if count := sign_in_elsewhere(ACCOUNTS[0].name):
        yield f"\n  {ACCOUNTS[0].name} is signed in on {count} made-up devices: see Sessions."
    else:
        yield ""
    yield "\n  From a terminal: sign in, list the sessions, and call a view with an API token.\n"
    yield terminal.commands(address)
    yield "  Sign in from a second browser, or a private window, and end one session from the other."
    yield f"\n  Sessions are kept in the {settings.SESSION_STORAGE} storage, all data in {settings.VAR}."
    stays = "the sessions end" if settings.SESSION_STORAGE == "cache" else "the data stays"
    yield f"  Mails for a forgotten password appear here. Stop with Ctrl-C; {stays}.\n"


def serve(host: str, port: int) -> None:
    """Run Django's development server with the announcement in place of its banner."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    class Server(Command):
        def on_bind(self, server_port: int) -> None:
            print(*announcement(f"http://{where}/"), sep="\n", flush=True)

    # It exits with status 0 on Ctrl-C. One more line comes after that.
    with suppress(SystemExit):
        call_command(Server(stdout=StringIO()), where, use_reloader=False, skip_checks=False)


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    if problem := why_not_free(options.host, options.port):
        another = options.port + 1 if 1024 <= options.port < 65535 else 8000
        print(f"{problem} Choose another one: make demo PORT={another}", file=sys.stderr)
        return 1
    os.environ["DJANGO_SETTINGS_MODULE"] = "lobby.settings"
    os.environ["FRONTDESK_DEMO_STORAGE"] = options.storage
    os.environ["FRONTDESK_DEMO_DEBUG"] = "1"
    # A shell makes a program in the background ignore SIGINT. "kill -INT" should still stop it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Ctrl-C may also come while the tables are made.
    try:
        with suppress(KeyboardInterrupt), servers(options.storage):
            prepare()
            if problem := why_no_storage(options.storage):
                print(problem, file=sys.stderr)
                return 1
            serve(options.host, options.port)
    except own_redis.NoServer as error:
        print(how_to_get_redis(error), file=sys.stderr)
        return 1
    print("\n  The lobby is closed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

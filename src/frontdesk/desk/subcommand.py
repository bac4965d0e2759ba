"""What a subcommand is, and how it ends."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from enum import IntEnum
from math import isfinite
from typing import Any, Protocol

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management import CommandError

from frontdesk.accounts import user_called
from frontdesk.clock import DAY, SECOND
from frontdesk.desk.console import Console

UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": 7 * DAY}


class Exit(IntEnum):
    """The exit codes of ``manage.py frontdesk``, for scripts to rely on."""

    DONE = 0
    NOTHING = 1
    """There was nothing of what was asked for: no such user, no such session. Also Django's own code
    for whatever else went wrong."""
    USAGE = 2
    """The arguments make no sense; argparse's own code."""
    UNAVAILABLE = 75
    """The storage cannot answer; try again later (``EX_TEMPFAIL`` of sysexits.h)."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C or SIGTERM before all was done; what was done stays done."""


class Subcommand(Protocol):
    """One of ``manage.py frontdesk NAME``."""

    name: str
    help: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the arguments; those that Django gives to each command are there already."""

    def run(self, console: Console, options: dict[str, Any]) -> None:
        """Do it. Returns when all is done, which is exit code 0.

        ``options`` holds the arguments by the names of their ``dest``. Raises what :func:`stopped` makes
        for other exit codes, and lets ``StorageUnavailable`` through, which becomes ``UNAVAILABLE``.
        """


def stopped(message: str, code: Exit) -> CommandError:
    """Return the exception that says ``message`` on stderr and ends the command with ``code``."""
    return CommandError(message, returncode=code)


def whole_number(text: str) -> int:
    """Parse an argument that is 1 or more; a type for ``add_argument``."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ArgumentTypeError(f"{text!r} is not a whole number, 1 or more")
    return int(text)


def duration(text: str) -> int:
    """Parse ``90s``, ``15m``, ``12h``, ``30d`` or ``2w`` to microseconds."""
    match = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if not match:
        raise ArgumentTypeError(f"{text!r} is not a duration such as 90s, 15m, 12h, 30d or 2w")
    return int(match[1]) * UNITS[match[2]]


def seconds(text: str) -> float:
    """Parse a number of seconds, 0 or more."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if number < 0 or not isfinite(number):
        raise ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number


def known_user(text: str) -> AbstractBaseUser:
    """Return the user of ``--user``; ends the command with ``NOTHING`` if there is none."""
    user = user_called(text)
    if user is None:
        raise stopped(f"There is no user with the username or the id {text!r}.", Exit.NOTHING)
    return user

"""``manage.py frontdesk``: its subcommands are in :mod:`frontdesk.staff.commands`."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser, no_translations
from django.db import DatabaseError

from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.staff.commands import imports, sessions, throttle, tokens
from frontdesk.staff.commands.output import Output
from frontdesk.storages import get_storage
from frontdesk.storages.rows import is_table_missing

UNAVAILABLE: Final = 75
"""The exit code if the storage cannot answer now (sysexits.h, ``EX_TEMPFAIL``)."""

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as shells have it."""


class Command(BaseCommand):
    """Each subcommand is a function. What they have in common when they fail is here."""

    help = "List, end, count, purge and import sessions; the sign-in throttle; API tokens."

    # Some of Django's checks ask the database. If that is down, they end in a traceback.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        subcommands = parser.add_subparsers(metavar="SUBCOMMAND")
        # In the order in which the help has them.
        sessions.add_subcommands(subcommands)
        throttle.add_subcommands(subcommands)
        tokens.add_subcommands(subcommands)
        imports.add_subcommands(subcommands)

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        if "handler" not in options:
            self.create_parser(Path(sys.argv[0]).name, "frontdesk").print_help(self.stdout)
            return
        out = Output(self.stdout, self.stderr, options["json"])
        try:
            with _outage_said_once():
                options["handler"](out, options)
            self.stdout.flush()
        except BrokenPipeError:
            # The reader, such as "head", has what it wanted. Python would complain at its exit:
            # https://docs.python.org/3/library/signal.html#note-on-sigpipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            said = "Interrupted. What is done stays done."
            raise CommandError(said, returncode=INTERRUPTED) from None
        except InvalidSetting as error:
            raise CommandError(str(error)) from error
        except (StorageUnavailable, DatabaseError) as error:
            raise CommandError(_unavailable(error), returncode=UNAVAILABLE) from error


@contextmanager
def _outage_said_once() -> Iterator[None]:
    """Leave out of the log that the storage cannot answer, which the command says itself.

    Only if the project has no handler for the log. Python would write it to stderr then.
    """
    logger, handler = logging.getLogger("frontdesk"), logging.StreamHandler()
    if logger.hasHandlers():
        yield
        return
    handler.setLevel(logging.WARNING)
    handler.addFilter(lambda record: vars(record).get("outage") != get_storage().outage.name)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _unavailable(error: StorageUnavailable | DatabaseError) -> str:
    words = " ".join(str(error).split()).rstrip(".?")
    if isinstance(error, StorageUnavailable):
        return f"The session storage cannot answer: {words}."
    if is_table_missing(error):
        return f"The database cannot answer: {words}. Have you run manage.py migrate?"
    return f"The database cannot answer: {words}."

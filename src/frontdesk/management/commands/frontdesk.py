"""``manage.py frontdesk``: what staff do on the command line."""

from argparse import SUPPRESS
from typing import Any

from django.core.management import BaseCommand
from django.core.management.base import CommandParser

from frontdesk.desk.console import Console
from frontdesk.desk.counting import Stats
from frontdesk.desk.ending import End
from frontdesk.desk.exporting import Export
from frontdesk.desk.importing import Import
from frontdesk.desk.listing import List
from frontdesk.desk.purging import Purge
from frontdesk.desk.subcommand import Exit, Subcommand, stopped
from frontdesk.errors import StorageUnavailable

SUBCOMMANDS: tuple[Subcommand, ...] = (
    List(),
    End(),
    Stats(),
    Purge(),
    Import(),
    Export(),
)


class Command(BaseCommand):
    """Hands over to the subcommand that was named."""

    help = "See who is signed in, end sessions, and keep the storage tidy."

    def add_arguments(self, parser: CommandParser) -> None:
        """Give each subcommand a parser of its own."""
        named = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True)
        for subcommand in SUBCOMMANDS:
            own = named.add_parser(
                subcommand.name, help=subcommand.help, description=subcommand.help
            )
            _take_djangos_options(own)
            subcommand.add_arguments(own)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run it; an outage gets an exit code of its own."""
        (chosen,) = (one for one in SUBCOMMANDS if one.name == options["subcommand"])
        console = Console(self.stdout, self.stderr, options["verbosity"])
        try:
            chosen.run(console, options)
        except StorageUnavailable as error:
            raise stopped(
                f"The session storage cannot answer: {error}. Try again later.", Exit.UNAVAILABLE
            ) from error


def _take_djangos_options(parser: CommandParser) -> None:
    """Let what Django gives to every command be said after the name of the subcommand, too."""
    unless_said: dict[str, Any] = {"default": SUPPRESS, "help": SUPPRESS}
    parser.add_argument("-v", "--verbosity", type=int, choices=range(4), **unless_said)
    for name in ("--settings", "--pythonpath"):
        parser.add_argument(name, **unless_said)
    for name in ("--traceback", "--no-color", "--force-color", "--skip-checks"):
        parser.add_argument(name, action="store_true", **unless_said)

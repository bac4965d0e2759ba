"""``manage.py frontdesk purge``: delete what has expired, a little at a time."""

from argparse import ArgumentParser
from typing import Any

from frontdesk.desk.console import Console
from frontdesk.desk.subcommand import whole_number


class Purge:
    """See the module."""

    name = "purge"
    help = "Delete what has expired."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See ``Subcommand``."""
        parser.add_argument("--batch", type=whole_number, default=1000)

    def run(self, console: Console, options: dict[str, Any]) -> None:
        """See ``Subcommand``."""
        raise NotImplementedError

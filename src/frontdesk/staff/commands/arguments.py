"""What several subcommands of ``manage.py frontdesk`` share: how they are added, and arguments."""

import re
from argparse import SUPPRESS, ArgumentTypeError
from collections.abc import Callable
from typing import Any, Final

from django.core.management import CommandError
from django.core.management.base import CommandParser

from frontdesk.core import clock, keys
from frontdesk.staff import operations
from frontdesk.staff.commands.output import Output
from frontdesk.storages.rows import pk_of_id, user_id_of

SHOWN: Final = 100
"""How many lines a ``list`` shows unless ``--limit`` says otherwise."""

NAMED: Final = 10
"""How many sessions or tokens ``end`` names before it asks."""

UNITS: Final = {"m": clock.MINUTE, "h": 60 * clock.MINUTE, "d": clock.DAY, "w": 7 * clock.DAY}

Handler = Callable[[Output, dict[str, Any]], None]
"""What runs a subcommand, with its options."""


def add_subcommand(subcommands: Any, name: str, handler: Handler, text: str) -> CommandParser:
    """Add a subcommand to what ``add_subparsers()`` has returned, and return its parser."""
    added: CommandParser = subcommands.add_parser(name, help=text, description=text)
    added.set_defaults(handler=handler)
    added.add_argument("--json", action="store_true", help="Write JSON, one value a line.")
    _add_options_of_django(added)
    return added


def add_group(subcommands: Any, name: str, text: str) -> Any:
    """Add a subcommand that has subcommands of its own, and return what these are added to."""
    group = subcommands.add_parser(name, help=text, description=text)
    return group.add_subparsers(metavar="ACTION", required=True)


def _add_options_of_django(parser: CommandParser) -> None:
    """Let Django's own options also come after the name of the subcommand."""
    parser.add_argument("-v", "--verbosity", type=int, default=SUPPRESS, help=SUPPRESS)
    for name in ("--settings", "--pythonpath"):
        parser.add_argument(name, default=SUPPRESS, help=SUPPRESS)
    for name in ("--traceback", "--no-color", "--force-color", "--skip-checks"):
        parser.add_argument(name, action="store_true", default=SUPPRESS, help=SUPPRESS)


def add_user(group: Any) -> None:
    """Add the arguments that name a user, which :func:`chosen_user` reads."""
    group.add_argument("--user", help="The user with this user name or id.")
    group.add_argument("--username", help="The user with exactly this user name.")
    group.add_argument("--user-id", metavar="ID", help="The user with exactly this id.")


def add_choice_of_ends(parser: CommandParser, ids: str, what: str) -> None:
    """Add the arguments of ``end``. ``ids`` is the option that takes ids of ``what``."""
    whose = parser.add_mutually_exclusive_group(required=True)
    add_user(whose)
    whose.add_argument(ids, metavar="ID", nargs="+", help=f"The {what} with these ids.")
    whose.add_argument("--all", action="store_true", help=f"All {what}, yours included.")
    parser.add_argument(
        "--unused-for",
        type=duration,
        metavar="TIME",
        help="Only those that were not used for so long: 15m, 12h, 30d or 2w.",
    )
    parser.add_argument("--dry-run", action="store_true", help="Only show which would end.")
    parser.add_argument("--yes", "--noinput", action="store_true", help="Do not ask.")


def number(text: str) -> int:
    """Return ``text`` as a number, 1 or more. Raises ``ArgumentTypeError`` for other text."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ArgumentTypeError(f"{text!r} is not a whole number, 1 or more")
    return int(text)


def duration(text: str) -> int:
    """Return ``text``, such as "12h", in microseconds. Raises ``ArgumentTypeError`` for other text."""
    match = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    if not match:
        raise ArgumentTypeError(f"{text!r} is not a time such as 15m, 12h, 30d or 2w")
    return int(match[1]) * UNITS[match[2]]


def chosen_ids(options: dict[str, Any], name: str) -> list[str]:
    """Return the ids of the option ``name``. Raises ``CommandError`` for what cannot be an id."""
    ids: list[str] = options[name]
    for each in ids:
        if not keys.is_id(each):
            raise CommandError(
                f"{each!r} is not a {name} id. An id has 15 characters, as the list shows them."
            )
    return ids


def chosen_user(options: dict[str, Any]) -> str | None:
    """Return the id of the user that the arguments name; ``None`` if they name none.

    Raises ``CommandError`` if there is no such user, or if ``--user`` may mean two users.
    """
    name, user_id, either = options["username"], options["user_id"], options["user"]
    if user_id is not None:
        # The user may have been deleted, and still have sessions.
        if pk_of_id(user_id) is None:
            raise CommandError(f"No user can have the id {user_id!r}.")
        return str(user_id)
    text = name if either is None else either
    if text is None:
        return None
    called = operations.users_called(text)
    found = called if either is None else [*called, *operations.users_with_id(text)]
    ids = list(dict.fromkeys(user_id_of(user) for user in found))
    if not ids:
        raise CommandError(f"There is no user {text!r}.")
    if len(ids) > 1:
        raise CommandError(
            f"{text!r} is the user name of the user with the id {ids[0]}, and the id of the user "
            f"{found[-1].get_username()!r}. Say which one: --username {text} or --user-id {text}."
        )
    return ids[0]

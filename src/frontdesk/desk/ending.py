"""``manage.py frontdesk end``: take badges back (OWASP ASVS 7.4.5)."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from frontdesk import clock, sessions
from frontdesk.desk.console import Console
from frontdesk.desk.subcommand import Exit, duration, known_user, stopped
from frontdesk.everyone import (
    all_records,
    end_everybody,
    end_owned,
    end_records,
    owners_of,
    records_of,
    sees_everybody,
)
from frontdesk.signals import Reason
from frontdesk.storages.record import Record
from frontdesk.tokens import as_digest
from frontdesk.user_ids import user_id_of

STAFF = Reason.REVOKED_BY_STAFF

UNSEEN = (
    "This storage cannot list its sessions, so those of each user were ended. Anonymous sessions, and "
    "those of users who are gone, were not seen."
)


class End:
    """Ends the sessions of a user, one session, or all; or those of them that are old."""

    name = "end"
    help = "End sessions: whoever holds them is signed out at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See ``Subcommand``."""
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--user", help="Those of this username or user id.")
        whose.add_argument("--session", metavar="ID", help="The one with this session id.")
        whose.add_argument("--everybody", action="store_true", help="All of them, yours included.")
        parser.add_argument(
            "--unseen-for",
            type=duration,
            metavar="DURATION",
            help="Only those not used for so long: 90s, 15m, 12h, 30d, 2w.",
        )
        parser.add_argument(
            "--signed-in-for",
            type=duration,
            metavar="DURATION",
            help="Only those whose sign-in is so long ago, or who began then and never signed in.",
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask for confirmation.")
        parser.add_argument("--json", action="store_true", help='Write {"ended": NUMBER}.')

    def run(self, console: Console, options: dict[str, Any]) -> None:
        """See ``Subcommand``."""
        _require_sense(options)
        user = None if options["user"] is None else known_user(options["user"])
        if not options["yes"]:
            if not console.interactive:
                raise stopped("Nobody is here to confirm; say --yes.", Exit.USAGE)
            if not console.confirmed(f"End {_whose(options, user)}?"):
                raise stopped("Nothing was ended.", Exit.NOTHING)
        ended = _ended(options, user)
        if options["json"]:
            console.json({"ended": ended})
        elif ended:
            console.result(f"Ended {ended} session{'' if ended == 1 else 's'}.")
        if options["everybody"] and not sees_everybody():
            console.say(UNSEEN)
        if not ended:
            raise stopped("There was no such session.", Exit.NOTHING)


def _require_sense(options: dict[str, Any]) -> None:
    if options["session"] is None:
        return
    if as_digest(options["session"]) is None:
        raise stopped("A session id is 64 hexadecimal digits, as list shows them.", Exit.USAGE)
    if _is_narrowed(options):
        raise stopped("A single session is ended however old it is.", Exit.USAGE)


def _is_narrowed(options: dict[str, Any]) -> bool:
    return options["unseen_for"] is not None or options["signed_in_for"] is not None


def _whose(options: dict[str, Any], user: AbstractBaseUser | None) -> str:
    """Return in words what is about to end."""
    if options["session"] is not None:
        return f"session {options['session']}"
    which = "the old sessions" if _is_narrowed(options) else "all sessions"
    if user is None:
        return f"{which} of everybody, yours included"
    return f"{which} of {user.get_username()} (user id {user.pk})"


def _ended(options: dict[str, Any], user: AbstractBaseUser | None) -> int:
    if options["session"] is not None:
        return len(end_owned(owners_of([options["session"]]), STAFF))
    if _is_narrowed(options):
        return end_records(_old(options, user), STAFF)
    if user is None:
        return end_everybody(STAFF)
    return sessions.end_all(user, reason=STAFF)


def _old(options: dict[str, Any], user: AbstractBaseUser | None) -> Iterator[Record]:
    """Go through the chosen sessions that are as old as was said."""
    chosen = all_records() if user is None else records_of(user_id_of(user))
    now = clock.now()
    seen_by = now - (options["unseen_for"] or 0)
    signed_in_by = now - (options["signed_in_for"] or 0)
    return (
        record
        for record in chosen
        if record.last_seen <= seen_by and (record.authenticated or record.created) <= signed_in_by
    )

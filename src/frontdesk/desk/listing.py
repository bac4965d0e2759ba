"""``manage.py frontdesk list``: who is in."""

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from frontdesk.accounts import names_of
from frontdesk.desk.console import Console
from frontdesk.desk.subcommand import Exit, known_user, stopped, whole_number
from frontdesk.everyone import alive, all_records, records_of, sees_everybody
from frontdesk.sessions import SessionInfo, info_of
from frontdesk.storages.record import Record
from frontdesk.user_ids import user_id_of
from frontdesk.values import serializer_in_force

TOGETHER = 200
"""Sessions whose usernames are looked up by one query."""

HEADINGS = ("ID", "USER", "DEVICE", "ADDRESS", "SIGNED IN", "LAST SEEN", "ENDS")

UNSEEN = (
    "This storage cannot list its sessions, so those of each user were asked for. Anonymous sessions are "
    "not among them."
)

Named = tuple[SessionInfo, str | None]
"""A session and the username of who is signed in."""


class List:
    """Shows sessions, of one user or of all."""

    name = "list"
    help = "List the live sessions of a user or of everybody."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See ``Subcommand``."""
        parser.add_argument("--user", help="Only those of this username or user id.")
        parser.add_argument("--json", action="store_true", help="A JSON list instead of a table.")
        parser.add_argument("--limit", type=whole_number, help="At most so many.")
        parser.add_argument(
            "--after", metavar="ID", help="Go on after this session id, in the order of ids."
        )

    def run(self, console: Console, options: dict[str, Any]) -> None:
        """See ``Subcommand``."""
        named = islice(_named(_chosen(options["user"], options["after"])), options["limit"])
        if options["json"]:
            count = console.json_list(_as_json(*one) for one in named)
        else:
            count = console.table(HEADINGS, (_as_row(*one) for one in named))
        if options["user"] is None and not sees_everybody():
            console.say(UNSEEN)
        if not count:
            raise stopped("Nobody is in.", Exit.NOTHING)


def _chosen(user: str | None, after: str | None) -> Iterator[Record]:
    if user is not None:
        if after is not None:
            raise stopped("--after and --user do not go together.", Exit.USAGE)
        return alive(records_of(user_id_of(known_user(user))))
    if after is not None and not sees_everybody():
        raise stopped("--after needs a storage that can list its sessions.", Exit.USAGE)
    return alive(all_records(after or ""))


def _named(records: Iterable[Record]) -> Iterator[Named]:
    remaining, serializer = iter(records), serializer_in_force()
    while page := list(islice(remaining, TOGETHER)):
        names = names_of(record.user_id for record in page)
        for record in page:
            yield info_of(record, serializer), names.get(record.user_id or "")


def _as_json(info: SessionInfo, name: str | None) -> dict[str, Any]:
    return {
        "id": info.id,
        "user_id": info.user_id,
        "username": name,
        "device": info.device,
        "ip": info.ip,
        "user_agent": info.user_agent,
        "created": info.created,
        "authenticated": info.authenticated,
        "last_seen": info.last_seen,
        "idle_until": info.idle_until,
        "ends_at": info.ends_at,
    }


def _as_row(info: SessionInfo, name: str | None) -> tuple[str, ...]:
    gone = f"(user {info.user_id} is gone)" if info.user_id else "-"
    return (
        info.id,
        name if name is not None else gone,
        info.device,
        info.ip or "-",
        _as_text(info.authenticated),
        _as_text(info.last_seen),
        _as_text(info.ends),
    )


def _as_text(moment: datetime | None) -> str:
    return "-" if moment is None else moment.strftime("%Y-%m-%d %H:%MZ")

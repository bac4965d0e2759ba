"""``manage.py frontdesk``: list, end, count and purge sessions."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.core.management import CommandError

from frontdesk.core import clock
from frontdesk.core.flow import run
from frontdesk.core.record import Record
from frontdesk.http.purge import BATCH, MARGIN, purge
from frontdesk.http.values import serializer_in_force
from frontdesk.sessions import SessionInfo, info_of
from frontdesk.staff import operations
from frontdesk.staff.commands.arguments import (
    NAMED,
    SHOWN,
    UNITS,
    add_choice_of_ends,
    add_subcommand,
    add_user,
    chosen_ids,
    chosen_user,
    number,
)
from frontdesk.staff.commands.output import Output, counted, times_as_json
from frontdesk.staff.commands.terminal import Progress
from frontdesk.storages import get_storage
from frontdesk.storages.base import Scans
from frontdesk.words.times import ago_in_words


def add_subcommands(subcommands: Any) -> None:
    """Add ``list``, ``end``, ``stats`` and ``purge``."""
    added = add_subcommand(
        subcommands, "list", list_sessions, "List live sessions, most recently used first."
    )
    add_user(added.add_mutually_exclusive_group())
    added.add_argument(
        "--limit",
        type=number,
        help=f"At most so many; {SHOWN} if not given, or all with --json.",
    )

    added = add_subcommand(
        subcommands, "end", end_sessions, "End sessions. Their users are signed out at once."
    )
    add_choice_of_ends(added, "--session", "sessions")

    add_subcommand(subcommands, "stats", count_sessions, "Count live sessions.")

    added = add_subcommand(
        subcommands, "purge", purge_sessions, "Delete expired sessions, in batches."
    )
    added.add_argument("--batch", type=number, default=BATCH, help="How many at once.")
    added.add_argument("--limit", type=number, help="Stop after so many.")
    added.add_argument(
        "--pause", type=float, default=0.0, metavar="SECONDS", help="Wait after each batch."
    )
    added.add_argument("--dry-run", action="store_true", help="Only count.")


def list_sessions(out: Output, options: dict[str, Any]) -> None:
    """Show live sessions, or write all of them as JSON."""
    user_id, limit = chosen_user(options), options["limit"]
    if out.as_json and limit is None:
        found = operations.all_sessions() if user_id is None else operations.sessions_of(user_id)
        out.write_json(_as_json(*each) for each in _described(found))
        return
    limit = limit or SHOWN
    total, newest = (
        operations.newest_of_all(limit)
        if user_id is None
        else operations.newest(operations.sessions_of(user_id), limit)
    )
    if out.as_json:
        out.write_json(_as_json(*each) for each in _described(newest))
        return
    _write_table(out, newest)
    words = counted(total, "session")
    if len(newest) < total:
        words = f"{len(newest)} of {words}. --limit shows more."
    out.say(words)
    if user_id is None:
        _say_what_is_missing(out)


def end_sessions(out: Output, options: dict[str, Any]) -> None:
    """Show sessions, ask, and end them."""
    user_id = chosen_user(options)
    total, named = operations.newest(_reading(out, _selected(options, user_id)), NAMED)
    if not out.as_json:
        _write_table(out, named)
        if total > len(named):
            out.stdout.write(f"and {total - len(named)} more")
    if options["all"]:
        _say_what_is_missing(out)
    if not out.may_end(total, "session", options):
        return
    ended = 0
    with Progress(out.stderr, "Ended", total) as progress:
        for batch in operations.end_sessions(record.id for record in _selected(options, user_id)):
            ended += len(batch)
            progress.advance(len(batch))
    out.write_result({"ended": ended}, f"{counted(ended, 'session')} ended.")


def count_sessions(out: Output, _options: dict[str, Any]) -> None:
    """Write how many sessions there are of each sort."""
    now, storage, users = clock.now(), get_storage(), set()
    counts: Counter[str] = Counter()
    for record in _reading(out, operations.all_sessions()):
        counts["live"] += 1
        counts["anonymous"] += record.user_id is None
        counts["last_hour"] += record.last_seen > now - UNITS["h"]
        counts["last_day"] += record.last_seen > now - UNITS["d"]
        users.add(record.user_id)
    expired = storage.count_expired(now - MARGIN) if isinstance(storage, Scans) else None
    lines: list[tuple[str, str, int | None]] = [
        ("live", "live sessions", counts["live"]),
        ("signed_in", "signed in", counts["live"] - counts["anonymous"]),
        ("users", "different users", len(users - {None})),
        ("anonymous", "anonymous", counts["anonymous"] if operations.can_list() else None),
        ("used_in_the_last_hour", "used in the last hour", counts["last_hour"]),
        ("used_in_the_last_day", "used in the last 24 hours", counts["last_day"]),
        ("expired", "expired, to be purged", expired),
    ]
    if out.as_json:
        out.write_json([{name: count for name, _words, count in lines}])
        return
    out.stdout.write(operations.storage_in_words(storage))
    for _name, words, count in lines:
        out.stdout.write(f"{'-' if count is None else count:>10}  {words}")
    _say_what_is_missing(out)


def purge_sessions(out: Output, options: dict[str, Any]) -> None:
    """Delete expired sessions, or count them."""
    storage, limit = get_storage(), options["limit"]
    count = storage.count_expired(clock.now() - MARGIN) if isinstance(storage, Scans) else None
    if options["dry_run"]:
        if count is None:
            raise CommandError("This storage cannot count what has expired.")
        out.write_result({"would_delete": count}, f"{counted(count, 'session')} would be deleted.")
        return
    with Progress(out.stderr, "Deleted", count and min(count, limit or count)) as progress:

        def on_batch(size: int) -> None:
            progress.advance(size)
            if size:
                time.sleep(options["pause"])

        deleted = run(purge(options["batch"], limit, on_batch))
    out.write_result({"deleted": deleted}, f"{counted(deleted, 'session')} deleted.")


def _say_what_is_missing(out: Output) -> None:
    if not operations.can_list():
        out.say(
            "This storage cannot list its sessions, so each user's were read. Anonymous ones are "
            "missing."
        )


def _reading(out: Output, records: Iterable[Record]) -> Iterator[Record]:
    with Progress(out.stderr, "Reading sessions") as progress:
        for record in records:
            progress.advance()
            yield record


def _write_table(out: Output, records: Iterable[Record]) -> None:
    headings = ("ID", "USER", "DEVICE", "ADDRESS", "LAST USED")
    lines: list[tuple[str, ...]] = [
        (info.id, user, info.device, info.ip or "-", ago_in_words(info.last_seen))
        for info, user in _described(records)
    ]
    out.write_lines(headings, lines)


def _selected(options: dict[str, Any], user_id: str | None) -> Iterable[Record]:
    """Return the sessions that are to end."""
    found: Iterable[Record]
    if options["session"]:
        found = operations.find(chosen_ids(options, "session"))
    elif user_id is not None:
        found = operations.sessions_of(user_id)
    else:
        found = operations.all_sessions()
    unused_for = options["unused_for"]
    if unused_for is None:
        return found
    latest = clock.now() - unused_for
    return (record for record in found if record.last_seen <= latest)


def _described(records: Iterable[Record]) -> Iterator[tuple[SessionInfo, str]]:
    """Yield what may be seen of each session, and its user's name. One query finds a batch of names."""
    remaining, serializer = iter(records), serializer_in_force()
    while batch := list(islice(remaining, operations.BATCH)):
        names = operations.names_of(record.user_id for record in batch)
        for record in batch:
            yield info_of(record, serializer), operations.user_in_words(record.user_id, names)


def _as_json(info: SessionInfo, user: str) -> dict[str, Any]:
    return {
        "id": info.id,
        "user_id": info.user_id,
        "username": None if info.user_id is None else user,
        "device": info.device,
        "ip": info.ip,
        "user_agent": info.user_agent,
        **times_as_json(info, "created", "authenticated", "last_seen", "idle_until", "ends_at"),
    }

"""``manage.py frontdesk import``: move all sessions in from where ``MIGRATE_FROM`` says that they lived.

It moves what has not moved by being used, by the same rules. So it can run beside the traffic, be stopped
at any time, and be started again.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from django.core.management import CommandError

from frontdesk.conf import options
from frontdesk.core import clock, policy
from frontdesk.core.flow import run
from frontdesk.core.keys import Key
from frontdesk.core.record import FOREVER, Record
from frontdesk.http import changes, transport, values
from frontdesk.http.changes import Use
from frontdesk.migrate.from_django import Origin, Stored, origin
from frontdesk.staff.commands.arguments import add_subcommand
from frontdesk.staff.commands.output import Output, counted
from frontdesk.staff.commands.terminal import Progress
from frontdesk.storages import get_storage
from frontdesk.storages.base import Scans, Storage
from frontdesk.storages.moving import MovingStorage

MOVED: Final = "moved"
THERE: Final = "there already"
ENDED: Final = "ended"
UNREADABLE: Final = "unreadable"

USED: Final = "They move when they are used."

Outcomes = Counter[str]
"""What became of some sessions: how many of each."""


def add_subcommands(subcommands: Any) -> None:
    """Add ``import``."""
    add_subcommand(
        subcommands, "import", import_sessions, "Move sessions in from where MIGRATE_FROM says."
    )


def import_sessions(out: Output, _options: dict[str, Any]) -> None:
    """Move sessions in, and write what became of them."""
    counts: Outcomes = Counter()
    with Progress(out.stderr, "Imported", _to_import()) as progress:
        for batch in _imported():
            counts.update(batch)
            progress.advance(batch.total())
    result = {
        "moved": counts[MOVED],
        "there_already": counts[THERE],
        "ended": counts[ENDED],
        "unreadable": counts[UNREADABLE],
    }
    said = (
        f"{counted(result['moved'], 'session')} moved, {result['there_already']} there already, "
        f"{result['ended']} ended before, {result['unreadable']} empty or unreadable."
    )
    out.write_result(result, said)


def _to_import() -> int | None:
    """Return how many sessions there may be to move; ``None`` if the place cannot tell."""
    old = origin()
    return old.count() if old is not None and old.can_list else None


def _imported() -> Iterator[Outcomes]:
    """Move the sessions in batches. Raises ``CommandError`` if there is nothing to move them from."""
    storage, old = get_storage(), origin()
    if isinstance(storage, MovingStorage):
        if not isinstance(storage.old, Scans):
            raise CommandError(f"{type(storage.old).__name__} cannot list its sessions. {USED}")
        return _from_storage(storage, storage.old)
    if old is None:
        raise CommandError("FRONTDESK['MIGRATE_FROM'] does not say where sessions lived before.")
    if not old.can_list:
        raise CommandError(f"{old.engine.__module__} cannot list its sessions. {USED}")
    return (_move(storage, old, batch) for batch in old.batches())


def _from_storage(storage: MovingStorage, old: Scans) -> Iterator[Outcomes]:
    for record in old.scan():
        yield Counter([MOVED if run(storage.move(record.id)) else THERE])


def _move(storage: Storage, old: Origin, batch: list[Stored]) -> Outcomes:
    records = {stored.key: _record_of(stored) for stored in batch}
    movable = {key: record for key, record in records.items() if record is not None}
    inserted = storage.swap([(None, record) for record in movable.values()])
    known = [new.id for new, done in zip(movable.values(), inserted, strict=True) if not done]
    live = sum(record.is_live(clock.now()) for record in storage.load(known)) if known else 0
    # A request that was cut off has left the copy of one that is there, or has ended. It must not return.
    old.delete_all(list(movable))
    return Counter(
        {
            MOVED: sum(inserted),
            THERE: live,
            ENDED: len(known) - live,
            UNREADABLE: len(batch) - len(movable),
        }
    )


def _record_of(stored: Stored) -> Record | None:
    """Return the record of a session that has not been used since Django stored it."""
    key = Key.parse(stored.key)
    if key is None or not stored.dictionary:
        return None
    now, limits, serializer = clock.now(), options().limits, values.serializer_in_force()
    use = Use(now, limits, None, transport.COOKIE.described())
    record = changes.new_record(key, stored.dictionary, serializer, use)
    if record.idle < FOREVER:
        # Unless it is used before, it ends when Django would have ended it. It is as old as what Django
        # stored. If the absolute timeout has passed since then, it begins now, as by being used.
        stored_at = min(now, stored.expires - record.idle)
        older = changes.new_record(key, stored.dictionary, serializer, use._replace(now=stored_at))
        record = (
            replace(older, version=record.version)
            if policy.is_alive(older, limits, now)
            else replace(record, idle=stored.expires - now)
        )
    return replace(record, authenticated=None)

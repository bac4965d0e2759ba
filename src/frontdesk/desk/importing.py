"""``manage.py frontdesk import``: move in what has not moved in by being used."""

import logging
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from frontdesk import clock
from frontdesk.asking import asked
from frontdesk.conf import options as settings_in_force
from frontdesk.desk import transfer
from frontdesk.desk.console import Console
from frontdesk.desk.subcommand import Exit, stopped
from frontdesk.difference import Present
from frontdesk.drive import Call, Flow, run
from frontdesk.errors import UndecodableRecord
from frontdesk.moving.arrival import record_of
from frontdesk.moving.places import old_place
from frontdesk.moving.stock import Entry, StockPlace
from frontdesk.moving.waiting import NAME_LENGTH
from frontdesk.storages import get_storage
from frontdesk.storages.base import Scans, Storage
from frontdesk.storages.handover import deleted, handed_over
from frontdesk.storages.moving import MovingStorage, move
from frontdesk.storages.record import Record
from frontdesk.tokens import digest_of
from frontdesk.values import serializer_in_force

logger = logging.getLogger("frontdesk")

EXPIRED = "expired"
UNDECODABLE = "undecodable"
ALREADY_THERE = "already there"
FOREIGN = "no key"
WAITING = "waiting for its key"

STALLED = 60 * clock.SECOND
"""A move takes milliseconds. One that has not deleted the old copy after this time was cut off."""


class Import:
    """Moves all sessions from where ``MIGRATE_FROM`` says, beside the visitors who move theirs."""

    name = "import"
    help = "Move sessions in from where FRONTDESK['MIGRATE_FROM'] says they lived before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See ``Subcommand``."""
        transfer.add_arguments(parser)

    def run(self, console: Console, options: dict[str, Any]) -> None:
        """See ``Subcommand``."""
        outcomes, place = _outcomes(dry_run=options["dry_run"]), old_place()
        total = None if place is None else place.total()
        transfer.carry_out(console, options, "Imported", outcomes, total)


def _outcomes(*, dry_run: bool) -> Iterator[str]:
    place, storage = old_place(), get_storage()
    if isinstance(storage, MovingStorage):
        if not isinstance(storage.old, Scans):
            raise stopped(
                f"{type(storage.old).__name__} cannot list its sessions. They move as they are used.",
                Exit.NOTHING,
            )
        return _from_storage(storage, storage.old, dry_run=dry_run)
    if place is None:
        raise stopped(
            "FRONTDESK['MIGRATE_FROM'] does not say where sessions lived before.", Exit.USAGE
        )
    if not place.listable:
        raise stopped("A cache cannot list its sessions. They move as they are used.", Exit.NOTHING)
    return _from_place(place, storage, dry_run=dry_run)


def _from_storage(storage: MovingStorage, old: Scans, *, dry_run: bool) -> Iterator[str]:
    for record in old.scan():
        yield transfer.MOVED if dry_run or move(storage, record.digest) else ALREADY_THERE


def _from_place(place: StockPlace, storage: Storage, *, dry_run: bool) -> Iterator[str]:
    serializer = serializer_in_force()
    for entry in place.entries():
        yield run(_moved(place, storage, entry, serializer, dry_run=dry_run))


def _moved(
    place: StockPlace, storage: Storage, entry: Entry, serializer: Any, *, dry_run: bool
) -> Flow[str]:
    """Move one session by the rules of :mod:`frontdesk.moving`; return what became of it."""
    key, session = entry
    digest = digest_of(key)
    if digest is None:
        return WAITING if len(key) == NAME_LENGTH else FOREIGN
    if session is None:
        return EXPIRED
    try:
        if isinstance(session, UndecodableRecord):
            raise session
        present = Present(clock.now(), settings_in_force(), None)
        record = record_of(session, digest, serializer, present)
    except UndecodableRecord as error:
        logger.error("%s Session %s is left where it is.", error, digest)
        return UNDECODABLE
    if dry_run:
        return transfer.MOVED
    forget = Call(place, "remove", (key,))
    if (yield from asked(storage, "insert", record)):
        arrived = yield from handed_over(storage, digest, forget)
        return transfer.MOVED if arrived else ALREADY_THERE
    found = yield from asked(storage, "read", digest)
    if isinstance(found, Record) and found.created < clock.now() - STALLED:
        yield from deleted(forget)
    return ALREADY_THERE

"""``manage.py frontdesk export``: move sessions back to the stock engine of the way back."""

from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from frontdesk.desk import transfer
from frontdesk.desk.console import Console
from frontdesk.desk.importing import EXPIRED, UNDECODABLE, logger
from frontdesk.desk.subcommand import Exit, stopped
from frontdesk.drive import Flow, run
from frontdesk.errors import UndecodableRecord
from frontdesk.moving.departure import sent_back, session_of, taken_out
from frontdesk.moving.places import place_of
from frontdesk.moving.stock import StockPlace
from frontdesk.moving.waiting import WithWaiting, waiting_name
from frontdesk.storages import get_storage
from frontdesk.storages.base import Scans, Storage
from frontdesk.storages.record import Record
from frontdesk.values import serializer_in_force

GONE = "moved or ended meanwhile"


class Export:
    """Moves all sessions to where ``SESSION_ENGINE``, one of ``frontdesk.wayback``, finds them."""

    name = "export"
    help = (
        "Move sessions back to Django's engine, while SESSION_ENGINE is one of frontdesk.wayback."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See ``Subcommand``."""
        transfer.add_arguments(parser)

    def run(self, console: Console, options: dict[str, Any]) -> None:
        """See ``Subcommand``."""
        transfer.carry_out(console, options, "Exported", _outcomes(dry_run=options["dry_run"]))


def _outcomes(*, dry_run: bool) -> Iterator[str]:
    engine, storage = settings.SESSION_ENGINE, get_storage()
    if not hasattr(import_string(f"{engine}.SessionStore"), "stock_engine"):
        raise stopped(
            f"SESSION_ENGINE is {engine!r}, which would not find what is exported. Switch the site to "
            "frontdesk.wayback.db, .cached_db, .cache or .file first; nobody is signed out by that.",
            Exit.USAGE,
        )
    place = place_of(engine)
    if not isinstance(storage, Scans):
        raise stopped(
            f"{type(storage).__name__} cannot list its sessions. They move as they are used.",
            Exit.NOTHING,
        )
    if isinstance(place, WithWaiting):
        place = place.place
    return _sent_back(storage, storage.scan(), place, dry_run=dry_run)


def _sent_back(
    storage: Storage, records: Iterator[Record], place: StockPlace, *, dry_run: bool
) -> Iterator[str]:
    serializer = serializer_in_force()
    for record in records:
        yield run(_exported(storage, record, place, serializer, dry_run=dry_run))


def _exported(
    storage: Storage, record: Record, place: StockPlace, serializer: Any, *, dry_run: bool
) -> Flow[str]:
    try:
        session = session_of(record, serializer)
    except UndecodableRecord as error:
        logger.error("%s Session %s is left where it is.", error, record.digest)
        return UNDECODABLE
    if session is None:
        return EXPIRED
    if dry_run:
        return transfer.MOVED
    forget = partial(taken_out, storage, record.digest)
    done = yield from sent_back(place, waiting_name(record.digest), session, forget)
    return GONE if done is None else transfer.MOVED

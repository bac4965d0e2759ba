"""``manage.py frontdesk purge``: delete what has expired, a little at a time."""

from argparse import ArgumentParser, ArgumentTypeError
from functools import partial
from typing import Any

from frontdesk import clock
from frontdesk.desk.console import Console
from frontdesk.desk.interruption import Wish, interruptible
from frontdesk.desk.subcommand import Exit, seconds, stopped, whole_number
from frontdesk.drive import run
from frontdesk.purging import BATCH, purged
from frontdesk.storages import get_storage
from frontdesk.storages.base import CountsExpired

LARGEST_BATCH = 10_000
"""What each database takes in one statement."""


class Purge:
    """Deletes in batches, so that nobody waits behind it for long; it may be stopped at any time."""

    name = "purge"
    help = "Delete what has expired, in batches."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See ``Subcommand``."""
        parser.add_argument(
            "--batch",
            type=_batch,
            default=BATCH,
            help=f"So many at a time, {LARGEST_BATCH} at most; {BATCH} when not given.",
        )
        parser.add_argument(
            "--pause",
            type=seconds,
            default=0.0,
            metavar="SECONDS",
            help="Rest between two batches, to leave the storage to the visitors.",
        )
        parser.add_argument("--limit", type=whole_number, help="Stop after so many.")
        parser.add_argument("--dry-run", action="store_true", help="Only count what would go.")
        parser.add_argument("--json", action="store_true", help='Write {"removed": NUMBER, ...}.')

    def run(self, console: Console, options: dict[str, Any]) -> None:
        """See ``Subcommand``."""
        expired, limit = _expired(), options["limit"]
        if expired is not None and limit is not None:
            expired = min(expired, limit)
        if options["dry_run"]:
            _foretell(console, expired, options)
            return
        with interruptible() as wish, console.progress("Deleted", expired or limit) as progress:
            removed = run(
                purged(
                    options["batch"],
                    limit,
                    on_batch=progress.advance,
                    rest=partial(_rested, wish, options["pause"]),
                )
            )
        if options["json"]:
            console.json({"removed": removed, "interrupted": wish.to_stop})
        else:
            console.result(f"Deleted {removed} of what had expired.")
        if wish.to_stop:
            raise stopped("Interrupted. What remains goes with the next purge.", Exit.INTERRUPTED)


def _expired() -> int | None:
    """Return how much there is to delete; ``None`` if the storage cannot say."""
    storage = get_storage()
    return storage.count_expired(clock.now()) if isinstance(storage, CountsExpired) else None


def _foretell(console: Console, expired: int | None, options: dict[str, Any]) -> None:
    if expired is None:
        raise stopped("This storage cannot say what has expired without deleting it.", Exit.NOTHING)
    if options["json"]:
        console.json({"would_remove": expired})
    else:
        console.result(f"Would delete {expired} of what has expired.")


def _rested(wish: Wish, pause: float) -> bool:
    """Rest between two batches; ``False`` if somebody wants the purge to stop."""
    wish.pause(pause)
    return not wish.to_stop


def _batch(text: str) -> int:
    number = whole_number(text)
    if number > LARGEST_BATCH:
        raise ArgumentTypeError(f"{text} is more than {LARGEST_BATCH}")
    return number

"""``manage.py frontdesk stats``: how many are in."""

from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from frontdesk import clock
from frontdesk.desk.console import Console
from frontdesk.everyone import alive, all_records, sees_everybody
from frontdesk.storages import get_storage
from frontdesk.storages.record import Record

UNSEEN = "This storage cannot list its sessions: the anonymous ones are not counted."


@dataclass
class Tally:
    """What is counted, a session at a time."""

    live: int = 0
    signed_in: int = 0
    size: int = 0
    """Bytes of the encoded values and their keys."""
    days: Counter[str] = field(default_factory=Counter)
    """Of sign-ins, in UTC."""

    def add(self, record: Record) -> None:
        """Count ``record``."""
        self.live += 1
        self.size += sum(len(key.encode()) + len(value) for key, value in record.values.items())
        if record.user_id is not None:
            self.signed_in += 1
        if record.authenticated is not None:
            self.days[clock.to_datetime(record.authenticated).date().isoformat()] += 1


class Stats:
    """Counts the live sessions."""

    name = "stats"
    help = "Count the live sessions: signed in, per day of sign-in, per storage, and their bytes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See ``Subcommand``."""
        parser.add_argument("--json", action="store_true", help="JSON instead of a table.")

    def run(self, console: Console, options: dict[str, Any]) -> None:
        """See ``Subcommand``."""
        tally = Tally()
        with console.progress("Counted") as progress:
            for record in alive(all_records()):
                tally.add(record)
                progress.advance()
        storage = type(get_storage()).__name__
        if options["json"]:
            console.json(_as_json(tally, storage))
        else:
            console.table(("", "SESSIONS", "BYTES"), _as_rows(tally, storage))
        if not sees_everybody():
            console.say(UNSEEN)


def _as_json(tally: Tally, storage: str) -> dict[str, Any]:
    seen = sees_everybody()
    return {
        "live": tally.live,
        "signed_in": tally.signed_in,
        "anonymous": tally.live - tally.signed_in if seen else None,
        "signed_in_per_day": dict(sorted(tally.days.items())),
        "storages": {storage: {"live": tally.live, "bytes": tally.size}},
    }


def _as_rows(tally: Tally, storage: str) -> list[tuple[str, str, str]]:
    anonymous = str(tally.live - tally.signed_in) if sees_everybody() else "?"
    return [
        ("live", str(tally.live), str(tally.size)),
        ("signed in", str(tally.signed_in), ""),
        ("anonymous", anonymous, ""),
        *((f"signed in on {day}", str(count), "") for day, count in sorted(tally.days.items())),
        (f"in {storage}", str(tally.live), str(tally.size)),
    ]

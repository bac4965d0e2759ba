"""What ``import`` and ``export`` share: sessions that go one by one, while the site is in use."""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any

from frontdesk.desk.console import Console
from frontdesk.desk.interruption import interruptible
from frontdesk.desk.subcommand import Exit, seconds, stopped, whole_number

MOVED = "moved"
BATCH = 500


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the arguments that both have."""
    parser.add_argument(
        "--batch",
        type=whole_number,
        default=BATCH,
        help=f"So many between two pauses; {BATCH} when not given.",
    )
    parser.add_argument(
        "--pause",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="Rest between two batches, to leave the storages to the visitors.",
    )
    parser.add_argument("--dry-run", action="store_true", help="Only count what would be moved.")
    parser.add_argument("--json", action="store_true", help='Write {"moved": NUMBER, ...}.')


def carry_out(
    console: Console,
    options: dict[str, Any],
    what: str,
    outcomes: Iterator[str],
    total: int | None = None,
) -> None:
    """Go through ``outcomes``, each of which says what became of a session, and count them."""
    counted: Counter[str] = Counter({MOVED: 0})
    with interruptible() as wish, console.progress(what, total) as progress:
        for number, outcome in enumerate(outcomes, 1):
            counted[outcome] += 1
            progress.advance()
            if number % options["batch"] == 0:
                wish.pause(options["pause"])
            if wish.to_stop:
                break
    _report(console, options, counted, interrupted=wish.to_stop)
    if wish.to_stop:
        raise stopped("Interrupted. Run it again to go on.", Exit.INTERRUPTED)


def _report(
    console: Console, options: dict[str, Any], counted: Counter[str], *, interrupted: bool
) -> None:
    if options["json"]:
        keyed = {name.replace(" ", "_"): count for name, count in counted.items()}
        moved = keyed.pop(MOVED)
        first = "would_move" if options["dry_run"] else MOVED
        console.json({first: moved, **keyed, "interrupted": interrupted})
        return
    verb = "Would move" if options["dry_run"] else "Moved"
    moved = counted.pop(MOVED)
    console.result(f"{verb} {moved} session{'' if moved == 1 else 's'}.")
    for name, count in sorted(counted.items()):
        console.result(f"Skipped {count}: {name}.")

"""``manage.py frontdesk import``: move sessions in from where they lived before."""

from collections import Counter
from typing import Any

from frontdesk.staff import importing
from frontdesk.staff.commands.arguments import add_subcommand
from frontdesk.staff.commands.output import Output
from frontdesk.staff.commands.sessions import sessions_in_words
from frontdesk.staff.terminal import Progress


def add_subcommands(subcommands: Any) -> None:
    """Add ``import``."""
    add_subcommand(
        subcommands, "import", import_sessions, "Move sessions in from where MIGRATE_FROM says."
    )


def import_sessions(out: Output, _options: dict[str, Any]) -> None:
    """Move sessions in, and write what became of them."""
    counts: importing.Outcomes = Counter()
    with Progress(out.stderr, "Imported", importing.to_import()) as progress:
        for batch in importing.imported():
            counts.update(batch)
            progress.advance(batch.total())
    result = {
        "moved": counts[importing.MOVED],
        "there_already": counts[importing.THERE],
        "unreadable": counts[importing.UNREADABLE],
    }
    said = (
        f"{sessions_in_words(result['moved'])} moved, {result['there_already']} there already, "
        f"{result['unreadable']} empty or unreadable."
    )
    out.write_result(result, said)

"""The table, in Markdown."""

from benchmarks.outages.outage import Outcome

COLUMNS = (
    "storage", "server", "fault", "requests", "503", "other", "signed out", "wrong user", "lost", "doubled",
    "revived", "slowest ms", "plain ms", "recovery s", "log",
)


def head() -> str:
    """Return the first two lines."""
    return f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def row(storage: str, server: str, fault: str, outcome: Outcome) -> str:
    """Return the line of one fault."""
    cells = [
        storage,
        server,
        fault,
        outcome.requests,
        outcome.unavailable,
        outcome.errors.total(),
        outcome.sign_outs,
        outcome.wrong_users,
        outcome.lost,
        outcome.doubled,
        outcome.revived,
        f"{outcome.slowest:.0f}",
        f"{outcome.slowest_plain:.0f}",
        f"{outcome.recovery:.1f}",
        f"{outcome.processes} x {outcome.incidents}",
    ]
    return f"| {' | '.join(map(str, cells))} |"

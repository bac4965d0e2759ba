"""One storage, one web server, one fault under load, and what came of it."""

import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.hammer.server import Served
from benchmarks.outages.faults import Fault
from benchmarks.outages.visitors import Diary, Noted, Visitors

CALM = 1.0
"""Seconds of traffic before the fault, and after the recovery."""
PATIENCE = 20
"""Seconds after which the site counts as not recovered."""
GRACE = 2.0
"""Seconds that a busy machine may add to what a request waits for."""

LINE = re.compile(
    r"^\w+ frontdesk \[(\d+)\] The session storage (cannot answer|answers again)", re.MULTILINE
)


class Load(NamedTuple):
    """Who comes, and to which web server."""

    prefix: str
    people: int
    timeout: float | None
    """Seconds that one answer of the storage may take; ``None`` for no limit."""


@dataclass
class Outcome:
    """What the table says of one fault."""

    requests: int
    unavailable: int
    """Answers of 503."""
    errors: Counter[int]
    """Any other answer but 200, by its status; 0 for none."""
    sign_outs: int
    wrong_users: int
    lost: int
    doubled: int
    revived: int
    slowest: float
    """Milliseconds: of the requests that needed a session and were under way during the fault."""
    slowest_plain: float
    """The same of those that needed none."""
    recovery: float
    """Seconds from the server's return to the last 503."""
    processes: int
    """How many processes have logged the outage."""
    incidents: int
    """Outages in the log of the process that logged most."""
    unclosed: int
    """Outages whose end is not in the log."""
    forgets: bool
    timeout: float | None

    @property
    def faults(self) -> list[str]:
        """What should not be, in words."""
        never = ["wrong_users", "doubled"]
        if not self.forgets:
            never += ["sign_outs", "lost", "revived"]
        found = [f"{name}: {count}" for name in never if (count := getattr(self, name))]
        if self.timeout is not None:
            # One limit for whoever holds the worker, and one for the request itself.
            found += ["a page was slow"] if self.slowest > 2 * self._limit else []
            found += (
                ["a page without a session was slow"] if self.slowest_plain > self._limit else []
            )
        found += [f"{count} answers of {status}" for status, count in self.errors.items()]
        found += [f"{self.unclosed} ends of outages are not logged"] if self.unclosed else []
        found += [] if self.recovery < PATIENCE else ["it has not recovered"]
        found += [] if self.requests else ["nobody came"]
        return found

    @property
    def _limit(self) -> float:
        return ((self.timeout or 0) + GRACE) * 1000


def suffered(served: Served, load: Load, fault: Fault) -> Outcome:
    """Let visitors come, let ``fault`` happen, and return what they and the log have noted."""
    log_before = served.log.stat().st_size
    visitors = Visitors(served.port, load.prefix, load.people)
    with visitors.coming() as diary:
        fault.before()
        time.sleep(CALM)
        began = time.monotonic()
        fault.begin()
        time.sleep(fault.seconds)
        fault.end()
        back = time.monotonic()
        _recovered(diary, back)
        time.sleep(CALM)
    revived = visitors.revived()
    logged = _logged(served.log, log_before)
    return Outcome(
        **_in_the_diary(diary, began, back),
        revived=revived,
        processes=len(logged),
        incidents=max((lines["cannot answer"] for lines in logged), default=0),
        unclosed=sum(abs(lines["cannot answer"] - lines["answers again"]) for lines in logged),
        forgets=fault.forgets,
        timeout=load.timeout,
    )


def _recovered(diary: Diary, back: float) -> None:
    """Wait until a while has passed without a 503."""
    while time.monotonic() < back + PATIENCE:
        time.sleep(0.2)
        last = max((one.ended for one in diary.requests if one.status != 200), default=0)
        if time.monotonic() > max(last, back) + CALM:
            return


def _in_the_diary(diary: Diary, began: float, back: float) -> dict[str, Any]:
    """Return what the visitors have noted, as fields of :class:`Outcome`."""
    failed = [one for one in diary.requests if one.status != 200]
    meanwhile = [one for one in diary.requests if one.began <= back and began <= one.ended]
    return {
        "requests": len(diary.requests),
        "unavailable": sum(one.status == 503 for one in failed),
        "errors": Counter(one.status for one in failed if one.status != 503),
        "sign_outs": diary.sign_outs,
        "wrong_users": diary.wrong_users,
        "lost": diary.lost,
        "doubled": diary.doubled,
        "slowest": _slowest(one for one in meanwhile if one.page != "plain"),
        "slowest_plain": _slowest(one for one in meanwhile if one.page == "plain"),
        "recovery": max([0.0, *(one.ended - back for one in failed)]),
    }


def _slowest(requests: Iterable[Noted]) -> float:
    return max((one.ms for one in requests), default=0.0)


def _logged(log: Path, start: int) -> list[Counter[str]]:
    """Return what each process has logged of the outage."""
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode()
    lines: dict[str, Counter[str]] = {}
    for process, what in LINE.findall(text):
        lines.setdefault(process, Counter())[what] += 1
    return list(lines.values())

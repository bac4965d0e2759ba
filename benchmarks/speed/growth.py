"""What grows with the number of sessions, and what must not: a read, a list, an end, a purge, memory."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.speed.crew import Member, crew
from benchmarks.speed.places import missing, place_of
from benchmarks.speed.results import summary
from benchmarks.speed.subjects import (
    DATABASES,
    DESK_DATABASE,
    DESK_WITHOUT,
    POSTGRESQL,
    SQLITE,
    STOCK_DB,
    WSGI,
    Subject,
)

MODULE = "benchmarks.speed.growing"


class Effort(NamedTuple):
    """How much is measured."""

    sizes: tuple[int, ...] = (10_000, 1_000_000, 10_000_000)
    """Sessions in a table."""
    rounds: int = 9
    seconds: float = 0.5
    """For a slice: random reads in one table in one round."""
    of_a_user: tuple[int, ...] = (1, 100, 10_000)
    times: int = 3
    live: int = 200_000
    """In the tables that are purged, beside those that have expired."""
    expired: int = 1_000_000
    calm: float = 10
    """Seconds of traffic before a purge."""


QUICK = Effort((1000, 3000), 2, 0.1, (1, 10), 1, 1000, 2000, 0.5)

Tell = Callable[[str], None]
Found = dict[str, Any]


def measured(effort: Effort, tell: Tell) -> Found:
    """Measure growth on each database that is there; see ``results.py``."""
    if not Path("/proc/self/status").exists():
        raise SystemExit("make bench: what a purge takes in memory is read from Linux's /proc.")
    found: Found = {name: [] for name in ("reads", "bytes", "users", "purges")}
    absent: dict[str, str] = {}
    for database in (SQLITE, POSTGRESQL):
        subject = Subject(DESK_DATABASE, database)
        if reason := missing(subject, WSGI):
            absent[subject.id] = reason
            continue
        _tables(subject, effort, found, tell)
        for contestant in (DESK_DATABASE, DESK_WITHOUT, STOCK_DB):
            _purge(Subject(contestant, database), effort, found, tell)
    return {"effort": effort._asdict(), **found, "absent": absent}


def _tables(subject: Subject, effort: Effort, found: Found, tell: Tell) -> None:
    """Read in tables of each size, in turn; list and end in the middle one."""
    name = DATABASES[subject.database]
    with tempfile.TemporaryDirectory(prefix="frontdesk_speed_") as folder, ExitStack() as stack:
        places = [
            stack.enter_context(place_of(subject, number, Path(folder)))
            for number in range(len(effort.sizes))
        ]
        members: list[Member] = []
        for size, place in zip(effort.sizes, places, strict=True):
            (member,) = stack.enter_context(
                crew([(subject, WSGI, place)], first=True, module=MODULE)
            )
            said = member.tell("fill", rows=size)
            found["bytes"].append({"database": name, **said})
            tell(f"growth: {name}, {size:,} rows in {said['seconds']} s")
            members.append(member)
        reads: list[list[dict[str, float]]] = [[] for _ in members]
        for number in range(effort.rounds + 1):  # the first one is the warm-up
            for member, rounds in zip(members, reads, strict=True):
                said = member.tell("roam", seconds=effort.seconds)
                if number:
                    rounds.append(said)
                else:
                    member.tell("freeze")
        for size, rounds in zip(effort.sizes, reads, strict=True):
            found["reads"].append({"database": name, "sessions": size, **summary(rounds)})
        tell(f"growth: {name}, reads")
        for sessions in effort.of_a_user:
            said = members[1].tell("user", sessions=sessions, times=effort.times)
            found["users"].append({"database": name, "rows": effort.sizes[1], **said})
        tell(f"growth: {name}, lists and ends")


def _purge(subject: Subject, effort: Effort, found: Found, tell: Tell) -> None:
    """Purge beside traffic, and compare the traffic with that of before."""
    name = DATABASES[subject.database]
    with tempfile.TemporaryDirectory(prefix="frontdesk_speed_") as folder, ExitStack() as stack:
        place = stack.enter_context(place_of(subject, 0, Path(folder)))
        wanted = [(subject, WSGI, place)]
        (purger,) = stack.enter_context(crew(wanted, first=True, module=MODULE))
        size = purger.tell("fill", rows=effort.live)
        if subject.family == "django":
            found["bytes"].append({"database": name, "whose": subject.contestant.name, **size})
        purger.tell("expire", rows=effort.expired)
        (visitor,) = stack.enter_context(crew(wanted, first=False, module=MODULE))
        visitor.tell("filled", rows=effort.live)
        visitor.tell("traffic", seconds=min(effort.calm, 1))  # warms up
        before = visitor.tell("traffic", seconds=effort.calm)
        visitor.told("traffic", seconds=0)
        said = purger.tell("purge", rows=effort.expired)
        visitor.told("freeze")  # whatever is said ends the traffic
        beside = visitor.heard()
        visitor.heard()
        found["purges"].append(
            {
                "database": name,
                "whose": subject.contestant.name,
                **said,
                "before": before,
                "beside": beside,
            }
        )
        tell(f"growth: {name}, purge of {subject.contestant.name} in {said['seconds']} s")

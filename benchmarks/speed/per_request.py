"""What a request costs: each subject in a process of its own, all asked in turn, in rounds.

A round goes through the operations, and within each through all subjects (A B C ... A B C ...), so that
what disturbs the machine for a while disturbs all of them. Between launches all processes are new: where
a process's memory happens to lie is part of its speed.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.speed.crew import Member, Wanted, crew
from benchmarks.speed.operations import OPERATIONS, Operation
from benchmarks.speed.places import missing, place_of
from benchmarks.speed.results import summary
from benchmarks.speed.subjects import SUBJECTS


class Effort(NamedTuple):
    """How much is measured."""

    launches: int = 3
    rounds: int = 5
    """In each launch."""
    seconds: float = 0.04
    """For a slice: one operation of one subject in one round."""
    purges: int = 3


QUICK = Effort(launches=1, rounds=2, seconds=0.01, purges=1)

Tell = Callable[[str], None]
Key = tuple[str, str, str]
"""A subject's id, a colour, an operation."""

BRIEF = 1.1
"""Seconds until a session that lives for one has expired."""


def measured(effort: Effort, tell: Tell, only: str = "") -> dict[str, Any]:
    """Measure all subjects that can be measured here (whose id contains ``only``); see ``results.py``."""
    found: dict[Key, list[dict[str, float]]] = defaultdict(list)
    absent: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="frontdesk_speed_") as folder, ExitStack() as stack:
        wanted: list[Wanted] = []
        for number, subject in enumerate(SUBJECTS):
            if number and only not in subject.id:
                continue
            reasons = {colour: missing(subject, colour) for colour in subject.colours}
            absent |= {f"{subject.id} ({colour})": why for colour, why in reasons.items() if why}
            if colours := [colour for colour, why in reasons.items() if not why]:
                settings = stack.enter_context(place_of(subject, number, Path(folder)))
                wanted += [(subject, colour, settings) for colour in colours]
        for launch in range(effort.launches):
            tell(f"requests: launch {launch + 1} of {effort.launches}, {len(wanted)} processes")
            with crew(wanted, first=launch == 0) as members:
                _launch(members, effort, found, tell, purges=effort.purges if launch == 0 else 0)
    rows = [
        {"subject": subject, "colour": colour, "operation": operation, **summary(rounds)}
        for (subject, colour, operation), rounds in found.items()
    ]
    return {"effort": effort._asdict(), "rows": rows, "absent": absent, "rounds": _raw(found)}


def _launch(
    members: list[Member],
    effort: Effort,
    found: dict[Key, list[dict[str, float]]],
    tell: Tell,
    *,
    purges: int,
) -> None:
    names = [operation.name for operation in OPERATIONS]
    able = {id(member): member.tell("can", operations=names) for member in members}

    def able_to(operation: Operation) -> list[Member]:
        return [
            member
            for member in members
            if able[id(member)][operation.name] and member.colour in operation.colours
        ]

    *ordinary, purge = OPERATIONS
    for _ in range(purges):
        _purge(able_to(purge), found)
    for number in range(effort.rounds + 1):  # the first one is the warm-up
        for operation in ordinary:
            for member in able_to(operation):
                said = member.tell(
                    "slice",
                    operation=operation.name,
                    seconds=effort.seconds,
                    most=operation.most,
                )
                if number:
                    found[member.subject.id, member.colour, operation.name].append(said)
        if number == 0:
            for member in members:
                member.tell("freeze")
        tell(f"requests: round {number} of {effort.rounds}")


def _purge(members: list[Member], found: dict[Key, list[dict[str, float]]]) -> None:
    # Before anything else has been signed out, whose memory a purge may have to delete as well.
    for member in members:
        member.tell("age")
    time.sleep(BRIEF)
    for member in members:
        said = member.tell("slice", operation="purge", seconds=0, most=1)
        found[member.subject.id, member.colour, "purge"].append(said)


def _raw(found: dict[Key, list[dict[str, float]]]) -> dict[str, list[float]]:
    return {
        " | ".join(key): [round(each["wall"], 2) for each in rounds]
        for key, rounds in found.items()
    }

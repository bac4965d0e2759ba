"""The targets, each by itself: ours, theirs and the bare page in short slices, in turn, many times.

Where the whole field is asked in turn, a machine that others use too may run at another speed by the time
the second of two has its turn. Here the slices that are compared lie next to each other. A ratio is taken
in each round, and what is told is the median of the ratios.
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from benchmarks.speed.crew import Member, crew
from benchmarks.speed.operations import NEITHER
from benchmarks.speed.places import missing, place_of
from benchmarks.speed.subjects import BARE, SUBJECTS, Subject
from benchmarks.speed.targets import TARGETS, Target

MOST = 400
"""Requests in a slice."""

WARM_UP = 5
"""Rounds of each launch that do not count."""


class Effort(NamedTuple):
    """How much is measured."""

    launches: int = 2
    rounds: int = 60
    """In each launch."""
    seconds: float = 0.012
    """For a slice."""


QUICK = Effort(launches=1, rounds=3, seconds=0.005)

Tell = Callable[[str], None]
Times = dict[str, float]
"""Microseconds of a request, by subject, in one round."""


def measured(effort: Effort, tell: Tell) -> dict[str, Any]:
    """Measure each target that can be measured here; see ``results.py``."""
    rows, absent = [], {}
    for target in TARGETS:
        subjects = _subjects(target)
        reasons = [reason for each in subjects if (reason := missing(each, target.colour))]
        if reasons:
            absent[target.title] = reasons[0]
            continue
        rounds = _rounds(subjects, target, effort)
        rows.append({"target": target.title, **compared(rounds, subjects)})
        tell(f"targets: {target.title}")
    return {"effort": effort._asdict(), "rows": rows, "absent": absent}


def compared(rounds: list[Times], subjects: list[Subject]) -> dict[str, Any]:
    """Return what ``rounds`` say of the bare page, ours and, if there is one, theirs."""
    bare, ours, *theirs = (subject.id for subject in subjects)
    added = {each: [times[each] - times[bare] for times in rounds] for each in (ours, *theirs)}
    found = added[ours]
    if theirs:
        found = [one / other for one, other in zip(added[ours], added[theirs[0]], strict=True)]
    low, _, high = quantiles(found, n=4, method="inclusive")
    return {
        "measured": round(median(found), 4),
        "quartiles": [round(low, 4), round(high, 4)],
        "bare": round(median(times[bare] for times in rounds), 2),
        "ours": round(median(added[ours]), 2),
        "theirs": round(median(added[theirs[0]]), 2) if theirs else None,
        "rounds": len(rounds),
    }


def _subjects(target: Target) -> list[Subject]:
    wanted = [(BARE.name, SUBJECTS[0].database)]
    wanted += [(each.name, target.database) for each in (target.ours, target.theirs) if each]
    known = {(subject.contestant.name, subject.database): subject for subject in SUBJECTS}
    return [known[each] for each in wanted]


def _rounds(subjects: list[Subject], target: Target, effort: Effort) -> list[Times]:
    with tempfile.TemporaryDirectory(prefix="frontdesk_speed_") as folder, ExitStack() as stack:
        wanted = [
            (subject, target.colour, stack.enter_context(place_of(subject, number, Path(folder))))
            for number, subject in enumerate(subjects)
        ]
        found: list[Times] = []
        for launch in range(effort.launches):
            with crew(wanted, first=launch == 0) as members:
                for _ in range(WARM_UP):
                    _slices(members, target, effort.seconds)
                for member in members:
                    member.tell("freeze")
                found += [
                    # There and back, so that what slows down or warms up does so to all.
                    _slices(members[:: -1 if number % 2 else 1], target, effort.seconds)
                    for number in range(effort.rounds)
                ]
        return found


def _slices(members: list[Member], target: Target, seconds: float) -> Times:
    return {
        member.subject.id: member.tell(
            "slice",
            operation=target.operation if member.subject.family else NEITHER,
            seconds=seconds,
            most=MOST,
        )["wall"]
        for member in members
    }

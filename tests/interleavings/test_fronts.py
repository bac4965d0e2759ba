"""A cache before the database never brings back what has ended, and loses nothing, whatever happens to it.

Every order of the steps of two or three verbs is tried, with the faults of the cache at every moment.
"""

from __future__ import annotations

import logging

import pytest

from frontdesk.drive import run
from frontdesk.storages import copies, trust
from frontdesk.storages.fronted import FrontedStorage
from frontdesk.storages.record import Record
from tests.interleavings import fronts
from tests.interleavings.fronts import FAULTS, KEY, NEXT, Meeting, Town, explored
from tests.interleavings.test_every_order import COLOURS


@pytest.fixture(autouse=True)
def _repeatable(monkeypatch):
    monkeypatch.setattr(copies, "new_mark", fronts.marks)
    monkeypatch.setattr(trust, "new_mark", fronts.marks)
    monkeypatch.setattr(logging.getLogger("frontdesk"), "disabled", True)


# --- what must hold -------------------------------------------------------------------------------


def as_the_database_says(town, actors):
    """What anybody reads at any moment is what the authority says at that moment."""
    for digest in (KEY, NEXT):
        truth = town.authority.read(digest)
        for process in (town.one, town.two):
            found = town.glimpse(process, digest)
            if isinstance(found, Record) != isinstance(truth, Record):
                return f"{digest[:1]} reads as {type(found).__name__}, and is {type(truth).__name__}"
            if isinstance(found, Record) and found.values != truth.values:
                return f"{sorted(found.values)} are read, and {sorted(truth.values)} are there"
    return None


def as_was_reported(town, actors):
    """What is read after a report agrees with the report."""
    answers = [(town.glimpse(process, KEY), town.reported) for process in (town.one, town.two)]
    answers += [(a.answer, a.after) for a in actors if a.done and isinstance(a.answer, Record)]
    for found, reported in answers:
        if not isinstance(found, Record):
            continue
        if ended := {"end", "end all", "rotate"}.intersection(reported):
            return f"after {ended}, the session answers"
        for name in reported:
            if name.startswith("update ") and town.reported[name] and name[7:] not in found.values:
                return f"after {name!r}, only {sorted(found.values)} are read"
    return None


VERBS = {
    "read": fronts.read(),
    "read again": fronts.read("two"),
    "read twice": fronts.read_twice,
    "update a": fronts.update("a"),
    "update b": fronts.update("b", "one"),
    "touch": fronts.touch(),
    "end": fronts.end(),
    "end all": fronts.end_all(),
    "rotate": fronts.rotate(),
}


def meeting(names, judge, *, faults=(), copied=True, mortal="", kind=FrontedStorage):
    acts = {name: VERBS[name] for name in names} | {name: FAULTS[name] for name in faults}
    return Meeting(lambda: Town(kind).furnished(copied=copied), acts, judge, mortal)


SOUND = [
    ("read", "end"),
    ("read", "update a"),
    ("read", "rotate"),
    ("read", "touch", "end"),
    ("read", "touch", "update a"),
    ("read", "end all"),
    ("read", "read again", "end"),
    ("read", "read again", "update a"),
    ("read", "update a", "update b"),
    ("touch", "update a", "update b"),
    ("read", "update b", "end"),
    ("update b", "rotate", "read again"),
]

FAULTY = [
    *[
        (verbs, (fault,))
        for fault in FAULTS
        for verbs in (
            ("read", "end"),
            ("read twice", "end"),
            ("read", "update a"),
            ("touch", "end"),
            ("read", "rotate"),
        )
    ],
    (("read", "end all"), ("emptied",)),
    (("read", "read again", "end"), ("emptied",)),
    (("read", "update b", "end"), ("emptied",)),
    (("read", "update b", "update a"), ("emptied",)),
    (("read", "end"), ("emptied", "refuses to write for a while")),
    (("read", "end"), ("comes back as it was", "time passes")),
    (("read", "end"), ("refuses to write for a while", "comes back as it was")),
    (("read twice", "update a"), ("refuses to write", "time passes")),
    (("read twice", "end"), ("down, and opened again", "time passes")),
]


def named(names, faults=()):
    return " | ".join((*names, *faults))


def found_in(described, colour="sync"):
    return COLOURS[colour](explored(described))


def hold(result, request, kind):
    request.node.user_properties.append(("orders", (f"states of a cache, {kind}", result.states)))
    assert not result.wrong, result.shortest()
    assert result.endings


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("copied", [True, False], ids=["copied", "not copied"])
@pytest.mark.parametrize("names", SOUND, ids=named)
def test_at_every_step_anybody_reads_what_the_database_says(names, copied, colour, request):
    hold(found_in(meeting(names, as_the_database_says, copied=copied), colour), request, colour)


@pytest.mark.parametrize("copied", [True, False], ids=["copied", "not copied"])
@pytest.mark.parametrize("name", ["update a", "end", "end all", "rotate"])
def test_whoever_dies_in_the_middle_of_a_change_leaves_nothing_wrong(name, copied, request):
    described = meeting(("read", name), as_the_database_says, copied=copied, mortal=name)
    hold(found_in(described), request, "deaths")


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("names", "faults"), FAULTY, ids=lambda value: named(value))
def test_whatever_befalls_the_cache_nothing_that_ended_answers_and_nothing_is_lost(
    names, faults, colour, request
):
    for copied in (True, False):
        described = meeting(names, as_was_reported, faults=faults, copied=copied)
        hold(found_in(described, colour), request, f"faults, {colour}")

"""A cache before the database never brings back what has ended, and loses nothing, whatever happens to it.

Every order of the steps of two or three verbs is tried, with the faults of the cache at every moment.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from frontdesk import clock
from frontdesk.drive import Call, run
from frontdesk.storages import copies, trust
from frontdesk.storages.fronted import FrontedStorage
from frontdesk.storages.record import Record
from frontdesk.storages.trust import FrontFailed, Trust
from tests.interleavings import fronts
from tests.interleavings.fronts import (
    FAULTS,
    KEY,
    NEXT,
    Meeting,
    MemoryFence,
    MemoryFront,
    Seconds,
    Town,
    explored,
)
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
                return (
                    f"{digest[:1]} reads as {type(found).__name__}, and is {type(truth).__name__}"
                )
            if isinstance(found, Record) and found.values != truth.values:
                return f"{sorted(found.values)} are read, and {sorted(truth.values)} are there"
    return None


def as_was_reported(town, actors):
    """What is read after a report agrees with the report."""
    if not town.reported:
        return None
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
    ("read", "update b", "end"),
    ("update b", "rotate", "read again"),
]

LONG_SOUND = [
    ("read", "read again", "update a"),
    ("read", "update a", "update b"),
    ("touch", "update a", "update b"),
]

QUICK_FAULTS = (
    "emptied",
    "refuses to write",
    "refuses to write for a while",
    "is down for a while",
    "comes back as it was",
)

FAULTY = [
    *[
        (verbs, (fault,))
        for fault in QUICK_FAULTS
        for verbs in (("read", "end"), ("read", "update a"), ("touch", "end"), ("read", "rotate"))
    ],
    (("read twice", "end"), ("is down for a while",)),
    (("read", "end"), ("time passes",)),
    (("read", "end all"), ("emptied",)),
    (("read", "read again", "end"), ("emptied",)),
    (("read", "end"), ("emptied", "refuses to write for a while")),
]

FEW = [case for case in FAULTY if case[0] in {("read", "end"), ("touch", "end")}]

LONG = [
    *[
        (verbs, (fault,))
        for fault in ("down, and opened again", "closed by somebody, and opened again")
        for verbs in (("read", "update a"), ("read twice", "end"), ("touch", "end"))
    ],
    *[(verbs, ("time passes",)) for verbs in (("read", "update a"), ("touch", "end"))],
    (("read", "end"), ("down, and opened again",)),
    (("read", "end"), ("refuses to write for a while", "comes back as it was")),
    (("read", "update b", "end"), ("emptied",)),
    (("read", "update b", "update a"), ("emptied",)),
    (("read", "end"), ("comes back as it was", "time passes")),
    (("read twice", "update a"), ("refuses to write", "time passes")),
    (("read twice", "end"), ("down, and opened again", "time passes")),
]
"""Thousands of states, or tens of thousands."""


def exhaustive(cases):
    return [pytest.param(case, marks=pytest.mark.exhaustive) for case in cases]


def named(names):
    return " | ".join(names)


def found_in(described, colour="sync", **how):
    return COLOURS[colour](explored(described, **how))


def hold(result, request, kind):
    request.node.user_properties.append(("orders", (f"states of a cache, {kind}", result.states)))
    assert not result.wrong, result.shortest()
    assert result.endings


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("copied", [True, False], ids=["copied", "not copied"])
@pytest.mark.parametrize("names", [*SOUND, *exhaustive(LONG_SOUND)], ids=named)
def test_at_every_step_anybody_reads_what_the_database_says(names, copied, colour, request):
    hold(found_in(meeting(names, as_the_database_says, copied=copied), colour), request, colour)


@pytest.mark.parametrize("copied", [True, False], ids=["copied", "not copied"])
@pytest.mark.parametrize("name", ["update a", "end", "end all", "rotate"])
def test_whoever_dies_in_the_middle_of_a_change_leaves_nothing_wrong(name, copied, request):
    described = meeting(("read", name), as_the_database_says, copied=copied, mortal=name)
    hold(found_in(described), request, "deaths")


@pytest.mark.parametrize(
    ("colour", "cases"),
    [
        pytest.param("sync", FAULTY, id="sync"),
        pytest.param("async", FEW, id="async"),
        pytest.param("sync", LONG, id="sync long", marks=pytest.mark.exhaustive),
        pytest.param("async", FAULTY, id="async all", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize("copied", [True, False], ids=["copied", "not copied"])
def test_whatever_befalls_the_cache_nothing_that_ended_answers_and_nothing_is_lost(
    cases, copied, colour, request
):
    for names, faults in cases:
        described = meeting(names, as_was_reported, faults=faults, copied=copied)
        hold(found_in(described, colour), request, f"faults, {colour}")


# --- the exploration finds bugs ---------------------------------------------------------------------


class FillsWithoutALease(FrontedStorage):
    """Puts what it has read where it found nothing, as caches are usually filled."""

    def _read_and_fill(self, name, digest, lease):
        found = yield Call(self.authority, "read", (digest,))
        if isinstance(found, Record):
            copy = copies.Copy(found, clock.now() + fronts.HOUR)
            yield from self.trust.ask("swap", name, None, copies.written(copy), fronts.LIFE)
        return found


class FillsWhateverIsThere(FillsWithoutALease):
    """Puts what it has read there, whatever has come there meanwhile."""

    def _filled(self, name, lease, found):
        if isinstance(found, Record):
            copy = copies.Copy(found, clock.now() + fronts.HOUR)
            yield from self.trust.ask("put", [name], copies.written(copy), fronts.LIFE)

    _read_and_fill = FrontedStorage._read_and_fill


class ClearsOnlyBefore(FrontedStorage):
    """Takes the copy away before the change, and does not look again."""

    def _changed(self, verb, args, cleared):
        result, _ = yield Call(self._behind, "change", (verb, args, cleared))
        return result


class ClearsOnlyAfter(FrontedStorage):
    """Raises no barrier before the change."""

    def _raised(self, view, digest, mark):
        yield from ()

    def _ended(self, names, verb, *args):
        def cleared(result):
            return partial(self._buried, names)

        return (yield from self._changed(verb, args, cleared))


class TakesDownOthersBarriers(FrontedStorage):
    """Is done with its change, and so with all changes."""

    def _lowered(self, digest, mark, view):
        own = copies.barrier(*mark)
        yield from self._replaced(view, digest, copies.FREE, own, lambda data: copies.FREE)


class TakesOverOthersBarriers(FrontedStorage):
    """Puts its own barrier there, whoever holds one up."""

    def _raised(self, view, digest, mark):
        name = f"{view.generation}:{digest}"
        yield from self.trust.ask("put", [name], copies.barrier(*mark), fronts.LIFE)


class WritesOverWhatItSaw(FrontedStorage):
    """Writes that the session was seen into its copy, without comparing."""

    def _seen(self, digest, changes):
        ask, own = self.trust.ask, self.trust.ask

        def carelessly(verb, name, *more):
            if verb != "swap":
                return own(verb, name, *more)
            return own("put", [name], *more[1:])

        self.trust.ask = carelessly
        try:
            return (yield from super()._seen(digest, changes))
        finally:
            self.trust.ask = ask


def trusting(**methods):
    """Return a storage whose trust has these methods instead."""

    class Trusting(FrontedStorage):
        def __init__(self, *args):
            super().__init__(*args)
            self.trust.__class__ = type("Changed", (Trust,), methods)

    return Trusting


def settled_in_good_faith(self, cleared):
    view = yield from self.view()
    if view is not None:
        with suppress(FrontFailed):
            yield from cleared(view)


def fenced_without_waiting(self):
    yield Call(self._fence, "shut", ())
    self._view = None


def settled_by_an_old_look(self, cleared):
    if self._view is not None and not self._view.open:
        return
    yield from Trust.settled(self, cleared)


def holds_over_any_connection(self, view):
    return self._watch.now() - view.began < trust.TRUSTED


def on_any_server(self, row, server):
    return (yield from Trust._judged(self, row, row.server if row.open else server))


class SameAgain(fronts.MemoryFence):
    """Opens again under the old generation."""

    def reopen(self, generation, server):
        opened = super().reopen(generation, server)
        self.row = self.row if opened is None else opened._replace(generation=generation)
        return opened and self.row


class ReopensTheSame(FrontedStorage):
    def __init__(self, authority, front, fence, life, seconds):
        fence.__class__ = SameAgain
        super().__init__(authority, front, fence, life, seconds)


SEEDS = {
    "fills without a lease": (FillsWithoutALease, ("read", "end"), ("emptied",)),
    "fills whatever is there": (FillsWhateverIsThere, ("read", "end"), ()),
    "clears only before": (ClearsOnlyBefore, ("read", "update a"), ("emptied",)),
    "clears only before an end": (ClearsOnlyBefore, ("read", "end"), ("emptied",)),
    "writes over what it saw": (WritesOverWhatItSaw, ("touch", "end"), ()),
    "ignores that it could not write": (
        trusting(settled=settled_in_good_faith),
        ("read", "end"),
        ("refuses to write for a while",),
    ),
    "waits for nobody": (
        trusting(fenced=fenced_without_waiting),
        ("read", "end"),
        ("refuses to write",),
    ),
    "relies on an old look at the fence": (
        trusting(settled=settled_by_an_old_look),
        ("read twice", "end"),
        ("closed by somebody, and opened again",),
    ),
    "believes any connection": (
        trusting(holds=holds_over_any_connection),
        ("read", "end"),
        ("comes back as it was",),
    ),
    "believes any server": (
        trusting(_judged=on_any_server),
        ("read", "end"),
        ("comes back as it was",),
    ),
    "opens the same generation again": (
        ReopensTheSame,
        ("read twice", "end"),
        ("down, and opened again",),
    ),
}


@pytest.mark.parametrize("name", SEEDS)
def test_a_cache_with_a_seeded_mistake_is_caught(name):
    kind, names, faults = SEEDS[name]
    found = [
        found_in(
            meeting(names, as_was_reported, faults=faults, copied=copied, kind=kind), first=True
        ).wrong
        for copied in (True, False)
    ]
    assert any(found)


@pytest.mark.parametrize(
    ("kind", "names", "mortal"),
    [
        (TakesDownOthersBarriers, ("read", "update a", "update b"), ""),
        (TakesOverOthersBarriers, ("read", "update a", "update b"), ""),
        (ClearsOnlyAfter, ("read", "update a"), ""),
        (ClearsOnlyAfter, ("read", "end"), "end"),
    ],
)
def test_a_moment_in_which_the_cache_is_behind_is_caught(kind, names, mortal):
    described = meeting(names, as_the_database_says, mortal=mortal, kind=kind)
    assert found_in(described, first=True).wrong


def test_the_exploration_is_of_a_cache_that_is_used():
    town = Town().furnished(copied=True)
    town.authority.read = None
    assert isinstance(town.one.read(KEY), Record)
    assert isinstance(town.two.read(KEY), Record)


class Doubted(MemoryFence):
    """One during whose closing another change turns doubtful."""

    trust: Any = None

    def shut(self):
        self.trust.doubt()
        return super().shut()


def test_a_doubt_that_comes_while_the_fence_is_closed_is_not_forgotten():
    """Its change may be made later than the fence was closed."""
    fence = Doubted()
    doubter = fence.trust = Trust(MemoryFront(), fence, Seconds())
    run(doubter.view())
    run(doubter.fenced())
    assert doubter.in_doubt
    fence.trust = SimpleNamespace(doubt=lambda: None)
    run(doubter.fenced())
    assert not doubter.in_doubt

"""The verbs of SlotStorage, and those of the Redis storage on a Cluster, are atomic.

Although they consist of several primitives: of loads and compare-and-sets, or of commands about one key.

Whatever the order of the primitives, the answers of two overlapping verbs and what is there in the end
are those of one of the two verbs running first and the other second; and a reader never sees a session
under two keys, or, while it lives, under none.
"""

import re
import time
from functools import partial

import pytest

from frontdesk.storages.record import Ended, Record
from tests import services
from tests.interleavings import houses, slots
from tests.interleavings.meetings import (
    KEY,
    KEYS,
    MEETINGS,
    NEXT,
    ON_A_CLUSTER,
    a_record,
    end,
    outcome,
    update,
)
from tests.interleavings.stepwise import stepwise


@pytest.fixture
def make(request):
    """What makes an empty storage."""
    houses.CLOCK.instant = time.time_ns() // 1000
    if request.param == "slots":
        yield slots.Dictionary
    else:
        services.require("redis")
        with stepwise(backwards="backwards" in request.param) as make:
            yield make


def beginning(name, make):
    """Return what furnishes a storage for a meeting, and the verbs that meet."""
    furnish, *verbs = {**MEETINGS, **ON_A_CLUSTER}[name]
    return partial(furnish, make), verbs


LONG = {
    "rotate/rotate",
    "rotate/rotate to the same key",
    "rotate/update that moves the deadline",
}
"""Thousands of orders each."""

LONG_ON_A_CLUSTER = {
    *LONG,
    "rotate/rotate of the new key",
    "rotate/insert of the new key",
    "unsettled rotation: rotate/update",
    "unsettled rotation: rotate/end",
    "limit/another limit",
    "limit/insert",
    "limit/rotate",
    "limit/rotate of another",
    "refusal/refusal",
}

BACKWARDS = {"rotate/end", "rotate/update", "rotate/end of all", "list/rotate", "limit/limit"}
"""Of those whose commands of a round come the other way round, what is always tried."""

REFUSABLE = {"insert/end of all", "rotate/end of all", "sign-in with rotation/end of all"}
"""An end of all sessions takes the places of those that are announced and not there yet, so it may refuse
a key to one that it need not have ended. The session then tries another key."""


def each_meeting(names, long=(), backwards=()):
    """Return the mark of a test of these meetings, on each place."""
    long = {
        "slots": LONG | {*long},
        "cluster": LONG_ON_A_CLUSTER | {*long},
        "cluster, backwards": {*names} - {*backwards},
    }
    cases = [
        pytest.param(house, name, marks=[pytest.mark.exhaustive] if name in long[house] else [])
        for house in long
        for name in names
        if not (house == "slots" and name in ON_A_CLUSTER)
    ]
    return pytest.mark.parametrize(("make", "name"), cases, indirect=["make"])


@each_meeting([*MEETINGS, *ON_A_CLUSTER], backwards=BACKWARDS)
def test_two_verbs_are_as_if_one_came_first(name, make, request):
    furnish, verbs = beginning(name, make)
    sequential = {
        outcome(*slots.in_turn(furnish, verbs, order)): order for order in ([0, 1], [1, 0])
    }
    refused = None
    if name in REFUSABLE:
        storage, answers = slots.in_turn(furnish, verbs, [1])
        refused = _lives(outcome(storage, {0: False, **answers}))
    explored, strange = 0, []
    for storage, run in slots.orders(furnish, verbs, lambda storage, run: None):
        explored += 1
        if (found := outcome(storage, run.answers)) not in sequential and _lives(found) != refused:
            strange.append((run.taken, found))
    request.node.user_properties.append(
        ("orders", (f"primitives of two verbs, {_kind(make)}", explored))
    )
    taken, found = min(
        strange,
        key=lambda item: sum(a != b for a, b in zip(item[0], item[0][1:], strict=False)),
        default=(None, None),
    )
    known = "\n  ".join(sequential)
    assert not strange, (
        f"{len(strange)} of {explored}, as {taken}:\n  {found}\nis none of\n  {known}"
    )


def _kind(make):
    return "slots" if make is slots.Dictionary else "commands to a cluster"


def _lives(described):
    """Return the outcome without the difference between what has ended and what never was."""
    return described.replace("'ended'", "'None'")


def _live(storage):
    return [digest for digest in KEYS if isinstance(storage.read(digest), Record)]


ROTATIONS = [name for name in MEETINGS if name.startswith(("rotate/", "sign-in with"))]
ROTATIONS.remove("rotate/insert of the new key")  # which is another session


@each_meeting(ROTATIONS)
def test_between_all_steps_a_reader_sees_one_key_of_a_session_until_it_ends(name, make):
    furnish, verbs = beginning(name, make)
    ends = "end" in re.split(r"\W+", name)

    def watch(storage, run):
        live = _live(storage)
        assert len(live) == 1 or (ends and not live), (run.taken, live)

    for storage, _ in slots.orders(furnish, verbs, watch):
        assert len(_live(storage)) <= 1


ENDS = [name for name in MEETINGS if "end" in name]


@each_meeting(ENDS)
def test_what_has_been_ended_is_ended_at_every_later_step(name, make):
    furnish, verbs = beginning(name, make)
    gone = set()

    def watch(storage, run):
        if len(run.taken) == 1:
            gone.clear()
        gone.update(digest for digest in KEYS if isinstance(storage.read(digest), Ended))
        assert not gone.intersection(_live(storage)), run.taken

    for _ in slots.orders(furnish, verbs, watch):
        pass


@each_meeting(["rotate/end", "rotate/update"], long=["rotate/update"])
def test_a_reader_among_the_steps_sees_a_state_that_was_there(name, make):
    """A read consists of primitives too. What it returns was true at some moment while it ran."""
    furnish, verbs = beginning(name, make)
    for digest in (KEY, NEXT):
        states, began = [], []

        def watch(storage, run, digest=digest, states=states, began=began):
            if len(run.taken) == 1:
                states.clear()
                began.clear()
            states.append(_short(storage.read(digest)))
            if run.taken.count(2) == 1 and not began:
                began.append(len(states) - 1)
            if 2 in run.answers and len(began) == 1:
                first = max(began[0] - 1, 0)
                began.append(len(states))
                start = _short(furnish_read(digest))
                possible = {*states[first:], *([start] if began[0] == 0 else [])}
                assert _short(run.answers[2]) in possible, (run.taken, run.answers[2], possible)

        def furnish_read(digest):
            return furnish().read(digest)

        three = [*verbs[:1], verbs[1], lambda storage, digest=digest: storage.read(digest)]
        if sum(1 for _ in slots.orders(furnish, three, watch)) == 0:
            raise AssertionError("nothing was explored")


def _short(found):
    return "live" if isinstance(found, Record) else "ended" if isinstance(found, Ended) else "none"


class LosesTheComparison(slots.Dictionary):
    """A primitive that writes whatever the token says."""

    def _store(self, name, token, data, expires):
        slots.wait_for_turn()
        self.slots[name] = data
        return True


def test_a_primitive_that_does_not_compare_is_caught():
    def furnish():
        storage = LosesTheComparison()
        storage.insert(a_record())
        return storage

    verbs = [update("a"), end()]
    sequential = {outcome(*slots.in_turn(furnish, verbs, order)) for order in ([0, 1], [1, 0])}
    found = {
        outcome(storage, run.answers)
        for storage, run in slots.orders(furnish, verbs, lambda storage, run: None)
    }
    assert found - sequential

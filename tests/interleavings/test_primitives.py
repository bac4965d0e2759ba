"""The verbs of SlotStorage are atomic, although they consist of several primitives.

Whatever the order of the primitives, the answers of two overlapping verbs and what is there in the end
are those of one of the two verbs running first and the other second; and a reader never sees a session
under two keys, or, while it lives, under none.
"""

import hashlib
import re
from dataclasses import replace

import pytest

from frontdesk import clock
from frontdesk.storages.record import FOREVER, Changes, Ended, Record
from frontdesk.tokens import Digest
from tests.interleavings import slots


def _digest(name):
    return Digest(hashlib.sha256(name.encode()).hexdigest())


KEY, NEXT, OTHER, FRESH = map(_digest, ("key", "next", "other", "fresh"))
KEYS = (KEY, NEXT, OTHER, FRESH)
USER = "7"
HOUR = 3600 * clock.SECOND


def _record(digest=KEY, **more):
    now = clock.now()
    described = {"values": {"room": b"1"}, "user_id": USER, "created": now, "last_seen": now}
    return Record(digest=digest, **{**described, "idle": HOUR, "deadline": now + HOUR, **more})


def signed_in():
    storage = slots.Dictionary()
    assert storage.insert(_record())
    return storage


def anonymous():
    storage = slots.Dictionary()
    assert storage.insert(_record(user_id=None))
    return storage


def empty():
    return slots.Dictionary()


def moved():
    """Rotated once, and left unsettled, as a crash between the last two steps leaves it."""
    storage = signed_in()
    store, calls = storage._store, []

    def crashing(name, token, data, expires):
        calls.append(name)
        if name == f"s-{NEXT}" and calls.count(name) == 2:
            raise KeyboardInterrupt
        return store(name, token, data, expires)

    storage._store = crashing
    with pytest.raises(KeyboardInterrupt):
        storage.rotate(KEY, NEXT, Changes())
    del storage._store
    return storage


SIGN_IN = Changes(user_id=USER, authenticated=1, values={"_auth": b"7"})


def update(key, digest=KEY, **more):
    return lambda storage: storage.update(digest, Changes(values={key: b"2"}, **more))


def rotate(new=NEXT, old=KEY, changes=None):
    return lambda storage: storage.rotate(old, new, changes or Changes(values={new[:4]: b"3"}))


def end(digest=KEY):
    return lambda storage: storage.remove([digest])


def end_all(storage):
    return sorted(storage.remove_of_user(USER))


def insert(digest=FRESH):
    return lambda storage: storage.insert(_record(digest, values={"room": digest[:4].encode()}))


MEETINGS = {
    "update/update of another key": (signed_in, update("a"), update("b")),
    "update/update of the same version": (
        signed_in,
        update("a", expected_version=1),
        update("b", expected_version=1),
    ),
    "update/end": (signed_in, update("a"), end()),
    "rotate/update": (signed_in, rotate(), update("a")),
    "rotate/update that moves the deadline": (signed_in, rotate(), update("a", deadline=FOREVER)),
    "rotate/end": (signed_in, rotate(), end()),
    "rotate/rotate": (signed_in, rotate(NEXT), rotate(OTHER)),
    "rotate/rotate to the same key": (signed_in, rotate(NEXT), rotate(NEXT)),
    "rotate/end of all": (signed_in, rotate(), end_all),
    "rotate/end of the new key": (signed_in, rotate(), end(NEXT)),
    "rotate/update of the new key": (signed_in, rotate(), update("a", NEXT)),
    "rotate/rotate of the new key": (signed_in, rotate(), rotate(OTHER, NEXT)),
    "rotate/insert of the new key": (signed_in, rotate(), insert(NEXT)),
    "insert/end of all": (signed_in, insert(), end_all),
    "insert/insert of the same key": (empty, insert(), insert()),
    "insert/insert of one user": (empty, insert(NEXT), insert(OTHER)),
    "sign-in/end of all": (anonymous, lambda s: s.update(KEY, SIGN_IN), end_all),
    "sign-in with rotation/end of all": (anonymous, rotate(changes=SIGN_IN), end_all),
    "update/end of all": (signed_in, update("a"), end_all),
    "end/end of all": (signed_in, end(), end_all),
    "end of all/end of all": (signed_in, end_all, end_all),
    "unsettled rotation: update/end": (moved, update("a", NEXT), end(NEXT)),
    "unsettled rotation: rotate/update": (moved, rotate(OTHER, NEXT), update("a", NEXT)),
    "unsettled rotation: rotate/end": (moved, rotate(OTHER, NEXT), end(NEXT)),
}


LONG = {
    "rotate/rotate",
    "rotate/rotate to the same key",
    "rotate/update that moves the deadline",
}
"""Thousands of orders each."""

REFUSABLE = {"insert/end of all", "rotate/end of all", "sign-in with rotation/end of all"}
"""An end of all sessions takes the places of those that are announced and not there yet, so it may refuse
a key to one that it need not have ended. The session then tries another key."""


def meetings(names):
    """Return the meetings of these names as parameters."""
    return [
        pytest.param(name, marks=[pytest.mark.exhaustive] if name in LONG else []) for name in names
    ]


def outcome(storage, answers):
    """Return what anybody can tell of a storage afterwards: the answers, the records, the list."""
    seen = []
    for digest in KEYS:
        found = storage.read(digest)
        if isinstance(found, Record):
            found = replace(found, created=0, last_seen=0, deadline=found.deadline == FOREVER)
        seen.append("ended" if isinstance(found, Ended) else repr(found))
    listed = sorted(record.digest for record in storage.of_user(USER))
    return repr((sorted(answers.items()), seen, listed))


@pytest.mark.parametrize("name", meetings(MEETINGS))
def test_two_verbs_are_as_if_one_came_first(name, request):
    furnish, *verbs = MEETINGS[name]
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
    request.node.user_properties.append(("orders", ("primitives of two verbs", explored)))
    taken, found = min(
        strange,
        key=lambda item: sum(a != b for a, b in zip(item[0], item[0][1:], strict=False)),
        default=(None, None),
    )
    known = "\n  ".join(sequential)
    assert not strange, (
        f"{len(strange)} of {explored}, as {taken}:\n  {found}\nis none of\n  {known}"
    )


def _lives(described):
    """Return the outcome without the difference between what has ended and what never was."""
    return described.replace("'ended'", "'None'")


def _live(storage):
    return [digest for digest in KEYS if isinstance(storage.read(digest), Record)]


ROTATIONS = [name for name in MEETINGS if name.startswith(("rotate/", "sign-in with"))]
ROTATIONS.remove("rotate/insert of the new key")  # which is another session


@pytest.mark.parametrize("name", meetings(ROTATIONS))
def test_between_all_steps_a_reader_sees_one_key_of_a_session_until_it_ends(name):
    furnish, *verbs = MEETINGS[name]
    ends = "end" in re.split(r"\W+", name)

    def watch(storage, run):
        live = _live(storage)
        assert len(live) == 1 or (ends and not live), (run.taken, live)

    for storage, _ in slots.orders(furnish, verbs, watch):
        assert len(_live(storage)) <= 1


ENDS = [name for name in MEETINGS if "end" in name]


@pytest.mark.parametrize("name", meetings(ENDS))
def test_what_has_been_ended_is_ended_at_every_later_step(name):
    furnish, *verbs = MEETINGS[name]
    gone = set()

    def watch(storage, run):
        if len(run.taken) == 1:
            gone.clear()
        gone.update(digest for digest in KEYS if isinstance(storage.read(digest), Ended))
        assert not gone.intersection(_live(storage)), run.taken

    for _ in slots.orders(furnish, verbs, watch):
        pass


@pytest.mark.parametrize(
    "name", ["rotate/end", pytest.param("rotate/update", marks=pytest.mark.exhaustive)]
)
def test_a_reader_among_the_steps_sees_a_state_that_was_there(name):
    """A read consists of primitives too. What it returns was true at some moment while it ran."""
    furnish, *verbs = MEETINGS[name]
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
        self._wait()
        self.slots[name] = data
        return True


def test_a_primitive_that_does_not_compare_is_caught():
    def furnish():
        storage = LosesTheComparison()
        storage.insert(_record())
        return storage

    verbs = [update("a"), end()]
    sequential = {outcome(*slots.in_turn(furnish, verbs, order)) for order in ([0, 1], [1, 0])}
    found = {
        outcome(storage, run.answers)
        for storage, run in slots.orders(furnish, verbs, lambda storage, run: None)
    }
    assert found - sequential

"""In whatever order requests meet while their session moves in: nobody is signed out, nothing is lost,
and what has ended stays ended."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from frontdesk import arriving
from frontdesk.asking import asked
from frontdesk.drive import run
from tests.interleavings import houses, scenes
from tests.interleavings.explorer import explored
from tests.interleavings.moves import MovingWorld
from tests.interleavings.test_every_order import explorer, hold  # noqa: F401

OPERATIONS = (
    "save",
    "modify",
    "touch",
    "login",
    "login of somebody else",
    "logout",
    "flush unread",
)
ALL = [
    (pair, signed_in)
    for pair in combinations_with_replacement(OPERATIONS, 2)
    for signed_in in (True, False)
]
SOME = [
    *((("touch", other), True) for other in OPERATIONS),
    (("save", "logout"), True),
    (("login", "save"), False),
    (("login", "login"), False),
]
FEW = [(("touch", "save"), True), (("save", "logout"), True), (("login", "save"), False)]


@pytest.mark.parametrize(
    ("colour", "meetings"),
    [
        pytest.param("sync", SOME, id="sync"),
        pytest.param("async", FEW, id="async"),
        pytest.param("sync", ALL, id="sync all", marks=pytest.mark.exhaustive),
        pytest.param("async", ALL, id="async all", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize("explorer", ["moving in from Django's engine"], indirect=True)
def test_in_no_order_is_anybody_signed_out_or_anything_lost_or_revived_by_the_move(
    explorer,  # noqa: F811
    meetings,
):
    explorer.explore(meetings, houses.reference(), world=MovingWorld)
    hold(explorer)


def _without_the_second_look(place, storage, key, make, look):
    session = yield from asked(place, "read", key)
    if session is None:
        return None
    return (yield from _moved(place, storage, key, make, session))


def _moved(place, storage, key, make, session):
    record = make(session)
    if (yield from asked(storage, "insert", record)):
        yield from asked(place, "remove", key)
    return record


def found_in(pair):
    scene = scenes.scene(pair, True, houses.reference(), world=MovingWorld)
    return {found.violation.oracle for found in run(explored(scene)).found}


def test_a_move_without_a_second_look_is_caught(monkeypatch):
    monkeypatch.setattr(arriving, "arrived", _without_the_second_look)
    assert found_in(("touch", "touch")) == {"badge_not_taken"}


def test_an_end_that_does_not_bar_the_way_is_caught(monkeypatch):
    monkeypatch.setattr(arriving, "barred", lambda storage, digest: iter(()))
    assert found_in(("touch", "flush unread")) == {"nothing_revived"}

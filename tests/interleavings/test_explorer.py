"""The explorer tries every order exactly once, and says what it has found."""

from __future__ import annotations

from unittest.mock import Mock, patch

import pytest

from frontdesk.core.flow import Call
from tests.interleavings import explorer, promises, requests
from tests.interleavings import operations as do
from tests.interleavings.explorer import CRASH, PAUSE, RESEND, STALL, Meeting, _Explorer, explore
from tests.interleavings.promises import Operation, Result
from tests.interleavings.seeds import CheckThenWrite
from tests.interleavings.world import ADA, Documents, Records, signed_in


def looking(times):
    """Return an operation of so many steps."""

    def flow(world):
        for _ in range(times):
            yield Call(world.storage, "ids_of", (ADA,))
        return Result()

    return Operation(f"look {times} times", flow)


@pytest.mark.parametrize(
    ("lengths", "orders"), [((1,), 1), ((2, 2), 6), ((3, 4), 35), ((2, 2, 2), 90)]
)
def test_every_order_is_counted_once(lengths, orders):
    operations = [looking(times) for times in lengths]
    assert explore(Meeting(signed_in(Records), operations, disturbances=0)).orders == orders


@pytest.mark.parametrize(
    ("kind", "orders"),
    [
        (CRASH, 1 + 2),  # after the first step or the second
        (STALL, 1 + 2),
        (RESEND, 1 + 2),
        (PAUSE, 1 + 2),  # before the first step or the second
    ],
)
def test_every_disturbance_is_counted_once(kind, orders):
    meeting = Meeting(signed_in(Records), [looking(2)], kinds=[kind])
    assert explore(meeting).orders == orders


STEPS = {Records: ["load", "swap"], Documents: ["get", "get", "cas"]}
"""How a request saves a value. On documents, it looks between into the index of the user."""


@pytest.mark.parametrize("storage", STEPS)
def test_a_request_that_saves_stops_at_each_call_of_its_storage(storage):
    meeting = Meeting(signed_in(storage), [requests.PUT_A], disturbances=0)
    with patch.object(explorer, "_answer", Mock(side_effect=explorer._answer)) as answer:
        explore(meeting)
    assert [made.args[0].name for made in answer.call_args_list] == STEPS[storage]


@pytest.mark.parametrize("storage", STEPS)
def test_a_request_that_saves_may_die_after_each_step(storage):
    meeting = Meeting(signed_in(storage), [requests.PUT_A], kinds=[CRASH])
    assert explore(meeting).orders == 1 + len(STEPS[storage])


@pytest.mark.parametrize("storage", [Documents, CheckThenWrite])
@pytest.mark.parametrize("other", [do.COUNT, do.SIGN_OUT])
def test_orders_that_meet_in_one_state_go_on_alike(storage, other):
    """Running each order to its end finds as many orders, and the same promises broken."""
    meeting = Meeting(signed_in(storage), [do.COUNT, other])
    found = explore(meeting)
    with patch.object(_Explorer, "_known", lambda self, state: None):
        each = explore(meeting)
    assert (each.orders, each.broken) == (found.orders, found.broken)


def test_a_broken_promise_is_reported_with_its_steps():
    found = explore(Meeting(signed_in(CheckThenWrite), [do.COUNT, do.COUNT], disturbances=0))
    assert found.broken == {promises.LOST}
    assert "2 steps were counted, which are 1 at the end" in found.report()
    assert "count: put s-phone" in found.report()


def test_an_operation_that_raises_breaks_a_promise():
    def fails(world):
        yield Call(world.storage, "no_such_call")

    found = explore(Meeting(signed_in(Records), [Operation("fail", fails)]))
    assert found.broken == {promises.RAISES}

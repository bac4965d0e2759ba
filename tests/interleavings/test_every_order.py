"""Nothing is lost, ended means ended, and no live session is unlisted, in whatever order operations meet.

A plain run tries all pairs and some triples. ``-m exhaustive`` tries all triples, and more disturbances.
The end of a run says how many orders there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, combinations_with_replacement
from typing import Any

import pytest

from frontdesk.core import clock
from tests.interleavings import operations as do
from tests.interleavings import promises, requests
from tests.interleavings.explorer import CRASH, PAUSE, RESEND, STALL, Meeting, explore
from tests.interleavings.promises import Operation
from tests.interleavings.seeds import alone, long_idle
from tests.interleavings.world import (
    Documents,
    Files,
    Records,
    World,
    anonymous,
    cut_off,
    signed_in,
)

MINUTES_IN_A_DAY = 24 * 60

Meetings = Iterable[Meeting]
Makes = Callable[[Any], World]


def visited(storage: Any) -> World:
    """Ada is signed in on a site with Django's usual limits."""
    return signed_in(storage, idle=14 * clock.DAY)


def visited_anonymously(storage: Any) -> World:
    return anonymous(storage, idle=14 * clock.DAY)


def of(
    number: int,
    operations: Iterable[Operation],
    storage: Any,
    *worlds: Makes,
    twice: bool = True,
    **how: Any,
) -> Iterator[Meeting]:
    """Return all meetings of so many of these operations, also of one operation ``twice``."""
    choose = combinations_with_replacement if twice else combinations
    for world in worlds:
        for met in choose(operations, number):
            yield Meeting(world(storage), met, **how)


BOTH = (signed_in, anonymous)
VISITED = (visited, visited_anonymously)
LIMITED = (do.SIGN_IN_LIMITED, do.SIGN_IN_LIMITED_TOO)
CHANGES = (do.SAVE, do.COUNT, do.ROTATE, do.EXTEND, do.SIGN_IN, do.SIGN_OUT, do.END_ALL)
VISITS = (*requests.ALL, do.END, do.END_ALL, do.END_OTHERS, do.EVICT, do.LIST)
SIGNING = (requests.PUT_TWICE, requests.LOG_IN, requests.LOG_OUT, requests.CHANGE_PASSWORD)


def quick() -> Iterator[tuple[str, Meetings]]:
    yield "records, pairs", of(2, do.ALL, Records, *BOTH)
    yield "documents, pairs", of(2, do.ALL, Documents, *BOTH)
    yield "documents, triples", of(3, CHANGES, Documents, signed_in, twice=False, disturbances=0)
    yield (
        "documents, a sign-in was cut off",
        (Meeting(cut_off(Documents), [do.SIGN_IN_FOREVER, each]) for each in (*do.ALL, do.PRUNE)),
    )
    yield "documents, the maximum of sessions", of(2, LIMITED, Documents, signed_in, disturbances=0)
    yield "files, a day passes", of(2, CHANGES, Files, signed_in, minutes=MINUTES_IN_A_DAY)
    yield (
        "documents, hours pass",
        (
            *of(2, CHANGES, Documents, signed_in, minutes=61),
            *of(2, CHANGES, Documents, long_idle, minutes=180),
        ),
    )
    # Then modify() may count twice, as the option RETRY of RedisStorage says.
    others = [each for each in CHANGES if each is not do.COUNT]
    yield "documents, calls are sent again", of(2, others, Documents, *BOTH, kinds=[RESEND])
    yield (
        "requests on records, calls are sent again",
        of(2, SIGNING, Records, *VISITED, kinds=[RESEND]),
    )
    for skew in (5, -5):
        # An operation that lets the session end in less than that would end it at once.
        lasting = [each for each in do.ALL if each is not do.SHORTEN]
        yield (
            "documents, clocks differ",
            of(2, lasting, Documents, signed_in, skews=(skew, 0), disturbances=0),
        )
    yield "requests on records, pairs", of(2, VISITS, Records, *VISITED)
    yield (
        "requests on records, triples",
        of(3, SIGNING, Records, *VISITED, twice=False, disturbances=0),
    )
    yield (
        "requests on records, half an hour passes twice",
        of(2, (*SIGNING, do.USE), Records, signed_in, disturbances=2, minutes=31, kinds=[PAUSE]),
    )
    yield "requests on documents, pairs", of(2, SIGNING, Documents, *VISITED, disturbances=0)


def exhaustive() -> Iterator[tuple[str, Meetings]]:
    yield "records, triples", of(3, do.ALL, Records, *BOTH)
    yield "documents, all triples", of(3, do.ALL, Documents, *BOTH, disturbances=0)
    for kind in (CRASH, STALL, PAUSE):
        yield (
            f"documents, triples with a {kind}",
            of(3, CHANGES, Documents, signed_in, twice=False, kinds=[kind]),
        )
    yield "documents, pairs disturbed twice", of(2, CHANGES, Documents, *BOTH, disturbances=2)
    yield "documents, hours pass", of(2, do.ALL, Documents, *BOTH, minutes=61)
    yield "documents, a day passes", of(2, do.ALL, Documents, *BOTH, minutes=MINUTES_IN_A_DAY + 61)
    yield (
        "documents, half an hour passes twice",
        of(2, CHANGES, Documents, *BOTH, disturbances=2, minutes=31),
    )
    yield "files, pairs", of(2, do.ALL, Files, *BOTH)
    yield (
        "documents, two sign-ins under one id",
        (
            Meeting(alone(Documents), [do.SIGN_IN, do.SIGN_IN, do.PRUNE], kinds=[kind])
            for kind in (CRASH, STALL, PAUSE)
        ),
    )
    yield "documents, the maximum of sessions", of(2, LIMITED, Documents, signed_in)
    yield "requests on documents, pairs", of(2, VISITS, Documents, *VISITED)
    yield "requests on records, triples", of(3, VISITS, Records, *VISITED, disturbances=0)
    yield "requests on records, disturbed triples", of(3, SIGNING, Records, *VISITED, twice=False)


def shares(groups: Iterable[tuple[str, Meetings]], size: int) -> Iterator[Any]:
    """Return the groups in shares of some meetings, which can run in several processes."""
    for name, group in groups:
        meetings = list(group)
        for start in range(0, len(meetings), size):
            share = meetings[start : start + size]
            yield pytest.param(name, share, id=f"{name}, from {share[0].name}")


def hold(name: str, meetings: Meetings, record_property: Any) -> None:
    orders, broken, reports = 0, Counter[str](), []
    for meeting in meetings:
        found = explore(meeting)
        orders += found.orders
        broken.update(violation.promise for violation, _ in found.violations)
        reports += [found.report()] if found.violations else []
    counts = (broken[promises.LOST], broken[promises.REVIVED], broken[promises.UNLISTED])
    said = "{} lost, {} revived, {} unlisted".format(*counts)
    record_property("orders", (f"{said}: {name}", orders))
    assert not reports, "\n\n".join(reports)


@pytest.mark.parametrize(("name", "meetings"), list(shares(quick(), 60)))
def test_every_order_keeps_the_promises(name, meetings, record_property):
    hold(name, meetings, record_property)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "meetings"), list(shares(exhaustive(), 20)))
def test_every_order_of_many_keeps_the_promises(name, meetings, record_property):
    hold(name, meetings, record_property)

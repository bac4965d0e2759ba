"""Sharing out, among the runs of one CI, what is long and depends little on Python and Django.

``--share 1/2`` and ``--share 2/2`` are two runs that together do what one without the option does:

    @pytest.mark.shared      the first case of the test runs in both, of the others half in each
    if is_mine(place)        the same for what stands in a list

Whoever runs the tests without the option runs all of them.
"""

from __future__ import annotations

import re
from zlib import crc32

import pytest

number, of = 1, 1


def begin(option: str) -> None:
    """Take ``"2/3"`` from the command line."""
    global number, of
    found = re.fullmatch(r"(\d+)/(\d+)", option)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise pytest.UsageError(f"--share={option}: write 1/2 for the first of two shares")
    number, of = int(found[1]), int(found[2])


def is_mine(place: int) -> bool:
    """Whether this run does what stands at this place of a list."""
    return place % of == number - 1


def elsewhere(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return those of the marked tests, in the order in which they stand, that another run does."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("shared"):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    found = []
    for name, same in cases.items():
        # The same in every process, and for half of the tests the other way round.
        first = crc32(name.encode())
        found += [item for place, item in enumerate(same[1:], first) if not is_mine(place)]
    return found

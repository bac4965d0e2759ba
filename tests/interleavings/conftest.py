"""The clock and the people of the worlds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interleavings import houses


@pytest.fixture(autouse=True)
def _our_clock() -> Iterator[None]:
    with houses.standing():
        yield

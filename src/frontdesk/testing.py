"""For the tests of a project: a clock that stands still until the test moves it."""

from datetime import datetime, timedelta
from typing import Self
from unittest.mock import patch

from frontdesk.core import clock

__all__ = ["Clock"]

Time = datetime | int
"""An aware datetime, or microseconds since 1970-01-01 UTC as everywhere in frontdesk."""


class Clock:
    """Replaces the clock of frontdesk inside a ``with`` block, in all threads::

        with Clock() as clock:
            client.force_login(user)
            clock.advance(timedelta(days=15))
            assert client.get("/private/").status_code == 302

    As a fixture::

        @pytest.fixture
        def clock():
            with Clock() as clock:
                yield clock

    It does not move the clocks of servers: a cache drops what it holds by its own.
    """

    def __init__(self, at: Time | None = None) -> None:
        self._now = clock.now() if at is None else _microseconds(at)
        self._patch = patch.object(clock, "now", self.now)

    def __enter__(self) -> Self:
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()

    def now(self) -> int:
        """Return the time that this clock shows, in microseconds."""
        return self._now

    def advance(self, by: timedelta | float) -> None:
        """Move by a duration or by seconds. A negative one moves back."""
        duration = by if isinstance(by, timedelta) else timedelta(seconds=by)
        self._now += clock.from_timedelta(duration)

    def set(self, to: Time) -> None:
        """Move to a time, forward or back."""
        self._now = _microseconds(to)


def _microseconds(time: Time) -> int:
    return clock.from_datetime(time) if isinstance(time, datetime) else time

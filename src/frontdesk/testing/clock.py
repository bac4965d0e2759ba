"""A clock for tests: it stands still until it is told to move."""

from datetime import datetime, timedelta
from types import TracebackType
from typing import Self
from unittest.mock import patch

from frontdesk import clock

Instant = datetime | int
"""A moment; a number is microseconds since 1970-01-01 UTC, as everywhere in frontdesk."""


class Clock:
    """Stands in for :func:`frontdesk.clock.now` within a ``with`` block, in all threads::

        with Clock() as clock:
            client.force_login(user)
            clock.advance(timedelta(days=15))
            assert client.get("/private/").status_code == 302

    As a fixture::

        @pytest.fixture
        def clock():
            with Clock() as clock:
                yield clock

    It knows nothing of the clocks of others: a cache server drops what it holds by its own.
    """

    def __init__(self, at: Instant | None = None) -> None:
        self._now = clock.now() if at is None else _instant(at)
        self._patch = patch.object(clock, "now", self.now)

    def __enter__(self) -> Self:
        self._patch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._patch.stop()

    def now(self) -> int:
        """Return the instant at which this clock stands."""
        return self._now

    def advance(self, by: timedelta | float) -> None:
        """Move by a duration or by seconds; a negative one jumps back."""
        self._now += clock.from_timedelta(
            by if isinstance(by, timedelta) else timedelta(seconds=by)
        )

    def set(self, to: Instant) -> None:
        """Jump to an instant, forward or back."""
        self._now = _instant(to)


def _instant(moment: Instant) -> int:
    return clock.from_datetime(moment) if isinstance(moment, datetime) else moment

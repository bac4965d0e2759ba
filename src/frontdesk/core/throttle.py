"""The rules of the throttle: how many attempts a bucket takes, and when it takes some again.

A *bucket* is what attempts are counted for: an account, a device, a network. Its first attempt opens a
*window*, which takes a limited number of them. The next attempt after the window opens another one.

Where a limit grows, failures in earlier windows make the next one longer, up to :data:`LONGEST`, until a
day has passed without any. With 10 attempts in 15 minutes, at most 100 fit into any 24 hours (NIST SP
800-63B-4 section 3.2.2).
"""

from typing import Final, NamedTuple

from frontdesk.core import clock

LONGEST: Final = 240 * clock.MINUTE
"""How long a window may become by growing."""

QUIET: Final = clock.DAY
"""How long after a window its failures make the next one longer."""

SKEW: Final = 10 * clock.MINUTE
"""How much the clocks of servers may differ."""

ENOUGH: Final = 1_000_000
"""Up to here, earlier failures are counted."""


class Limit(NamedTuple):
    """At most ``most`` attempts in a window of ``window`` microseconds."""

    most: int
    window: int
    grows: bool = False

    def length_after(self, before: int) -> int:
        """Return the length of a window that opens after ``before`` failures in earlier windows.

        It doubles for each ``most`` of them, and once more for the rest.
        """
        if not self.grows or self.window >= LONGEST:
            return self.window
        doublings = -(-min(before, ENOUGH) // self.most)
        return min(self.window << min(doublings, 40), LONGEST)

    def latest_end(self, now: int) -> int:
        """Return when a window that is open now ends at the latest.

        One that ends later was written by a server whose clock was wrong, and is over.
        """
        longest = max(self.window, LONGEST) if self.grows else self.window
        return now + longest + SKEW


class Window(NamedTuple):
    """A window of a bucket. Times are in microseconds since 1970."""

    since: int
    until: int
    attempts: int
    """How many attempts it has counted, refused ones included. Those that succeed are taken back."""
    before: int
    """How many attempts failed in earlier windows, since the last quiet day."""
    reported: bool = False
    """Whether it was reported that it is full."""

    def is_open(self, limit: Limit, now: int) -> bool:
        """Return whether attempts are still counted in this window."""
        return now < self.until <= limit.latest_end(now)


def next_window(last: Window | None, limit: Limit, now: int) -> Window:
    """Return the window that an attempt opens, which has counted that attempt.

    ``last`` is the one before in the same bucket, which is over.
    """
    before = 0
    if last is not None and now < last.until + QUIET:
        before = min(last.before + min(last.attempts, limit.most), ENOUGH)
    return Window(now, now + limit.length_after(before), 1, before)

"""The two limits of a session.

NIST SP 800-63B-4 section 5.2: either timeout ends the session, activity resets only the idle timeout,
and signing in again resets both.

The clocks of servers may differ. A time in the future, written by a server whose clock is ahead, counts
as now, and the next write corrects it.
"""

from typing import Final, NamedTuple

from frontdesk.core import clock
from frontdesk.core.record import FOREVER, GRACE, Record

MAX_COOKIE_AGE: Final = 400 * 86_400
"""Seconds. Browsers cap the age of a cookie there (RFC 6265bis section 4.1.2.2)."""

CLEARING_WINDOW: Final = 5.0
"""Seconds. Only a response this quick clears the cookie of an unknown session.

A slower one may arrive after another response has set a fresh cookie, and would delete that.
"""


class Limits(NamedTuple):
    """The limits that the settings ask for, in microseconds."""

    idle: int
    absolute: int | None
    activity: int
    """Activity is recorded at most once in this time."""


def timeouts(
    limits: Limits, expiry: int | float | None, until: int | None, began: int
) -> tuple[int, int]:
    """Return ``(idle, deadline)`` of a session.

    ``began`` is when the absolute timeout began to run. ``set_expiry()`` may have left ``expiry``, the
    seconds that the session may go unused, or ``until``, the time when it ends.
    """
    deadline = FOREVER if limits.absolute is None else began + limits.absolute
    if until is not None:
        # A fixed time: activity does not delay it, and the idle timeout does not hasten it.
        return FOREVER, min(until, deadline)
    if expiry:
        return int(expiry * clock.SECOND), deadline
    return limits.idle, deadline


def began(record: Record, now: int) -> int:
    """Return when the absolute timeout of ``record`` began to run: at the sign-in, or at its creation."""
    return min(now, record.created if record.authenticated is None else record.authenticated)


def is_alive(record: Record, limits: Limits, now: int) -> bool:
    """Return whether ``record`` may be used now.

    The record has its own limits. This also applies an absolute timeout that was lowered since.
    """
    if not record.is_live(now):
        return False
    return limits.absolute is None or now < began(record, now) + limits.absolute


def is_recent(record: Record, max_age: int, now: int) -> bool:
    """Return whether the user has signed in, or entered the password again, within ``max_age``.

    A time in the future counts for no longer than one in the past.
    """
    return record.authenticated is not None and abs(now - record.authenticated) < max_age


def activity_is_due(record: Record, limits: Limits, now: int) -> bool:
    """Return whether activity should be recorded: once per interval, more often for a short idle timeout.

    Also when the record has a time so far in the future that it would outlast a limit.
    """
    interval = min(limits.activity, record.idle // 4)
    latest = max(record.created, record.authenticated or 0, record.last_seen)
    return now - record.last_seen >= interval or latest - now > interval


def keeps_deadline(record: Record, now: int) -> bool:
    """Return whether ``record`` is about to end, so that mere activity must not prolong it.

    Its user's password may have been changed a moment ago, see ``SessionStore.disown()``.
    """
    return record.deadline <= now + GRACE


def cookie_age(record: Record, now: int) -> int:
    """Return the seconds that the browser may keep the cookie: until the deadline, capped.

    The idle timeout is enforced on the server. A cookie that followed it would have to be set by each
    response, and a late response would then replace a newer key by an older one.
    """
    rounded_up = -((now - record.deadline) // clock.SECOND)
    return max(0, min(rounded_up, MAX_COOKIE_AGE))

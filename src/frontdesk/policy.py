"""The two clocks of a session, and the one decision that ends a request. No I/O, no request.

NIST SP 800-63B-4 section 5.2: either timeout ends the session, activity resets the idle one only,
signing in again resets both.
"""

from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

from frontdesk import clock
from frontdesk.conf import Options
from frontdesk.storages.record import FOREVER, Record

MAX_COOKIE_AGE = 400 * 86_400
"""Seconds; browsers cap a cookie's age there (RFC 6265bis section 4.1.2.2)."""

CLEARING_WINDOW = 5.0
"""Seconds. Only an answer this quick clears a dead cookie, since a slower one may come after another
answer that has set a fresh one, and would wipe that (a cookie can't be deleted by its value)."""


def clocks(options: Options, expiry: object, began: int) -> tuple[int, int]:
    """Return ``(idle, deadline)`` of a session: how long it may go unused, when it ends for good.

    ``expiry`` is what ``set_expiry()`` left: nothing, seconds, a datetime or its ISO form.
    ``began`` is when the absolute limit began to run.
    """
    limit = options.absolute_timeout
    deadline = FOREVER if limit is None else began + limit
    if not expiry:
        return options.idle_timeout, deadline
    if isinstance(expiry, str):
        expiry = datetime.fromisoformat(expiry)
    if isinstance(expiry, datetime):
        # A fixed moment: activity does not move it, and idleness does not hasten it.
        return FOREVER, min(clock.from_datetime(expiry), deadline)
    return int(expiry * clock.SECOND), deadline  # type: ignore[operator]


def is_alive(record: Record, options: Options, now: int) -> bool:
    """Whether ``record`` may be used now.

    A storage has already applied the limits that the record was written with; this applies an absolute
    limit that was lowered since, at once.
    """
    if record.expires <= now:
        return False
    limit = options.absolute_timeout
    return limit is None or began(record) + limit > now


def began(record: Record) -> int:
    """Return when the absolute limit of ``record`` began to run: at sign-in, or when it was created."""
    return record.created if record.authenticated is None else record.authenticated


def is_recent(record: Record, max_age: int, now: int) -> bool:
    """Whether the user of ``record`` has shown who they are within ``max_age``, by signing in or again.

    A sign-in that seems to lie ahead comes from a server whose clock is a little fast, or from a clock
    that has jumped; it counts no longer than one that lies behind.
    """
    return record.authenticated is not None and abs(now - record.authenticated) < max_age


def touch_is_due(record: Record, options: Options, now: int) -> bool:
    """Whether activity should be recorded: once per interval, and often enough for a short idle limit.

    A clock that jumped back records nothing until it has caught up.
    """
    return now - record.last_seen >= min(options.activity_interval, record.idle // 4)


def cookie_age(record: Record, now: int) -> int:
    """Return the seconds that the cookie may live in the browser: as long as the session can, capped.

    Idleness is for the server to enforce. If the cookie had to follow it, each answer would have to set
    the cookie anew, and one that comes late would put an old key back over a new one.
    """
    rounded_up = -((now - record.deadline) // clock.SECOND)
    return max(0, min(rounded_up, MAX_COOKIE_AGE))


class Standing(Enum):
    """What the storage said about the key that came with the request."""

    UNREAD = auto()
    NEW = auto()
    """No key came, or its session was flushed by this request."""
    LIVE = auto()
    UNKNOWN = auto()
    """Malformed, never issued, expired, or ended."""
    INTERRUPTED = auto()
    """Live when this request read it, and ended before this request could write."""


class Closing(Enum):
    """What to do with the session when the response goes out."""

    LEAVE = auto()
    CLEAR_COOKIE = auto()
    TOUCH = auto()
    SAVE = auto()


class Outcome(NamedTuple):
    """What a request did with its session; all that :func:`closing` looks at."""

    standing: Standing
    overtaken: bool  # the key had ended a moment before: the browser may have its next one by now
    modified: bool  # or SESSION_SAVE_EVERY_REQUEST
    empty: bool
    cookie_sent: bool
    failed: bool  # 5xx
    quick: bool  # within CLEARING_WINDOW
    touch_due: bool


def is_at_rest(standing: Standing, record: Record | None, options: Options, now: int) -> bool:
    """Whether a session that was not modified needs nothing: then :func:`closing` says ``LEAVE``."""
    return (
        standing is Standing.LIVE and record is not None and not touch_is_due(record, options, now)
    )


def closing(outcome: Outcome) -> Closing:
    """Decide, once, how the session of a request is closed."""
    if outcome.overtaken:
        return Closing.LEAVE
    if outcome.empty:
        dead = outcome.standing is Standing.NEW or (
            outcome.standing is Standing.UNKNOWN and outcome.quick
        )
        return Closing.CLEAR_COOKIE if dead and outcome.cookie_sent else Closing.LEAVE
    if outcome.failed or outcome.standing is Standing.INTERRUPTED:
        return Closing.LEAVE
    if outcome.modified:
        return Closing.SAVE
    return Closing.TOUCH if outcome.touch_due else Closing.LEAVE

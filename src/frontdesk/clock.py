"""What time it is, for all that a session's life depends on.

Instants and durations are whole microseconds, instants since 1970-01-01 UTC. Whole numbers have no time
zone to get wrong under ``USE_TZ = False``, compare and merge in every storage, and survive JSON exactly.
"""

import time
from datetime import UTC, datetime, timedelta

from django.utils import timezone

SECOND = 1_000_000
DAY = 86_400 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now() -> int:
    """Return the present instant."""
    return time.time_ns() // 1000


def from_datetime(moment: datetime) -> int:
    """Return the instant of ``moment``; a naive one is in Django's current time zone."""
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(instant: int) -> datetime:
    """Return ``instant`` as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def from_timedelta(duration: timedelta) -> int:
    """Return ``duration`` in microseconds."""
    return duration // _MICROSECOND

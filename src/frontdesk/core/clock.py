"""The clock of the library.

Times and durations are whole microseconds; times are counted from 1970-01-01 UTC. Whole numbers have no
time zone, so they mean the same under ``USE_TZ = False``. They also compare in every storage and survive
JSON exactly.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 86_400 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now() -> int:
    """Return the current time."""
    return time.time_ns() // 1000


def from_datetime(moment: datetime) -> int:
    """Return the time of an aware datetime. Raises ``TypeError`` for a naive one."""
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(time: int) -> datetime:
    """Return ``time`` as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=time)


def from_timedelta(duration: timedelta) -> int:
    """Return ``duration`` in microseconds."""
    return duration // _MICROSECOND

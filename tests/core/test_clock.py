"""Times are whole microseconds, and no time zone changes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.core import clock

zones = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))


@given(st.datetimes(min_value=clock.to_datetime(0).replace(tzinfo=None), timezones=zones))
def test_a_datetime_keeps_its_moment_to_the_microsecond(moment):
    assert clock.to_datetime(clock.from_datetime(moment)) == moment


@given(st.integers(0, 2**52))
def test_a_time_becomes_a_datetime_in_utc(time):
    assert clock.to_datetime(time).tzinfo is UTC
    assert clock.from_datetime(clock.to_datetime(time)) == time


def test_a_naive_datetime_is_refused():
    with pytest.raises(TypeError):
        clock.from_datetime(datetime.now(UTC).replace(tzinfo=None))


def test_durations_and_times_have_the_same_unit():
    assert clock.from_timedelta(timedelta(days=1)) == clock.DAY == 24 * 60 * clock.MINUTE
    assert clock.MINUTE == 60 * clock.SECOND

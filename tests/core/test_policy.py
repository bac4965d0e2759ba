"""The two timeouts."""

from dataclasses import replace

import pytest

from frontdesk.core import clock, policy
from frontdesk.core.policy import Limits
from frontdesk.core.record import FOREVER, GRACE, Record

HOUR = 60 * clock.MINUTE
NOW = 10**15
LIMITS = Limits(idle=HOUR, absolute=8 * HOUR, activity=clock.MINUTE)

LIVE = Record(
    id="a" * 15,
    secret="",
    created=NOW,
    authenticated=NOW,
    last_seen=NOW,
    idle=HOUR,
    deadline=NOW + 8 * HOUR,
)


def test_the_usual_timeouts_are_those_of_the_settings():
    assert policy.timeouts(LIMITS, None, None, NOW) == (HOUR, NOW + 8 * HOUR)


def test_a_fixed_time_is_not_moved_by_activity():
    assert policy.timeouts(LIMITS, None, NOW + HOUR, NOW) == (FOREVER, NOW + HOUR)


def test_set_expiry_does_not_outlast_the_absolute_timeout():
    assert policy.timeouts(LIMITS, 10**6, None, NOW)[1] == NOW + 8 * HOUR
    assert policy.timeouts(LIMITS, None, NOW + 9 * HOUR, NOW)[1] == NOW + 8 * HOUR


def test_a_lowered_absolute_timeout_applies_at_once():
    later = replace(LIVE, last_seen=NOW + 2 * HOUR)
    assert policy.is_alive(later, LIMITS, NOW + 2 * HOUR)
    assert not policy.is_alive(later, LIMITS._replace(absolute=2 * HOUR), NOW + 2 * HOUR)


def test_a_sign_in_in_the_future_counts_from_now():
    ahead = replace(LIVE, authenticated=NOW + 300 * clock.DAY)
    assert policy.began(ahead, NOW) == NOW


@pytest.mark.parametrize(
    ("after", "due"), [(0, False), (clock.MINUTE - 1, False), (clock.MINUTE, True)]
)
def test_activity_is_due_once_per_interval(after, due):
    assert policy.activity_is_due(LIVE, LIMITS, NOW + after) is due


def test_a_short_idle_timeout_records_activity_more_often():
    short = replace(LIVE, idle=40 * clock.SECOND)
    assert policy.activity_is_due(short, LIMITS, NOW + 10 * clock.SECOND)


@pytest.mark.parametrize("field", ["created", "authenticated", "last_seen"])
def test_a_time_far_in_the_future_is_corrected_by_recording_activity(field):
    assert policy.activity_is_due(replace(LIVE, **{field: NOW + HOUR}), LIMITS, NOW)


@pytest.mark.parametrize("off", [-1, 1])
def test_a_sign_in_is_recent_for_as_long_on_either_side_of_now(off):
    known = replace(LIVE, authenticated=NOW + off * (HOUR - 1))
    assert policy.is_recent(known, HOUR, NOW)
    assert not policy.is_recent(replace(LIVE, authenticated=NOW + off * HOUR), HOUR, NOW)


def test_a_session_that_is_about_to_end_keeps_its_deadline():
    assert policy.keeps_deadline(replace(LIVE, deadline=NOW + GRACE), NOW)
    assert not policy.keeps_deadline(LIVE, NOW)


def test_the_cookie_lasts_until_the_deadline_as_browsers_allow():
    assert policy.cookie_age(LIVE, NOW) == 8 * 3600
    assert policy.cookie_age(replace(LIVE, deadline=FOREVER), NOW) == policy.MAX_COOKIE_AGE
    assert policy.cookie_age(LIVE, NOW + 9 * HOUR) == 0

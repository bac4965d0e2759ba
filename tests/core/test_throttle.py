"""The rules of the throttle: windows, and what fits into any 24 hours."""

from hypothesis import given
from hypothesis import strategies as st

from frontdesk.core import clock
from frontdesk.core.throttle import LONGEST, QUIET, SKEW, Limit, Window, next_window

ACCOUNT = Limit(10, 15 * clock.MINUTE, grows=True)
NETWORK = Limit(100, 15 * clock.MINUTE)
START = 1_000_000 * clock.SECOND


def attempts_that_pass(limit, pauses):
    """Return when attempts passed that were made after these pauses, each of which failed."""
    window, now, passed = None, START, []
    for pause in pauses:
        now += pause
        if window is None or not window.is_open(limit, now):
            window = next_window(window, limit, now)
        elif window.attempts < limit.most:
            window = window._replace(attempts=window.attempts + 1)
        else:
            continue
        passed.append(now)
    return passed


def most_in_a_day(passed):
    return max(sum(start <= each < start + clock.DAY for each in passed) for start in passed)


PAUSES = st.one_of(
    st.integers(0, clock.SECOND),
    st.integers(0, 16 * clock.MINUTE),
    st.integers(0, 5 * 60 * clock.MINUTE),
    st.just(0),
    st.just(15 * clock.MINUTE),
    st.just(LONGEST),
    st.just(QUIET),
)


@given(st.lists(PAUSES, min_size=1, max_size=400))
def test_no_more_than_a_hundred_pass_in_any_24_hours(pauses):
    assert most_in_a_day(attempts_that_pass(ACCOUNT, pauses)) <= 100


def test_an_attempt_every_minute_for_a_week_passes_at_most_a_hundred_times_a_day():
    passed = attempts_that_pass(ACCOUNT, [clock.MINUTE] * 7 * 24 * 60)
    assert most_in_a_day(passed) == 100
    assert len(passed) < 7 * 70


@given(st.integers(1, 10))
def test_windows_that_are_never_full_grow_as_well(each_window):
    """Otherwise 9 attempts in each of a day's 96 windows would pass: 864."""
    burst = [0] * (each_window - 1)
    pauses = [0, *burst, *([15 * clock.MINUTE + 1, *burst] * 200)]
    assert most_in_a_day(attempts_that_pass(ACCOUNT, pauses)) <= 100


@given(st.lists(PAUSES, min_size=1, max_size=400))
def test_no_window_of_a_network_takes_more_than_its_limit(pauses):
    passed = attempts_that_pass(NETWORK, pauses)
    # Two windows may touch any span of 15 minutes.
    length = NETWORK.window
    assert all(sum(t <= each < t + length for each in passed) <= 200 for t in passed)


def test_the_length_doubles_up_to_four_hours():
    minutes = [ACCOUNT.length_after(before) // clock.MINUTE for before in range(0, 70, 10)]
    assert minutes == [15, 30, 60, 120, 240, 240, 240]


def test_a_network_does_not_grow():
    assert NETWORK.length_after(1_000_000) == NETWORK.window


def test_a_limit_that_is_longer_than_four_hours_keeps_its_length():
    assert Limit(5, clock.DAY, grows=True).length_after(50) == clock.DAY


def test_after_a_quiet_day_the_first_window_is_short_again():
    last = Window(START, START + LONGEST, 10, 90)
    soon = next_window(last, ACCOUNT, last.until + QUIET - 1)
    later = next_window(last, ACCOUNT, last.until + QUIET)
    assert (soon.before, soon.until - soon.since) == (100, LONGEST)
    assert (later.before, later.until - later.since) == (0, 15 * clock.MINUTE)


def test_a_window_whose_attempts_all_succeeded_does_not_make_the_next_one_longer():
    last = Window(START, START + ACCOUNT.window, 0, 0)
    assert next_window(last, ACCOUNT, last.until).until == last.until + ACCOUNT.window


def test_a_window_far_in_the_future_is_over():
    """It was written by a server whose clock was wrong, and would lock the account until then."""
    year = 365 * clock.DAY
    assert not Window(START + year, START + year + LONGEST, 10, 0).is_open(ACCOUNT, START)


@given(st.integers(0, SKEW), st.integers(0, 100))
def test_a_window_of_a_server_whose_clock_differs_by_minutes_is_open(skew, before):
    window = next_window(Window(0, START, before, 0), ACCOUNT, START + skew)
    assert window.is_open(ACCOUNT, START)

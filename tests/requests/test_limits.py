"""The two clocks of a session: the idle limit, the absolute one, and how seldom activity is written."""

from datetime import UTC, datetime, timedelta

import pytest

from frontdesk import clock as frontdesk_clock
from frontdesk import sessions
from tests.requests.browsers import cookie
from tests.requests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

MINUTE, HOUR, DAY = 60, 3600, 86_400


def sign_in(browser):
    return browser.post("/login/", {"username": "ada", "password": PASSWORD})


@pytest.fixture
def alive(new_browser):
    """Say whether a key answers, without that being activity of anybody's browser."""

    def ask(key):
        stranger = new_browser()
        stranger.key = key
        return stranger.who() == "ada"

    return ask


def stay_active(browser, clock, duration, every=MINUTE):
    """Look at a page again and again; return for how long that worked."""
    for seconds in range(0, duration, every):
        if browser.who() != "ada":
            return seconds
        clock.move(seconds=every)
    return duration


# --- the limits -----------------------------------------------------------------------------------


def test_a_session_ends_after_the_idle_limit_although_the_cookie_is_the_same(
    member, storage_setting, limits, clock, alive
):
    """ASVS 7.3.1, NIST 5.1.1."""
    limits(idle=HOUR)
    sign_in(member)
    clock.move(hours=1)
    assert not alive(member.key)


def test_a_session_lives_until_the_idle_limit(member, storage_setting, limits, clock, alive):
    limits(idle=HOUR)
    sign_in(member)
    clock.move(hours=1, microseconds=-1)
    assert alive(member.key)


def test_activity_moves_the_idle_limit(member, storage_setting, limits, clock):
    limits(idle=HOUR, absolute=None)
    sign_in(member)
    assert stay_active(member, clock, 5 * HOUR, every=HOUR - 1) == 5 * HOUR


def test_a_session_that_is_active_every_minute_still_ends_at_the_absolute_limit(
    member, storage_setting, limits, clock
):
    """ASVS 7.3.2, NIST 5.2."""
    limits(idle=10 * MINUTE, absolute=HOUR)
    sign_in(member)
    assert stay_active(member, clock, 2 * HOUR) == HOUR


def test_writing_every_minute_does_not_move_the_absolute_limit(member, limits, clock):
    """ASVS 7.3.2."""
    limits(idle=10 * MINUTE, absolute=HOUR)
    sign_in(member)
    for minute in range(60):
        member.keep(minute=minute)
        clock.move(minutes=1)
    assert member.who() == ""


def test_the_absolute_limit_holds_for_a_session_that_saves_every_request(
    member, settings, limits, clock
):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    limits(idle=10 * MINUTE, absolute=HOUR)
    sign_in(member)
    assert stay_active(member, clock, 2 * HOUR) == HOUR


def test_an_anonymous_session_ends_at_the_absolute_limit_too(browser, limits, clock):
    limits(idle=10 * MINUTE, absolute=HOUR)
    for minute in range(60):
        browser.keep(minute=minute)
        clock.move(minutes=1)
    assert browser.kept() == {}


def test_without_an_absolute_limit_only_idleness_ends_a_session(member, limits, clock):
    limits(idle=DAY, absolute=None)
    sign_in(member)
    assert stay_active(member, clock, 40 * DAY, every=DAY - 1) == 40 * DAY


def test_signing_in_again_restarts_the_absolute_clock(member, storage_setting, limits, clock):
    """NIST 5.2: re-authentication resets both."""
    limits(idle=HOUR, absolute=HOUR)
    sign_in(member)
    clock.move(minutes=50)
    sign_in(member)
    clock.move(minutes=50)
    assert member.who() == "ada"
    clock.move(minutes=10)
    assert member.who() == ""


def test_signing_in_starts_the_absolute_clock_of_a_visitor_who_was_there_before(
    browser, user, limits, clock
):
    limits(idle=HOUR, absolute=HOUR)
    browser.keep(cart=1)
    clock.move(minutes=50)
    sign_in(browser)
    clock.move(minutes=50)
    assert browser.who() == "ada"


def test_a_lowered_absolute_limit_applies_to_living_sessions_at_once(
    member, storage_setting, limits, clock
):
    limits(idle=DAY, absolute=DAY)
    sign_in(member)
    clock.move(hours=2)
    limits(absolute=HOUR)
    assert member.who() == ""


def test_an_unlimited_session_gets_its_limit_at_once(member, storage_setting, limits, clock):
    limits(idle=DAY, absolute=None)
    sign_in(member)
    clock.move(hours=2)
    limits(absolute=HOUR)
    assert member.who() == ""


def test_without_the_setting_the_idle_limit_is_djangos_cookie_age(browser, settings, clock):
    settings.SESSION_COOKIE_AGE = HOUR
    browser.keep(cart=1)
    clock.move(hours=1)
    assert browser.kept() == {}


# --- how often activity is written ----------------------------------------------------------------


@pytest.fixture
def regular(member, storage_setting, limits, journal):
    """A member whose activity is written every minute, and the journal of the storage, empty."""
    limits(idle=HOUR, interval=MINUTE)
    sign_in(member)
    journal.clear()
    return member


def test_reading_within_the_interval_never_writes(regular, clock, journal):
    for _ in range(5):
        assert regular.who() == "ada"
        clock.move(seconds=11)
    assert journal.writes == []


def test_reading_after_the_interval_writes_once(regular, clock, journal):
    clock.move(minutes=1)
    for _ in range(5):
        assert regular.who() == "ada"
    assert journal.writes == ["update"]


def test_many_requests_write_at_most_once_per_interval(regular, clock, journal):
    for _ in range(60):
        regular.who()
        clock.move(seconds=10)
    assert journal.writes == ["update"] * 9


def test_a_page_that_does_not_look_is_not_activity(regular, clock, journal):
    clock.move(minutes=30)
    regular.get("/plain/")
    assert journal == []


def test_an_interval_of_zero_writes_every_time(regular, limits, journal):
    limits(interval=0)
    regular.who()
    regular.who()
    assert journal.writes == ["update", "update"]


def test_a_short_expiry_of_its_own_is_touched_often_enough(
    member, storage_setting, limits, clock, journal
):
    limits(interval=HOUR)
    member.do(lambda request: request.session.set_expiry(40))
    journal.clear()
    assert stay_active(member, clock, 400, every=10) == 400
    assert len(journal.writes) >= 20


def test_a_short_idle_limit_is_touched_often_enough(member, limits, clock):
    limits(idle=40, interval=HOUR, absolute=None)
    sign_in(member)
    assert stay_active(member, clock, 400, every=20) == 400


# --- clocks that jump -----------------------------------------------------------------------------


def seen(browser):
    return browser.do(sessions.current).answer


def test_a_clock_that_jumps_back_does_not_extend_a_session(regular, clock, alive):
    ends = clock.now() + frontdesk_clock.from_timedelta(timedelta(hours=1))
    clock.move(minutes=-30)
    regular.who()
    regular.keep(cart=1)
    clock.set(ends)
    assert not alive(regular.key)


def test_a_clock_that_jumps_back_does_not_shorten_a_session(regular, clock, alive):
    ends = clock.now() + frontdesk_clock.from_timedelta(timedelta(hours=1))
    clock.move(minutes=-30)
    regular.who()
    regular.keep(cart=1)
    clock.set(ends - 1)
    assert alive(regular.key)


def test_activity_never_moves_backwards(regular, clock):
    before = seen(regular).last_seen
    clock.move(minutes=-30)
    regular.keep(cart=1)
    assert seen(regular).last_seen == before


def test_a_clock_that_jumps_back_does_not_move_the_absolute_limit(member, limits, clock):
    limits(idle=HOUR, absolute=HOUR)
    sign_in(member)
    before = seen(member).ends_at
    clock.move(minutes=-30)
    member.keep(cart=1)
    assert seen(member).ends_at == before


# --- what the cookie says -------------------------------------------------------------------------


def max_age(response):
    return cookie(response)["max-age"]


def test_the_cookie_lives_as_long_as_the_session_can(browser, limits):
    """Idleness is for the server to enforce (NIST 5.1.1)."""
    limits(idle=HOUR, absolute=DAY)
    assert max_age(browser.keep(cart=1)) == DAY


def test_the_cookie_ends_with_the_absolute_limit_of_a_sign_in(browser, user, limits, clock):
    limits(idle=HOUR, absolute=DAY)
    browser.keep(cart=1)
    clock.move(minutes=50)
    assert max_age(sign_in(browser)) == DAY


def test_a_cookie_that_says_it_all_is_not_set_again(regular, clock):
    """An answer that comes late would put an old key back over a new one."""
    clock.move(minutes=1)
    assert cookie(regular.do(lambda request: request.user.pk)) is None
    assert cookie(regular.keep(cart=1)) is None


def test_the_cookie_is_set_with_every_answer_if_that_is_asked_for(regular, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    assert cookie(regular.get("/home/")).value == regular.key


def test_the_cookie_of_a_browser_session_stays_one_when_activity_is_recorded(
    member, limits, clock, settings
):
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True
    sign_in(member)
    clock.move(minutes=2)
    response = member.do(lambda request: request.user.pk)
    assert cookie(response) is None or not max_age(response)


# --- set_expiry -----------------------------------------------------------------------------------


def expire(value):
    return lambda request: request.session.set_expiry(value() if callable(value) else value)


def moment(clock, **duration):
    return frontdesk_clock.to_datetime(clock.now()) + timedelta(**duration)


EXPIRIES = {
    "seconds": lambda clock: 1800,
    "aware": lambda clock: moment(clock, minutes=30),
    "aware elsewhere": lambda clock: moment(clock, minutes=30).astimezone(
        datetime.now().astimezone().tzinfo
    ),
    "naive": lambda clock: moment(clock, minutes=30).replace(tzinfo=None),
    "duration": lambda clock: timedelta(minutes=30),
}


@pytest.fixture(params=EXPIRIES)
def expiry(request, clock, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment(clock))
    return EXPIRIES[request.param](clock)


def test_an_expiry_of_its_own_ends_a_session(browser, storage_setting, clock, expiry):
    browser.keep(cart=1)
    browser.do(expire(expiry))
    clock.move(minutes=30, microseconds=-1)
    assert browser.kept() == {"cart": 1}
    clock.move(minutes=30)
    assert browser.kept() == {}


@pytest.mark.parametrize("expiry", ["aware", "naive", "duration"], indirect=True)
def test_a_moment_does_not_move_with_activity(browser, clock, expiry):
    browser.do(expire(expiry))
    for _ in range(30):
        browser.keep(cart=1)
        clock.move(minutes=1)
    assert browser.kept() == {}


@pytest.mark.parametrize("expiry", ["aware", "naive", "duration"], indirect=True)
def test_the_cookie_ends_with_a_moment(browser, expiry):
    browser.keep(cart=1)
    assert max_age(browser.do(expire(expiry))) == 1800


def test_seconds_move_with_activity(browser, clock):
    browser.do(expire(1800))
    for _ in range(60):
        browser.keep(cart=1)
        clock.move(minutes=1)
    assert browser.kept() == {"cart": 1}


def test_none_returns_to_the_settings(browser, clock):
    browser.do(expire(60))
    response = browser.do(expire(None))
    assert max_age(response) == 30 * DAY
    clock.move(days=13)
    assert browser.do(lambda request: request.session.session_key).answer == browser.key


def test_zero_ends_with_the_browser_and_after_the_idle_limit(browser, limits, clock):
    limits(idle=HOUR)
    browser.keep(cart=1)
    response = browser.do(expire(0))
    assert not max_age(response)
    clock.move(minutes=59)
    assert browser.kept() == {"cart": 1}
    clock.move(hours=1)
    assert browser.kept() == {}


@pytest.mark.parametrize("value", [-1, timedelta(seconds=-1), datetime(2020, 1, 1, tzinfo=UTC)])
def test_an_expiry_in_the_past_ends_the_session(browser, storage_setting, value):
    browser.keep(cart=1)
    browser.do(expire(value))
    assert browser.kept() == {}


def test_an_expiry_of_its_own_cannot_exceed_the_absolute_limit(browser, limits, clock):
    limits(absolute=HOUR)
    browser.keep(cart=1)
    assert max_age(browser.do(expire(DAY))) == HOUR
    clock.move(hours=1)
    assert browser.kept() == {}


@pytest.mark.parametrize("use_tz", [True, False])
def test_naive_moments_are_in_the_projects_time_zone(browser, settings, clock, use_tz):
    settings.USE_TZ = use_tz
    settings.TIME_ZONE = "Asia/Kathmandu"  # UTC+05:45
    local = moment(clock, minutes=30, hours=5.75).replace(tzinfo=None)
    assert max_age(browser.do(expire(local))) == 1800

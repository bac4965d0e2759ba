"""The idle and the absolute timeout, how often activity is recorded, and clocks that differ."""

from datetime import UTC, datetime, timedelta

import pytest

from frontdesk import sessions
from frontdesk.core import clock as core_clock
from tests.fixtures import sign_in
from tests.requests.browsers import cookie

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.fixture
def alive(new_browser):
    """Return whether a key opens a session, as another browser sees it."""

    def look(key):
        other = new_browser()
        other.key = key
        return other.username() == "ada"

    return look


def stay_active(browser, clock, duration, every=MINUTE):
    """Visit a page again and again. Return for how many seconds that worked."""
    for seconds in range(0, duration, every):
        if browser.username() != "ada":
            return seconds
        clock.move(seconds=every)
    return duration


def current(browser):
    return browser.do(sessions.current).answer


# --- the two timeouts ---------------------------------------------------------------------------


@pytest.mark.parametrize(("early", "lives"), [(0, False), (1, True)])
def test_an_idle_session_ends_to_the_microsecond(browser, user, limits, clock, alive, early, lives):
    """OWASP ASVS 7.3.1, NIST SP 800-63B-4 section 5.1.1: the server enforces it, not the cookie."""
    limits(idle=HOUR)
    sign_in(browser, user)
    clock.move(hours=1, microseconds=-early)
    assert alive(browser.key) is lives


def test_activity_delays_the_idle_timeout(browser, user, limits, clock):
    limits(idle=HOUR, absolute=None)
    sign_in(browser, user)
    assert stay_active(browser, clock, 5 * HOUR, every=HOUR - 1) == 5 * HOUR


@pytest.mark.parametrize("save_every_request", [False, True])
def test_activity_does_not_delay_the_absolute_timeout(
    browser, user, limits, clock, settings, save_every_request
):
    """OWASP ASVS 7.3.2, NIST SP 800-63B-4 section 5.2."""
    settings.SESSION_SAVE_EVERY_REQUEST = save_every_request
    limits(idle=10 * MINUTE, absolute=HOUR)
    sign_in(browser, user)
    assert stay_active(browser, clock, 2 * HOUR) == HOUR


def test_a_use_leaves_the_end_of_a_session_where_it_was(browser, user, clock):
    sign_in(browser, user)
    ends_at = current(browser).ends_at
    clock.move(hours=1)
    browser.username()
    clock.move(hours=1)
    browser.put(cart=1)
    assert current(browser).ends_at == ends_at


def test_writing_does_not_delay_the_absolute_timeout(browser, limits, clock):
    """The session of an anonymous user has one too, from its creation."""
    limits(idle=10 * MINUTE, absolute=HOUR)
    for minute in range(60):
        browser.put(minute=minute)
        clock.move(minutes=1)
    assert browser.values() == {}


def test_without_an_absolute_timeout_activity_is_enough(browser, user, limits, clock):
    limits(idle=DAY, absolute=None)
    sign_in(browser, user)
    assert stay_active(browser, clock, 40 * DAY, every=DAY - 1) == 40 * DAY


@pytest.mark.parametrize("before", ["signed in", "anonymous"])
def test_signing_in_restarts_the_absolute_timeout(browser, user, limits, clock, before):
    """NIST SP 800-63B-4 section 5.2: re-authentication resets both."""
    limits(idle=HOUR, absolute=HOUR)
    if before == "signed in":
        sign_in(browser, user)
    browser.put(cart=1)
    clock.move(minutes=50)
    sign_in(browser, user)
    clock.move(minutes=50)
    assert browser.username() == "ada"
    clock.move(minutes=10)
    assert browser.username() == ""


@pytest.mark.parametrize("absolute", [DAY, None])
def test_a_lowered_absolute_timeout_applies_at_once(browser, user, limits, clock, absolute):
    limits(idle=DAY, absolute=absolute)
    sign_in(browser, user)
    clock.move(hours=2)
    limits(absolute=HOUR)
    assert browser.username() == ""


def test_the_idle_timeout_is_djangos_cookie_age_by_default(browser, settings, clock):
    settings.SESSION_COOKIE_AGE = HOUR
    browser.put(cart=1)
    clock.move(hours=1)
    assert browser.values() == {}


# --- how often activity is recorded -------------------------------------------------------------


@pytest.fixture
def regular(browser, user, limits, journal):
    """A browser whose activity is recorded every minute. The journal is empty."""
    limits(idle=HOUR, interval=MINUTE)
    sign_in(browser, user)
    journal.clear()
    return browser


def test_reading_within_the_interval_never_writes(regular, clock, journal):
    for _ in range(5):
        assert regular.username() == "ada"
        clock.move(seconds=11)
    assert journal.writes == []


def test_reading_writes_at_most_once_per_interval(regular, clock, journal):
    for _ in range(60):
        assert regular.username() == "ada"
        clock.move(seconds=10)
    assert journal.writes == ["swap"] * 9


def test_a_page_that_does_not_look_is_not_activity(regular, clock, journal):
    clock.move(minutes=30)
    regular.get("/plain/")
    assert journal == []


def test_an_interval_of_zero_records_every_use(regular, limits, journal):
    limits(interval=0)
    regular.username()
    regular.username()
    assert journal.writes == ["swap", "swap"]


def test_a_short_expiry_is_recorded_often_enough(member, limits, clock, journal):
    limits(interval=HOUR)
    member.do(lambda request: request.session.set_expiry(40))
    journal.clear()
    assert stay_active(member, clock, 400, every=10) == 400
    assert len(journal.writes) >= 20


def test_a_short_idle_timeout_is_recorded_often_enough(browser, user, limits, clock):
    limits(idle=40, interval=HOUR, absolute=None)
    sign_in(browser, user)
    assert stay_active(browser, clock, 400, every=20) == 400


# --- clocks that differ -------------------------------------------------------------------------


@pytest.fixture(params=["sign-in", "write", "activity"])
def ahead(request, regular, clock, user):
    """A browser that was last served by a server whose clock is a year ahead; its timeout is an hour."""
    clock.move(days=365)
    if request.param == "write":
        regular.key = ""
        regular.put(cart=1)
    sign_in(regular, user)
    if request.param == "activity":
        clock.move(minutes=2)
        regular.username()
    clock.move(days=-365)
    return regular


def test_a_time_in_the_future_counts_as_now(ahead, clock, alive):
    """A session of next year must not escape the idle timeout until then."""
    assert alive(ahead.key)
    clock.move(hours=1)
    assert not alive(ahead.key)


def test_a_time_in_the_future_delays_no_absolute_timeout(ahead, clock, limits):
    limits(absolute=2 * HOUR)
    assert stay_active(ahead, clock, DAY) == 2 * HOUR


def test_the_next_request_corrects_a_time_in_the_future(ahead, clock, journal):
    journal.clear()
    ahead.username()
    assert journal.writes == ["swap"]
    seen = current(ahead)
    now = core_clock.to_datetime(clock.now())
    assert (seen.created, seen.authenticated, seen.last_seen) == (now, now, now)
    assert journal.writes == ["swap"]


def test_a_recent_sign_in_of_the_future_does_not_last(ahead, clock):
    """It is recent for as long as one of now would be, once a request has corrected it."""
    ahead.username()
    clock.move(minutes=16)
    seen = current(ahead)
    assert core_clock.to_datetime(clock.now()) - seen.authenticated == timedelta(minutes=16)


@pytest.mark.parametrize("minutes", [-5, 5])
def test_servers_minutes_apart_keep_the_limits(regular, clock, limits, minutes):
    """Requests go to either server by turns. Both timeouts hold, give or take the difference."""
    limits(absolute=2 * HOUR)
    served = 0
    for _ in range(100):
        clock.move(minutes=minutes)
        served += regular.username() == "ada"
        clock.move(minutes=2 - minutes)
        served += regular.username() == "ada"
    assert 2 * 60 - 10 <= served <= 2 * 60 + 10


def test_a_clock_that_is_put_back_does_not_end_a_session(regular, clock, alive):
    clock.move(minutes=-30)
    assert regular.username() == "ada"
    regular.put(cart=1)
    clock.move(minutes=59)
    assert alive(regular.key)


# --- the age of the cookie ----------------------------------------------------------------------


def max_age(response):
    return cookie(response)["max-age"]


def test_the_cookie_lasts_as_long_as_the_session_can(browser, user, limits, clock):
    """The idle timeout is for the server to enforce (NIST SP 800-63B-4 section 5.1.1)."""
    limits(idle=HOUR, absolute=DAY)
    assert max_age(browser.put(cart=1)) == DAY
    clock.move(minutes=50)
    assert max_age(sign_in(browser, user)) == DAY


def test_a_cookie_that_is_still_right_is_not_set_again(regular, clock):
    """A response that comes late would replace a new key by an old one."""
    clock.move(minutes=1)
    assert cookie(regular.do(lambda request: request.user.pk)) is None
    assert cookie(regular.put(cart=1)) is None


def test_a_cookie_until_the_browser_closes_stays_one(browser, user, clock, settings):
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True
    assert not max_age(sign_in(browser, user))
    clock.move(minutes=2)
    assert cookie(browser.do(lambda request: request.user.pk)) is None


# --- set_expiry() -------------------------------------------------------------------------------


def expire(value):
    return lambda request: request.session.set_expiry(value)


def later(clock, **duration):
    return core_clock.to_datetime(clock.now()) + timedelta(**duration)


EXPIRIES = {
    "seconds": lambda clock: 1800,
    "aware": lambda clock: later(clock, minutes=30),
    "aware elsewhere": lambda clock: later(clock, minutes=30).astimezone(
        datetime.now().astimezone().tzinfo
    ),
    "naive": lambda clock: later(clock, minutes=30).replace(tzinfo=None),
    "duration": lambda clock: timedelta(minutes=30),
}


@pytest.fixture(params=EXPIRIES)
def expiry(request, clock, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: later(clock))
    return EXPIRIES[request.param](clock)


def test_a_session_ends_at_its_own_expiry(browser, clock, expiry):
    browser.put(cart=1)
    assert max_age(browser.do(expire(expiry)))
    clock.move(minutes=30, microseconds=-1)
    assert browser.values() == {"cart": 1}
    clock.move(minutes=30)
    assert browser.values() == {}


@pytest.mark.parametrize("expiry", ["aware", "naive", "duration"], indirect=True)
def test_activity_does_not_delay_a_fixed_expiry(browser, clock, expiry):
    browser.put(cart=1)
    assert max_age(browser.do(expire(expiry))) == 1800
    for _ in range(30):
        browser.put(cart=1)
        clock.move(minutes=1)
    assert browser.values() == {}


def test_activity_delays_an_expiry_in_seconds(browser, clock):
    browser.do(expire(1800))
    for _ in range(60):
        browser.put(cart=1)
        clock.move(minutes=1)
    assert browser.values() == {"cart": 1}


def test_an_expiry_of_none_returns_to_the_settings(browser, clock):
    browser.do(expire(60))
    assert max_age(browser.do(expire(None))) == 30 * DAY
    clock.move(days=13)
    assert browser.do(lambda request: request.session.session_key).answer == browser.key


def test_an_expiry_of_zero_ends_with_the_browser_or_idleness(browser, limits, clock):
    limits(idle=HOUR)
    browser.put(cart=1)
    assert not max_age(browser.do(expire(0)))
    clock.move(minutes=59)
    assert browser.values() == {"cart": 1}
    clock.move(hours=1)
    assert browser.values() == {}


@pytest.mark.parametrize("value", [-1, timedelta(seconds=-1), datetime(2020, 1, 1, tzinfo=UTC)])
def test_an_expiry_in_the_past_ends_the_session(browser, value):
    browser.put(cart=1)
    browser.do(expire(value))
    assert browser.values() == {}


def test_an_expiry_cannot_exceed_the_absolute_timeout(browser, limits, clock):
    limits(absolute=HOUR)
    browser.put(cart=1)
    assert max_age(browser.do(expire(DAY))) == HOUR
    clock.move(hours=1)
    assert browser.values() == {}


@pytest.mark.parametrize("use_tz", [True, False])
def test_a_naive_expiry_is_in_the_projects_time_zone(browser, settings, clock, use_tz):
    settings.USE_TZ = use_tz
    settings.TIME_ZONE = "Asia/Kathmandu"  # UTC+05:45
    local = later(clock, minutes=30, hours=5.75).replace(tzinfo=None)
    assert max_age(browser.do(expire(local))) == 1800


def test_current_shows_the_limits_that_set_expiry_leaves(browser, clock):
    """Before anything is saved."""
    browser.put(cart=1)

    def task(request):
        request.session.set_expiry(600)
        return sessions.current(request)

    assert browser.do(task).answer.ends == later(clock, minutes=10)

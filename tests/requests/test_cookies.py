"""The cookie: what is accepted in it, how it is set, when it is cleared, and when it must not be."""

import pytest
from django.contrib import auth
from django.http import HttpResponse

from frontdesk import middleware
from frontdesk.policy import CLEARING_WINDOW
from tests.requests.browsers import clears, cookie, varies
from tests.requests.site import step

pytestmark = pytest.mark.django_db

KEY = "a1" * 16

MALFORMED = {
    "empty": "",
    "quoted empty": '""',
    "one letter": "a",
    "too short": KEY[:-1],
    "too long": KEY + "a",
    "8 KB": "a" * 8192,
    "upper case": KEY.upper(),
    "one upper case": KEY[:-1] + "A",
    "dash": KEY[:-1] + "-",
    "digits of another script": "٣" * 32,
    "letters of another script": "\u0430" * 32,
    "emoji": "🗝" * 32,
    "SQL": "' OR '1'='1' --",
    "path": "../../../../etc/passwd",
    "digest": "0123456789abcdef" * 4,
    "newline at the end": f'"{KEY}\\012"',
    "carriage return": f'"{KEY}\\015"',
    "zero byte": f'"{KEY[:-1]}\\000"',
    "control characters": "\x01\x02\x7f" * 11,
    "blank inside": KEY[:16] + " " + KEY[16:],
    "JSON": '{"_auth_user_id": "1"}',
}


@pytest.fixture(params=MALFORMED.values(), ids=MALFORMED)
def malformed(request):
    """A request's Cookie header; headers travel as bytes, one a character."""
    return {"cookie": f"sessionid={request.param}".encode().decode("latin-1")}


def look(request):
    return request.user.is_authenticated, dict(request.session.items())


# --- malformed: OWASP CS, "as user input" ---------------------------------------------------------


def test_a_malformed_key_is_anonymous_and_never_reaches_the_storage(browser, malformed, journal):
    response = browser.do(look, headers=malformed)
    assert response.status_code == 200
    assert response.answer == (False, {})
    assert journal == []


def test_a_malformed_key_is_not_adopted_by_writing(browser, malformed, journal):
    response = browser.do(lambda request: request.session.update({"cart": 1}), headers=malformed)
    assert cookie(response).value not in malformed["cookie"]
    assert journal == ["insert"]


def test_a_malformed_cookie_is_cleared_once_somebody_looks(browser, malformed):
    assert clears(browser.do(look, headers=malformed))


def test_keys_are_compared_exactly(browser, new_browser):
    browser.keep(cart=1)
    imitation = new_browser()
    imitation.key = browser.key.upper()
    assert imitation.kept() == {}


# --- attributes -----------------------------------------------------------------------------------


@pytest.fixture
def fancy(settings):
    settings.SESSION_COOKIE_NAME = "badge"
    settings.SESSION_COOKIE_DOMAIN = "desk.example"
    settings.SESSION_COOKIE_PATH = "/do/"
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_HTTPONLY = False
    settings.SESSION_COOKIE_SAMESITE = "Strict"


def attributes(morsel):
    return {name: value for name, value in morsel.items() if value}


def test_the_cookie_has_the_attributes_of_the_settings(browser, fancy, clock):
    given = attributes(cookie(browser.keep(cart=1)))
    assert given.pop("expires")
    assert given == {
        "domain": "desk.example",
        "path": "/do/",
        "secure": True,
        "samesite": "Strict",
        "max-age": 30 * 86_400,
    }


def test_the_cookie_has_djangos_attributes_by_default(browser, clock):
    """ASVS 3.3.2, 3.3.4."""
    given = attributes(cookie(browser.keep(cart=1)))
    assert given.pop("expires")
    assert given == {"path": "/", "samesite": "Lax", "httponly": True, "max-age": 30 * 86_400}


def test_the_cookie_is_cleared_where_it_was_set(new_browser, user, fancy):
    member = new_browser()
    member.force_login(user)
    response = member.do(auth.logout)
    assert clears(response)
    given = attributes(cookie(response))
    assert given.pop("expires")
    assert given == {"domain": "desk.example", "path": "/do/", "samesite": "Strict"}


def test_a_host_only_cookie_is_cleared_in_a_way_that_browsers_accept(new_browser, user, settings):
    """ASVS 3.3.3: browsers ignore a __Host- cookie without Secure."""
    settings.SESSION_COOKIE_NAME = "__Host-badge"
    settings.SESSION_COOKIE_SECURE = True
    member = new_browser()
    member.force_login(user)
    response = member.do(auth.logout)
    assert clears(response)
    assert cookie(response)["secure"]


@pytest.mark.parametrize("name", ["__Secure-badge", "__Host-badge"])
def test_the_cookie_fits_into_what_every_browser_takes(browser, settings, name):
    """ASVS 3.3.5."""
    settings.SESSION_COOKIE_NAME = name
    browser.keep(cart=["lamp"] * 10_000)
    assert len(name) + len(browser.key) < 4096


def test_a_page_that_only_reads_sets_no_cookie(member):
    assert cookie(member.get("/home/")) is None


def test_the_cookie_lasts_no_longer_than_browsers_allow(browser, limits, clock):
    """RFC 6265bis 4.1.2.2."""
    limits(idle=900 * 86_400, absolute=None)
    assert cookie(browser.keep(cart=1))["max-age"] == 400 * 86_400


def test_a_session_cookie_goes_when_the_browser_closes(browser, settings):
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True
    given = attributes(cookie(browser.keep(cart=1)))
    assert given == {"path": "/", "samesite": "Lax", "httponly": True}


# --- dead cookies ---------------------------------------------------------------------------------


def test_an_unknown_key_is_cleared(browser, storage_setting):
    browser.key = KEY
    response = browser.do(look)
    assert clears(response)
    assert varies(response)


def test_an_unknown_key_is_left_alone_by_a_page_that_does_not_look(browser):
    browser.key = KEY
    assert cookie(browser.get("/plain/")) is None


def test_an_expired_session_is_cleared(browser, storage_setting, clock):
    browser.keep(cart=1)
    clock.move(days=15)
    assert clears(browser.do(look))


def slow(request):
    """Take longer than an answer may take that clears a cookie."""
    request._frontdesk_began -= CLEARING_WINDOW + 1
    return look(request)


def test_a_slow_answer_does_not_clear_a_cookie_that_may_have_been_renewed(browser):
    browser.key = KEY
    assert cookie(browser.do(slow)) is None


def test_the_clearing_window_is_measured_by_a_clock_that_never_jumps(browser, monkeypatch):
    moment = [1000.0]
    monkeypatch.setattr(middleware.time, "monotonic", lambda: moment[0])
    browser.key = KEY

    def wait(seconds):
        def task(request):
            moment[0] += seconds
            return look(request)

        return task

    assert cookie(browser.do(wait(CLEARING_WINDOW))) is None
    assert clears(browser.do(wait(CLEARING_WINDOW - 0.001)))


def end_by_rotation(browser):
    browser.do(lambda request: request.session.cycle_key())


def end_by_flushing(browser):
    browser.do(lambda request: request.session.flush())


ENDS = pytest.mark.parametrize("end", [end_by_rotation, end_by_flushing])


@ENDS
def test_a_key_that_was_left_behind_a_moment_ago_is_not_cleared(
    new_browser, storage_setting, clock, end
):
    first, straggler = new_browser(), new_browser()
    first.keep(cart=1)
    straggler.key = first.key
    end(first)
    clock.move(seconds=29)
    response = straggler.do(look)
    assert response.answer == (False, {})
    assert cookie(response) is None


@ENDS
def test_a_key_that_was_left_behind_long_ago_is_cleared(new_browser, storage_setting, clock, end):
    first, late = new_browser(), new_browser()
    first.keep(cart=1)
    late.key = first.key
    end(first)
    clock.move(seconds=31)
    assert clears(late.do(look))


def test_signing_out_clears_the_cookie(member):
    def leave(request):
        yield step(auth, "logout", request)

    assert clears(member.do(leave))


def test_signing_out_clears_the_cookie_however_slow_it_was(member):
    """It is the person's own wish, not a guess about a dead key."""

    def leave(request):
        request._frontdesk_began -= CLEARING_WINDOW + 1
        yield step(auth, "logout", request)

    assert clears(member.do(leave))


def test_signing_out_of_nothing_clears_nothing(browser):
    assert cookie(browser.do(auth.logout)) is None


def test_emptying_a_session_keeps_it(browser):
    """As in Django: flush() ends a session, removing its last key does not."""
    browser.keep(cart=1)
    key = browser.key
    browser.do(lambda request: request.session.pop("cart"))
    assert browser.key == key


# --- failed answers -------------------------------------------------------------------------------


def failing(request):
    request.session["cart"] = "new"
    return HttpResponse("sorry", status=500)


def raising(request):
    request.session["cart"] = "new"
    raise ZeroDivisionError


@pytest.mark.parametrize("task", [failing, raising])
def test_a_failed_answer_saves_nothing_and_sets_no_cookie(new_browser, storage_setting, task):
    browser = new_browser(raise_request_exception=False)
    browser.keep(cart="old")
    response = browser.do(task)
    assert response.status_code == 500
    assert cookie(response) is None
    assert browser.kept() == {"cart": "old"}


def test_a_failed_answer_starts_no_session(browser, journal):
    response = browser.do(failing)
    assert cookie(response) is None
    assert journal == []


@pytest.mark.parametrize("status", [200, 302, 404, 499])
def test_any_other_answer_saves(browser, status):
    def task(request):
        request.session["cart"] = status
        return HttpResponse(status=status)

    browser.do(task)
    assert browser.kept() == {"cart": status}

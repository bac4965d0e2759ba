"""The cookie: what is accepted in it, how it is set, when it is cleared, and when it must not be."""

import pytest
from django.contrib import auth
from django.http import HttpResponse

from frontdesk.core.policy import CLEARING_WINDOW
from frontdesk.http import middleware
from frontdesk.http.state import State
from tests.fixtures import sign_out
from tests.requests.browsers import clears, cookie, varies

pytestmark = pytest.mark.django_db

KEY = "a1" * 20

MALFORMED = {
    "empty": "",
    "quoted empty": '""',
    "one letter": "a",
    "too short": KEY[:-1],
    "too long": KEY + "a",
    "too long for Django's": KEY[:33],
    "8 KB": "a" * 8192,
    "upper case": KEY.upper(),
    "one upper case": KEY[:-1] + "A",
    "dash": KEY[:-1] + "-",
    "digits of another script": "٣" * 40,
    "letters of another script": "\u0430" * 40,
    "emoji": "🗝" * 40,
    "SQL": "' OR '1'='1' --",
    "path": "../../../../etc/passwd",
    "digest": "0123456789abcdef" * 4,
    "newline at the end": f'"{KEY}\\012"',
    "carriage return": f'"{KEY}\\015"',
    "zero byte": f'"{KEY[:-1]}\\000"',
    "control characters": "\x01\x02\x7f" * 13,
    "blank inside": KEY[:16] + " " + KEY[17:],
    "JSON": '{"_auth_user_id": "1"}',
}


@pytest.fixture(params=MALFORMED.values(), ids=MALFORMED)
def malformed(request):
    """The Cookie header of a request. Headers travel as bytes, one a character."""
    return {"cookie": f"sessionid={request.param}".encode().decode("latin-1")}


def look(request):
    return request.user.is_authenticated, dict(request.session.items())


# --- malformed keys: OWASP Session Management, "as user input" ----------------------------------


def test_a_malformed_key_is_anonymous_and_asks_no_storage(browser, malformed, journal):
    response = browser.do(look, headers=malformed)
    assert response.status_code == 200
    assert response.answer == (False, {})
    assert clears(response)
    assert journal == []


def test_a_malformed_key_is_not_adopted_by_writing(browser, malformed, journal):
    response = browser.do(lambda request: request.session.update({"cart": 1}), headers=malformed)
    assert cookie(response).value not in malformed["cookie"]
    assert journal == ["swap"]


def test_keys_are_compared_exactly(browser, new_browser):
    browser.put(cart=1)
    other = new_browser()
    for key in (browser.key.upper(), browser.key[:-1] + ("b" if browser.key[-1] == "a" else "a")):
        other.key = key
        assert other.values() == {}


# --- attributes ---------------------------------------------------------------------------------


@pytest.fixture
def unusual(settings):
    settings.SESSION_COOKIE_NAME = "badge"
    settings.SESSION_COOKIE_DOMAIN = "example.com"
    settings.SESSION_COOKIE_PATH = "/do/"
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_HTTPONLY = False
    settings.SESSION_COOKIE_SAMESITE = "Strict"


def attributes(morsel):
    return {name: value for name, value in morsel.items() if value}


def test_the_cookie_has_the_attributes_of_the_settings(browser, unusual, clock):
    given = attributes(cookie(browser.put(cart=1)))
    assert given.pop("expires")
    assert given == {
        "domain": "example.com",
        "path": "/do/",
        "secure": True,
        "samesite": "Strict",
        "max-age": 30 * 86_400,
    }


def test_the_cookie_has_djangos_attributes_by_default(browser, clock):
    """OWASP ASVS 3.3.2, 3.3.4."""
    given = attributes(cookie(browser.put(cart=1)))
    assert given.pop("expires")
    assert given == {"path": "/", "samesite": "Lax", "httponly": True, "max-age": 30 * 86_400}


def test_the_cookie_is_cleared_where_it_was_set(new_browser, user, unusual):
    member = new_browser()
    member.force_login(user)
    response = member.do(auth.logout)
    assert clears(response)
    given = attributes(cookie(response))
    assert given.pop("expires")
    assert given == {"domain": "example.com", "path": "/do/", "samesite": "Strict"}


def test_a_host_cookie_is_cleared_as_browsers_accept_it(new_browser, user, settings):
    """OWASP ASVS 3.3.3: browsers ignore a __Host- cookie without Secure."""
    settings.SESSION_COOKIE_NAME = "__Host-badge"
    settings.SESSION_COOKIE_SECURE = True
    member = new_browser()
    member.force_login(user)
    response = member.do(auth.logout)
    assert clears(response)
    assert cookie(response)["secure"]


@pytest.mark.parametrize("name", ["__Secure-badge", "__Host-badge"])
def test_the_cookie_is_small_whatever_the_session_holds(browser, settings, name):
    """OWASP ASVS 3.3.5."""
    settings.SESSION_COOKIE_NAME = name
    browser.put(cart=["lamp"] * 10_000)
    assert len(name) + len(browser.key) < 4096


def test_a_page_that_only_reads_sets_no_cookie(member):
    assert cookie(member.get("/home/")) is None


def test_the_cookie_lasts_no_longer_than_browsers_allow(browser, limits, clock):
    """RFC 6265bis section 4.1.2.2."""
    limits(idle=900 * 86_400, absolute=None)
    assert cookie(browser.put(cart=1))["max-age"] == 400 * 86_400


def test_expire_at_browser_close_sets_no_age(browser, settings):
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True
    given = attributes(cookie(browser.put(cart=1)))
    assert given == {"path": "/", "samesite": "Lax", "httponly": True}


# --- dead cookies -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, "a1" * 16], ids=["ours", "Django's"])
def test_an_unknown_key_is_cleared(browser, key):
    browser.key = key
    response = browser.do(look)
    assert clears(response)
    assert varies(response)


def test_an_unknown_key_stays_if_the_page_does_not_look(browser):
    browser.key = KEY
    assert cookie(browser.get("/plain/")) is None


def test_an_expired_session_is_cleared(browser, clock):
    browser.put(cart=1)
    clock.move(days=15)
    assert clears(browser.do(look))


def test_a_slow_response_does_not_clear_the_cookie(browser, monkeypatch):
    """The browser may have got another one meanwhile. Measured by a clock that never jumps."""
    now = [1000.0]
    monkeypatch.setattr(middleware.time, "monotonic", lambda: now[0])
    browser.key = KEY

    def wait(seconds):
        def task(request):
            now[0] += seconds
            return look(request)

        return task

    assert cookie(browser.do(wait(CLEARING_WINDOW))) is None
    assert clears(browser.do(wait(CLEARING_WINDOW - 0.001)))


ENDS = {
    "rotated": lambda request: request.session.cycle_key(),
    "flushed": lambda request: request.session.flush(),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize(("seconds", "clear"), [(29, False), (31, True)])
def test_a_key_of_a_moment_ago_is_left_alone(new_browser, clock, end, seconds, clear):
    first, late = new_browser(), new_browser()
    first.put(cart=1)
    late.key = first.key
    first.do(end)
    clock.move(seconds=seconds)
    response = late.do(look)
    assert response.answer == (False, {})
    assert clears(response) is clear
    assert (cookie(response) is None) is not clear


@pytest.mark.parametrize("state", [each for each in State if each is not State.UNREAD])
def test_only_a_key_that_is_of_no_use_is_cleared(browser, state):
    browser.key = KEY

    def be(request):
        look(request)
        request.session.state = state

    assert clears(browser.do(be)) is (state in {State.NEW, State.UNKNOWN})


def test_signing_out_clears_the_cookie(member):
    assert clears(sign_out(member))


def test_signing_out_clears_the_cookie_however_slow_it_is(member):
    """The user asked for it, so it is no guess about a dead key."""

    def leave(request):
        request.session.began -= CLEARING_WINDOW + 1
        auth.logout(request)

    assert clears(member.do(leave))


def test_signing_out_without_a_cookie_clears_nothing(browser):
    assert cookie(browser.do(auth.logout)) is None


def test_removing_the_last_value_keeps_the_session(browser):
    """As in Django: flush() ends a session, removing its last key does not."""
    browser.put(cart=1)
    key = browser.key
    browser.do(lambda request: request.session.pop("cart"))
    assert browser.key == key


# --- failed responses ---------------------------------------------------------------------------


def failing(request):
    request.session["cart"] = "new"
    return HttpResponse("sorry", status=500)


def raising(request):
    request.session["cart"] = "new"
    raise ZeroDivisionError


@pytest.mark.parametrize("task", [failing, raising])
def test_a_failed_response_saves_nothing(new_browser, task, journal):
    browser = new_browser(raise_request_exception=False)
    assert cookie(browser.do(task)) is None
    assert journal == []
    browser.put(cart="old")
    response = browser.do(task)
    assert response.status_code == 500
    assert cookie(response) is None
    assert browser.values() == {"cart": "old"}


@pytest.mark.parametrize("status", [200, 302, 404, 499])
def test_any_other_response_saves(browser, status):
    def task(request):
        request.session["cart"] = status
        return HttpResponse(status=status)

    browser.do(task)
    assert browser.values() == {"cart": status}

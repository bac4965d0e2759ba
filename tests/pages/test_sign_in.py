"""The sign-in page: "Remember me", and a user who has too many sessions."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from frontdesk import sessions
from tests.pages.catalogue import CHROME, FIREFOX, PASSWORD, page, sign_in

DAY = 86_400


def cookie_of(browser):
    return browser.cookies["sessionid"]


def info_of(user):
    (info,) = sessions.for_user(user)
    return info


# --- remember me --------------------------------------------------------------------------------


@pytest.fixture
def remembering(configure):
    configure(REMEMBER_ME=True, IDLE_TIMEOUT=timedelta(hours=1), ABSOLUTE_TIMEOUT=timedelta(days=7))


def checkbox_in(response):
    return [field for field in page(response).all("input") if field["name"] == "remember"]


def test_remember_me_is_off_unless_the_project_turns_it_on(stranger, user):
    assert not checkbox_in(stranger.get(reverse("login")))
    browser = sign_in(user, remember="on")
    assert cookie_of(browser)["max-age"] == 30 * DAY
    assert "_session_expiry" not in browser.session


def test_remember_me_is_not_ticked_at_first(stranger, remembering):
    (checkbox,) = checkbox_in(stranger.get(reverse("login")))
    assert "checked" not in checkbox


def test_unticked_the_session_ends_with_the_browser(user, clock, remembering):
    browser = sign_in(user)
    assert cookie_of(browser)["max-age"] == ""
    assert cookie_of(browser)["expires"] == ""
    info = info_of(user)
    assert info.idle_until - info.last_seen == timedelta(hours=1)
    clock.move(minutes=61)
    assert browser.get("/in/").content == b""


def test_ticked_it_lasts_until_the_absolute_timeout(user, clock, remembering):
    browser = sign_in(user, remember="on")
    assert cookie_of(browser)["max-age"] == 7 * DAY
    clock.move(days=6, hours=23)  # unused, for longer than the idle timeout
    assert browser.get("/in/").content.decode() == user.username
    clock.move(hours=2)  # in use, and over all the same
    assert browser.get("/in/").content == b""


def test_ticked_without_an_absolute_timeout_the_idle_one_remains(user, clock, configure):
    configure(REMEMBER_ME=True, IDLE_TIMEOUT=timedelta(days=2), ABSOLUTE_TIMEOUT=None)
    browser = sign_in(user, remember="on")
    assert cookie_of(browser)["max-age"] >= 365 * DAY
    assert info_of(user).ends_at is None
    clock.move(days=1)
    assert browser.get("/in/").content.decode() == user.username
    clock.move(days=3)
    assert browser.get("/in/").content == b""


@pytest.mark.parametrize("sent", [{}, {"remember": ""}, {"remember": "false"}])
def test_only_a_ticked_box_remembers(user, remembering, sent):
    assert cookie_of(sign_in(user, **sent))["max-age"] == ""


def test_signing_in_again_decides_anew(user, remembering):
    browser = sign_in(user, remember="on")
    browser.post(reverse("login"), {"username": user.username, "password": PASSWORD})
    assert cookie_of(browser)["max-age"] == ""


# --- too many sessions --------------------------------------------------------------------------


@pytest.fixture
def two_sessions(user, clock, configure):
    """Two sessions of a user who may have two: a phone, used longer ago, and a laptop."""
    configure(MAX_SESSIONS_PER_USER=2, AT_MAX_SESSIONS="refuse")
    phone = sign_in(user, FIREFOX)
    clock.move(hours=2)
    laptop = sign_in(user, CHROME)
    clock.move(hours=1)
    return phone, laptop


def post_sign_in(browser, user, **fields):
    given = {"username": user.username, "password": PASSWORD, "next": "/in/?a=1", **fields}
    return browser.post(reverse("login"), given)


def names_in(*browsers):
    return [browser.get("/in/").content.decode() for browser in browsers]


def test_a_refused_sign_in_offers_to_end_the_least_recently_used(two_sessions, user):
    browser = Client()
    response = post_sign_in(browser, user)
    text = page(response).text
    assert response.status_code == 200
    assert "Firefox on Android , active 3 hours ago" in text
    assert "Chrome on Linux" not in text
    # The Enter key presses the first one, which ends nothing.
    names = [button.get("name") for button in page(response).all("button")]
    assert names == [None, "make_room"]
    assert PASSWORD not in response.content.decode()
    assert names_in(*two_sessions, browser) == [user.username, user.username, ""]


def test_the_offer_ends_that_session_and_signs_in(two_sessions, user):
    browser = Client()
    response = post_sign_in(browser, user, make_room="1")
    assert response["Location"] == "/in/?a=1"
    assert names_in(*two_sessions, browser) == ["", user.username, user.username]


def test_the_offer_needs_the_right_password(two_sessions, user):
    browser = Client()
    post_sign_in(browser, user, make_room="1", password="wrong")
    assert names_in(*two_sessions, browser) == [user.username, user.username, ""]


def test_the_offer_ends_nothing_if_there_is_room_by_now(two_sessions, user):
    phone, laptop = two_sessions
    laptop.post(reverse("logout"))
    browser = Client()
    post_sign_in(browser, user, make_room="1")
    assert names_in(phone, browser) == [user.username, user.username]


def test_all_sessions_that_would_end_are_named(two_sessions, user, settings):
    settings.FRONTDESK["MAX_SESSIONS_PER_USER"] = 1
    from frontdesk import conf

    conf.options.cache_clear()
    text = page(post_sign_in(Client(), user)).text
    assert "sign out the 2 sessions" in text
    assert re.search(r"Firefox on Android , active.*Chrome on Linux , active", text) or re.search(
        r"Chrome on Linux , active.*Firefox on Android , active", text
    )


def test_a_form_of_the_project_gets_the_same_offer(two_sessions, user, settings):
    settings.ROOT_URLCONF = "tests.pages.own_form_urls"
    browser = Client()
    response = browser.post("/own/", {"username": user.username, "password": PASSWORD})
    assert "make_room" in response.content.decode()
    browser.post("/own/", {"username": user.username, "password": PASSWORD, "make_room": "1"})
    assert names_in(browser) == [user.username]

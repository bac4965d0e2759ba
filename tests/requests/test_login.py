"""Signing in and out: new keys, old keys, other people's data."""

import math
import re
import secrets

import pytest
from django.contrib import auth

from frontdesk import tokens
from tests.requests.conftest import PASSWORD
from tests.requests.site import Asked, step
from tests.requests.steps import is_anonymous

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("storage_setting")]

UNKNOWN_KEY = "a1" * 16


def sign_in(browser, user):
    """Sign in as a view of the project's own would, in the browser's colour."""

    def task(request):
        found = yield step(
            auth, "authenticate", request, username=user.get_username(), password=PASSWORD
        )
        yield step(auth, "login", request, found)

    return browser.do(task)


def sign_out(browser):
    def task(request):
        yield step(auth, "logout", request)

    return browser.do(task)


def test_signing_in_works(browser, user):
    sign_in(browser, user)
    assert browser.who() == "ada"


def test_signing_in_issues_a_new_key_and_the_old_one_is_anonymous(browser, new_browser, user):
    """ASVS 7.2.4."""
    browser.keep(cart=["lamp"])
    before = browser.key
    sign_in(browser, user)
    assert browser.key != before
    assert is_anonymous(new_browser, before)


def test_signing_in_again_as_the_same_user_issues_a_new_key(browser, new_browser, user):
    """ASVS 7.2.4, re-authentication."""
    sign_in(browser, user)
    before = browser.key
    sign_in(browser, user)
    assert browser.who() == "ada"
    assert browser.key != before
    assert is_anonymous(new_browser, before)


def test_signing_in_through_djangos_view_issues_a_new_key(browser, new_browser, user):
    """ASVS 7.2.4."""
    browser.keep(cart=["lamp"])
    before = browser.key
    browser.post("/login/", {"username": user.get_username(), "password": PASSWORD})
    assert browser.who() == "ada"
    assert is_anonymous(new_browser, before)


def test_what_an_anonymous_visitor_kept_survives_signing_in(browser, user):
    browser.keep(cart=["lamp"])
    sign_in(browser, user)
    assert browser.kept() == {"cart": ["lamp"]}


def test_signing_in_as_the_same_user_keeps_what_was_kept(browser, user):
    sign_in(browser, user)
    browser.keep(cart=["lamp"])
    sign_in(browser, user)
    assert browser.kept() == {"cart": ["lamp"]}


def test_signing_in_as_another_user_starts_with_nothing(browser, new_browser, user, other_user):
    sign_in(browser, user)
    browser.keep(secret="the first one's")
    before = browser.key
    sign_in(browser, other_user)
    assert browser.who() == "bob"
    assert browser.kept() == {}
    assert is_anonymous(new_browser, before)


def test_an_unknown_key_is_never_adopted_by_writing(browser):
    """OWASP CS, strict session management."""
    browser.key = UNKNOWN_KEY
    browser.keep(cart=["lamp"])
    assert browser.key not in {"", UNKNOWN_KEY}
    assert browser.kept() == {"cart": ["lamp"]}


def test_an_unknown_key_is_never_adopted_by_signing_in(browser, new_browser, user):
    """OWASP CS, strict session management: session fixation."""
    browser.key = UNKNOWN_KEY
    sign_in(browser, user)
    assert browser.key != UNKNOWN_KEY
    assert browser.who() == "ada"
    assert is_anonymous(new_browser, UNKNOWN_KEY)


def test_an_unknown_key_is_never_adopted_by_clearing(browser):
    browser.key = UNKNOWN_KEY

    def start_over(request):
        request.session.clear()
        request.session["cart"] = ["lamp"]

    browser.do(start_over)
    assert browser.key != UNKNOWN_KEY
    assert browser.kept() == {"cart": ["lamp"]}


def test_after_signing_out_the_same_cookie_is_refused(browser, new_browser, user):
    """ASVS 7.4.1."""
    sign_in(browser, user)
    browser.keep(cart=["lamp"])
    key = browser.key
    sign_out(browser)
    assert is_anonymous(new_browser, key)


def test_signing_out_leaves_nothing_behind_in_the_browser(browser, user):
    sign_in(browser, user)
    browser.keep(cart=["lamp"])
    sign_out(browser)
    assert browser.who() == ""
    assert browser.kept() == {}


def test_djangos_view_signs_out(member, new_browser):
    """ASVS 7.4.1."""
    key = member.key
    member.post("/logout/")
    assert is_anonymous(new_browser, key)


def test_what_is_kept_right_after_signing_out_starts_a_new_session(browser, new_browser, user):
    sign_in(browser, user)
    key = browser.key

    def leave(request):
        auth.logout(request)
        request.session["farewell"] = "see you"

    browser.do(leave)
    assert browser.key not in {"", key}
    assert browser.kept() == {"farewell": "see you"}
    assert browser.who() == ""


def test_a_deactivated_user_is_anonymous_at_the_next_request(member, user):
    """ASVS 7.4.2."""
    user.is_active = False
    user.save()
    assert member.who() == ""


def test_a_deleted_user_is_anonymous_at_the_next_request(member, user):
    """ASVS 7.4.2."""
    user.delete()
    assert member.who() == ""


def test_a_changed_password_signs_out_everywhere(member, user):
    user.set_password("another one")
    user.save()
    assert member.who() == ""


def test_changing_ones_own_password_keeps_this_session_and_renews_its_key(
    member, new_browser, user
):
    """ASVS 7.4.3, OWASP CS: privilege change."""
    elsewhere = new_browser()
    sign_in(elsewhere, user)
    before = member.key

    def change(request):
        changer = yield step(Asked(request), "user")
        changer.set_password("another one")
        yield step(changer, "save")
        yield step(auth, "update_session_auth_hash", request, changer)

    member.do(change)
    assert member.who() == "ada"
    assert member.key != before
    assert elsewhere.who() == ""


def test_a_session_of_a_backend_that_is_gone_is_nobodys(member, settings):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    assert member.who() == ""


@pytest.mark.parametrize("key", ["_auth_user_hash", "_auth_user_backend"])
def test_a_session_without_its_hash_or_backend_is_nobodys(member, key):
    member.do(lambda request: request.session.pop(key))
    assert member.who() == ""


def test_new_keys_have_djangos_shape(member):
    assert re.fullmatch("[a-z0-9]{32}", member.key)


def test_keys_come_from_a_secure_source_with_160_bits(monkeypatch):
    """ASVS 7.2.3, NIST 5.1."""
    assert math.log2(tokens.KEYS) >= 160
    keys = [tokens.new_key() for _ in range(2000)]
    assert len({*keys}) == 2000
    assert {len({*place}) for place in zip(*keys, strict=True)} == {len(tokens.KEY_ALPHABET)}
    asked = []
    monkeypatch.setattr(secrets, "randbelow", lambda below: asked.append(below) or below - 1)
    assert tokens.new_key() == tokens.KEY_ALPHABET[-1] * tokens.KEY_LENGTH
    assert asked == [len(tokens.KEY_ALPHABET) ** tokens.KEY_LENGTH]

"""Signing in and out: new keys, old keys, and the values of other users."""

import pytest
from django.contrib import auth

from tests.fixtures import PASSWORD, is_anonymous, sign_in, sign_out
from tests.requests.site import current_user, step

pytestmark = pytest.mark.django_db

UNKNOWN_KEY = "a1" * 20


def test_signing_in_gives_a_new_key_and_keeps_the_values(browser, new_browser, user):
    """ASVS 7.2.4."""
    browser.put(cart=["lamp"])
    before = browser.key
    sign_in(browser, user)
    assert browser.key != before
    assert is_anonymous(new_browser, before)
    assert (browser.username(), browser.values()) == ("ada", {"cart": ["lamp"]})


def test_signing_in_again_gives_a_new_key_and_keeps_the_values(browser, new_browser, user):
    """ASVS 7.2.4, re-authentication."""
    sign_in(browser, user)
    browser.put(cart=["lamp"])
    before = browser.key
    sign_in(browser, user)
    assert browser.key != before
    assert is_anonymous(new_browser, before)
    assert (browser.username(), browser.values()) == ("ada", {"cart": ["lamp"]})


def test_djangos_view_gives_a_new_key(browser, new_browser, user):
    """ASVS 7.2.4."""
    browser.put(cart=["lamp"])
    before = browser.key
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    assert browser.username() == "ada"
    assert is_anonymous(new_browser, before)


def test_signing_in_as_another_user_starts_without_values(browser, new_browser, user, other_user):
    sign_in(browser, user)
    browser.put(secret="of the first user")
    before = browser.key
    sign_in(browser, other_user)
    assert (browser.username(), browser.values()) == ("bob", {})
    assert is_anonymous(new_browser, before)


def test_an_unknown_key_is_not_adopted_by_writing(browser):
    """OWASP Session Management: strict session management."""
    browser.key = UNKNOWN_KEY
    browser.put(cart=["lamp"])
    assert browser.key not in {"", UNKNOWN_KEY}
    assert browser.values() == {"cart": ["lamp"]}


def test_an_unknown_key_is_not_adopted_by_signing_in(browser, new_browser, user):
    """OWASP Session Management: session fixation."""
    browser.key = UNKNOWN_KEY
    sign_in(browser, user)
    assert browser.key not in {"", UNKNOWN_KEY}
    assert browser.username() == "ada"
    assert is_anonymous(new_browser, UNKNOWN_KEY)


def test_an_unknown_key_is_not_adopted_by_clearing(browser):
    browser.key = UNKNOWN_KEY

    def start_over(request):
        request.session.clear()
        request.session["cart"] = ["lamp"]

    browser.do(start_over)
    assert browser.key != UNKNOWN_KEY
    assert browser.values() == {"cart": ["lamp"]}


@pytest.mark.parametrize("view", [True, False], ids=["Django's view", "logout()"])
def test_after_signing_out_the_key_is_dead(member, new_browser, view):
    """ASVS 7.4.1."""
    member.put(cart=["lamp"])
    key = member.key
    member.post("/logout/") if view else sign_out(member)
    assert is_anonymous(new_browser, key)
    assert (member.username(), member.values()) == ("", {})


def test_values_put_after_signing_out_start_a_new_session(member):
    key = member.key

    def leave(request):
        auth.logout(request)
        request.session["farewell"] = "see you"

    member.do(leave)
    assert member.key not in {"", key}
    assert (member.username(), member.values()) == ("", {"farewell": "see you"})


def test_a_deactivated_user_is_anonymous_at_once(member, user):
    """ASVS 7.4.2."""
    user.is_active = False
    user.save()
    assert member.username() == ""


def test_a_deleted_user_is_anonymous_at_once(member, user):
    """ASVS 7.4.2."""
    user.delete()
    assert member.username() == ""


def test_a_changed_password_signs_out_everywhere(member, user):
    user.set_password("another one")
    user.save()
    assert member.username() == ""


def test_changing_the_own_password_keeps_this_session_only(member, new_browser, user):
    """ASVS 7.4.3, OWASP Session Management: a new key after a change of privilege."""
    sign_in(elsewhere := new_browser(), user)
    before = member.key

    def change(request):
        changer = yield current_user(request)
        changer.set_password("another one")
        yield step(changer, "save")
        yield step(auth, "update_session_auth_hash", request, changer)

    member.do(change)
    assert (member.username(), elsewhere.username()) == ("ada", "")
    assert member.key != before


def test_a_session_of_a_backend_that_is_gone_is_anonymous(member, settings):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    assert member.username() == ""


@pytest.mark.parametrize("key", [auth.HASH_SESSION_KEY, auth.BACKEND_SESSION_KEY])
def test_a_session_without_its_hash_or_backend_is_anonymous(member, key):
    member.do(lambda request: request.session.pop(key))
    assert member.username() == ""

"""The page that asks a user who is signed in for the password."""

import pytest
from django.urls import reverse

from frontdesk import sessions
from tests.pages.catalogue import PASSWORD, page, sign_in

URL = "/accounts/reauthenticate/"
ENTERED = {"reauthenticate-password": PASSWORD}


def test_the_right_password_makes_the_sign_in_recent_and_goes_on(user, clock):
    browser = sign_in(user)
    clock.move(hours=1)
    key = browser.cookies["sessionid"].value
    (before,) = sessions.for_user(user)
    assert browser.post(URL, {**ENTERED, "next": "/in/?a=1"})["Location"] == "/in/?a=1"
    (after,) = sessions.for_user(user)
    assert after.id == before.id
    assert after.authenticated > before.authenticated
    assert browser.cookies["sessionid"].value != key


def test_a_wrong_password_changes_nothing(user, clock):
    browser = sign_in(user)
    clock.move(hours=1)
    response = browser.post(URL, {"reauthenticate-password": "wrong", "next": "/in/"})
    assert response.status_code == 200
    assert "This password was not accepted. Please enter it again." in page(response).words
    assert {"type": "hidden", "name": "next", "value": "/in/"} in page(response).all("input")
    (info,) = sessions.for_user(user)
    assert info.authenticated == info.created


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", ""])
def test_only_addresses_of_the_site_are_gone_to(member, target):
    assert member.post(URL, {**ENTERED, "next": target})["Location"] == "/in/"


def test_it_can_be_cancelled(member):
    links = page(member.get(f"{URL}?next=/guarded/")).all("a")
    assert {"class": "fd-button fd-button-quiet", "href": "/in/"} in links


@pytest.mark.parametrize(("query", "says_so"), [("", False), ("?next=/guarded/", True)])
def test_it_says_that_the_sign_in_is_old_only_if_a_page_asked_for_it(member, query, says_so):
    words = page(member.get(URL + query)).text
    assert "Please confirm that it is you." in words
    assert ("You signed in some time ago." in words) is says_so


def test_an_anonymous_user_is_redirected_to_the_sign_in_page(stranger):
    assert stranger.get(URL)["Location"] == f"{reverse('login')}?next={URL}"


def test_a_user_without_a_password_signs_in_again(member, user):
    user.set_unusable_password()
    user.save()
    member.force_login(user)
    assert member.get(f"{URL}?next=/guarded/")["Location"] == "/accounts/login/?next=/guarded/"


def test_staff_acting_as_a_user_sign_in_as_that_user_first(user, other_user, acting_as):
    browser = sign_in(user)
    acting_as(other_user)
    response = browser.post(URL, {**ENTERED, "next": "/guarded/"})
    assert response["Location"] == "/accounts/login/?next=/guarded/"
    assert "acting as a different user" in page(browser.get("/accounts/login/")).text

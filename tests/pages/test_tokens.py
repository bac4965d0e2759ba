"""The pages about API tokens: the list below the sessions, creating one, and revoking one."""

import re
from datetime import timedelta

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from frontdesk import api_tokens, sessions
from tests.pages.catalogue import NEW_TOKEN, PASSWORD, page
from tests.requests.browsers import directives

LIST = "/accounts/sessions/"
CREATE = "/accounts/sessions/tokens/new/"


def end_page(token):
    return reverse("frontdesk_end_token", args=[token.id])


def only(user):
    (token,) = api_tokens.for_user(user)
    return token


# --- the list -----------------------------------------------------------------------------------


def test_a_site_without_scopes_shows_nothing_of_tokens(member):
    assert "API tokens" not in page(member.get(LIST)).text
    assert member.get(CREATE).status_code == 404


def test_a_token_is_shown_even_if_its_scopes_are_gone(member, user, configure):
    configure(API_SCOPES={"orders:read": "Read orders"})
    api_tokens.create(user, "backup", ["orders:read"])
    configure(API_SCOPES={})
    member.force_login(user)
    text = page(member.get(LIST)).text
    assert "backup" in text
    assert "No permissions" in text
    assert "Create an API token" not in text


def test_a_token_is_listed_with_what_it_may_do_and_when_it_was_used(programmer, user):
    (row,) = programmer.get(LIST).context["tokens"]
    assert row.token == only(user)
    assert "Never used" in page(programmer.get(LIST)).text


@pytest.mark.django_db(transaction=True)
def test_the_last_use_is_shown_with_its_place(programmer, user):
    _info, text = api_tokens.create(user, "laptop")
    headers = {"Authorization": f"Bearer {text}", "User-Agent": "curl/8.14.1"}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR="198.51.100.7")
    assert api_tokens.authenticate(request)
    shown = page(programmer.get(LIST)).text
    assert "curl" in shown
    assert "198.51.100.7" in shown


def test_two_tokens_with_one_name_can_be_told_apart(programmer, user):
    api_tokens.create(user, "o'neil & co")
    names = [row.name for row in programmer.get(LIST).context["tokens"]]
    assert names == ["o'neil & co", "o'neil & co (2)"]


def test_the_tokens_of_another_user_are_not_shown(programmer, other_user):
    api_tokens.create(other_user, "of another user")
    assert "of another user" not in page(programmer.get(LIST)).text


# --- creating one -------------------------------------------------------------------------------


def test_the_text_is_shown_this_once(programmer, user):
    created = programmer.post(CREATE, {**NEW_TOKEN, "name": "laptop"})
    (text,) = re.findall(r"fdt_[0-9a-z]{47}", created.content.decode())
    assert "no-store" in directives(created)
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {text}"})
    token = api_tokens.authenticate(request)
    assert (token.name, token.scopes) == ("laptop", ("orders:read",))
    assert token.expires - token.created == timedelta(days=7)
    for address in (LIST, CREATE, end_page(token)):
        assert text[19:] not in programmer.get(address).content.decode()


def test_the_usual_age_is_chosen_at_first(programmer):
    form = programmer.get(CREATE).context["form"]
    assert dict(form.fields["age"].choices) == {
        7 * 86_400: "7 days",
        30 * 86_400: "30 days",
        90 * 86_400: "90 days",
        180 * 86_400: "180 days",
        365 * 86_400: "365 days",
        366 * 86_400: "366 days",
    }
    assert form.fields["age"].initial == 90 * 86_400


@pytest.mark.parametrize(
    ("longest", "words"), [(timedelta(hours=12), "12 hours"), (timedelta(minutes=30), "30 minutes")]
)
def test_no_age_is_offered_above_the_greatest(programmer, user, configure, longest, words):
    configure(API_TOKEN_MAX_AGE=longest)
    programmer.force_login(user)
    form = programmer.get(CREATE).context["form"]
    assert form.fields["age"].choices == [(longest.total_seconds(), words)]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "\x1b"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["orders:read", "orders:*"]}, "scopes"),
        ({"age": 1}, "age"),
        ({"age": 10**30}, "age"),
        ({"age": ""}, "age"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(programmer, user, wrong, field):
    answer = programmer.post(CREATE, {**NEW_TOKEN, **wrong})
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert len(api_tokens.for_user(user)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_form_that_is_held_back_until_its_session_has_ended_leaves_no_token(
    programmer, user, monkeypatch, moment
):
    """The user is read at first, and a client can send the last byte of a form minutes later."""
    create = api_tokens.create

    def change_password():
        sessions.end_all(user)
        api_tokens.end_all(user)

    def held_back(*args):
        if moment == "before":
            change_password()
        created = create(*args)
        if moment == "after":
            change_password()
        return created

    monkeypatch.setattr(api_tokens, "create", held_back)
    programmer.post(CREATE, NEW_TOKEN)
    assert api_tokens.for_user(user) == []


def test_the_limit_is_explained(programmer, user, monkeypatch):
    monkeypatch.setattr(api_tokens, "MAX_PER_USER", 1)
    answer = programmer.post(CREATE, NEW_TOKEN)
    assert (
        "This is the maximum number of API tokens. Revoke one to create another."
        in page(answer).text
    )
    assert len(api_tokens.for_user(user)) == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_it_needs_a_recent_sign_in(programmer, user, clock, method):
    clock.move(minutes=16)
    answer = getattr(programmer, method)(CREATE, NEW_TOKEN)
    asked = programmer.get(answer["Location"]) if method == "get" else answer
    assert b"reauthenticate-password" in asked.content
    assert len(api_tokens.for_user(user)) == 1
    if method == "post":
        again = {**NEW_TOKEN, "reauthenticate-password": PASSWORD}
        assert b"fdt_" in programmer.post(CREATE, again).content


def test_staff_who_act_as_a_user_create_none(acting_as, programmer, other_user):
    acting_as(other_user)
    assert programmer.post(CREATE, NEW_TOKEN).status_code == 302
    assert api_tokens.for_user(other_user) == []


@pytest.mark.parametrize("address", [CREATE, "/accounts/sessions/tokens/aaaaaaaaaaaaaaa/end/"])
def test_a_stranger_is_asked_to_sign_in(stranger, programmer, address):
    assert stranger.get(address)["Location"] == f"/accounts/login/?next={address}"


def test_csrf_is_asked(programmer, user):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.post(CREATE, NEW_TOKEN).status_code == 403
    assert browser.post(end_page(only(user))).status_code == 403
    assert len(api_tokens.for_user(user)) == 1


# --- revoking one -------------------------------------------------------------------------------


def test_a_token_is_revoked_after_a_question(programmer, user):
    address = end_page(only(user))
    assert "Revoke o'neil & co" in page(programmer.get(address)).text
    assert len(api_tokens.for_user(user)) == 1
    done = programmer.post(address, follow=True)
    assert "Revoked: o'neil & co." in page(done).text
    assert api_tokens.for_user(user) == []
    assert "That API token has already ended." in page(programmer.post(address, follow=True)).text
    assert programmer.get(address).status_code == 404


def test_revoking_needs_a_recent_sign_in(programmer, user, clock):
    clock.move(minutes=16)
    asked = programmer.post(end_page(only(user)))
    assert "Enter your password to revoke o'neil & co" in page(asked).text
    assert len(api_tokens.for_user(user)) == 1


@pytest.mark.parametrize("id", ["aaaaaaaaaaaaaaa", "x", "é", "' OR 1=1 --"])
def test_any_text_may_come_as_an_id(programmer, user, id):
    address = reverse("frontdesk_end_token", args=[id])
    assert programmer.get(address).status_code == 404
    assert programmer.post(address).status_code == 302
    assert len(api_tokens.for_user(user)) == 1


def test_asvs_8_2_2_the_token_of_another_user_is_not_revoked(programmer, other_user):
    token, _text = api_tokens.create(other_user, "of another user")
    assert programmer.get(end_page(token)).status_code == 404
    programmer.post(end_page(token))
    assert api_tokens.for_user(other_user) == [token]

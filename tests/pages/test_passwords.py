"""The password pages: which other sessions end, and what an absent choice means."""

import pytest
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.urls import reverse

from frontdesk import sessions
from frontdesk.pages import forms
from frontdesk.signals import Reason, session_ended
from tests.pages.catalogue import PASSWORD, page, reset_link, sign_in

NEW = "a lamp in the cellar"

DJANGOS_FIELDS = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}


def change(browser, **fields):
    return browser.post(reverse("password_change"), {**DJANGOS_FIELDS, **fields})


def names_in(*browsers):
    return [browser.get("/in/").content.decode() for browser in browsers]


@pytest.fixture
def reasons(django_capture_on_commit_callbacks):
    found = []

    def receiver(reason, **kwargs):
        found.append(reason)

    session_ended.connect(receiver)
    with django_capture_on_commit_callbacks(execute=True):
        yield found
    session_ended.disconnect(receiver)


def test_a_form_with_djangos_fields_only_ends_all_others_at_once(user, other_user, reasons):
    browser, thief, foreign = sign_in(user), sign_in(user), sign_in(other_user)
    assert change(browser)["Location"] == reverse("password_change_done")
    assert sessions.count(user) == 1
    assert names_in(browser, thief, foreign) == [user.username, "", "bob"]
    assert reasons == [Reason.PASSWORD_CHANGE]


@pytest.mark.parametrize("value", ["", "end"])
def test_every_other_choice_ends_all_others(user, value):
    browser, other = sign_in(user), sign_in(user)
    change(browser, other_sessions=value)
    assert names_in(browser, other) == [user.username, ""]


@pytest.mark.parametrize("value", ["1", "KEEP", "keep "])
def test_an_unknown_choice_changes_no_password(user, value):
    response = change(sign_in(user), other_sessions=value)
    assert response.context["form"].errors.keys() == {"other_sessions"}
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_only_keep_keeps_the_others(user):
    browser, other = sign_in(user), sign_in(user)
    change(browser, other_sessions="keep")
    assert names_in(browser, other) == [user.username, user.username]
    # Nor do they end when the password changes again.
    again = {"old_password": NEW, "new_password1": PASSWORD, "new_password2": PASSWORD}
    browser.post(reverse("password_change"), again)
    assert names_in(browser, other) == [user.username, ""]


def test_at_first_the_choice_is_to_end_them(member):
    fields = page(member.get(reverse("password_change"))).all("input")
    choices = {
        field["value"]: "checked" in field for field in fields if field["name"] == "other_sessions"
    }
    assert choices == {"end": True, "keep": False}


def test_djangos_own_form_in_the_view_ends_all_others(user, settings, monkeypatch):
    from frontdesk.views import PasswordChangeView

    monkeypatch.setattr(PasswordChangeView, "form_class", PasswordChangeForm)
    browser, other = sign_in(user), sign_in(user)
    change(browser, other_sessions="keep")
    assert names_in(browser, other) == [user.username, ""]


@pytest.mark.parametrize("keep", [{}, {"other_sessions": "keep"}])
def test_new_passwords_that_do_not_match_end_nothing(user, keep):
    browser, other = sign_in(user), sign_in(user)
    assert change(browser, new_password2="another", **keep).status_code == 200
    assert change(browser, old_password="wrong", **keep).status_code == 200
    assert names_in(browser, other) == [user.username, user.username]
    assert sessions.count(user) == 2


def test_a_form_that_was_held_back_does_not_change_a_password_that_is_newer(user):
    """The user is read at first, and a client can send the last byte of a form hours later."""
    read_before = User.objects.get(pk=user.pk)
    change(sign_in(user))
    late = {**DJANGOS_FIELDS, "new_password1": "of a thief", "new_password2": "of a thief"}
    form = forms.PasswordChangeForm(read_before, late)
    assert form.errors.keys() == {"old_password"}


def test_the_session_gets_a_new_key(user):
    browser = sign_in(user)
    before = browser.cookies["sessionid"].value
    change(browser)
    assert browser.cookies["sessionid"].value != before


def test_staff_acting_as_a_user_do_not_change_the_password(user, other_user, acting_as):
    browser, theirs = sign_in(user), sign_in(other_user)
    acting_as(other_user)
    response = change(browser)
    assert "acting as a different user" in page(response).text
    other_user.refresh_from_db()
    assert other_user.check_password(PASSWORD)
    acting_as(None)
    assert names_in(theirs) == ["bob"]


def test_a_reset_ends_all_sessions(user, stranger, reasons):
    browser, other = sign_in(user), sign_in(user)
    user.refresh_from_db()  # signing in has changed last_login, which the link depends on
    form = stranger.get(reset_link(user), follow=True).request["PATH_INFO"]
    assert names_in(browser, other) == [user.username, user.username]
    mismatched = {"new_password1": NEW, "new_password2": PASSWORD}
    stranger.post(form, mismatched)
    assert names_in(browser, other) == [user.username, user.username]
    done = stranger.post(form, {"new_password1": NEW, "new_password2": NEW})
    assert done["Location"] == reverse("password_reset_complete")
    assert names_in(browser, other) == ["", ""]
    assert sessions.count(user) == 0
    assert reasons == [Reason.PASSWORD_CHANGE] * 2

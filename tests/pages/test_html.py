"""The pages are sound, accessible HTML in plain words. tests/browser/ tests how they look and work."""

import re
from pathlib import Path

import pytest
from django import forms
from django.contrib import messages
from django.template.loader import render_to_string
from django.urls import reverse

import frontdesk
from frontdesk.errors import StorageUnavailable
from frontdesk.http.unavailable import unavailable
from tests.pages.catalogue import Page, each_page, page

ROOT = Path(frontdesk.__file__).parent


@each_page
def test_a_page_is_sound_html_without_inline_code(name, show):
    found = page(show(name))
    assert len(found.all("h1")) == 1
    assert len(found.all("main")) == 1
    assert found.all("html") == [{"lang": "en-us", "dir": "ltr"}]
    assert not found.all("style")
    assert all(script.get("src") for script in found.all("script"))
    attributes = {attribute for _, attrs in found.tags for attribute in attrs}
    assert not [a for a in attributes if a == "style" or a.startswith("on")]
    assert found.all("a")[0] == {"class": "fd-skip", "href": "#main"}


@each_page
def test_each_field_has_a_label_and_descriptions_that_exist(name, show):
    found = page(show(name))
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    labelled = {attrs["for"] for attrs in found.all("label")}
    for field in found.all("input"):
        if field.get("type") != "hidden" and "hidden" not in field:
            assert field["id"] in labelled
            assert field.get("autocomplete") or field["type"] in {"checkbox", "radio"}
            assert set((field.get("aria-describedby") or "").split()) <= set(ids)


def test_every_page_behind_sign_in_offers_to_sign_out_by_post(show):
    logout = reverse("logout")
    for name in ("change", "change-done", "login-again", "sessions", "history", "reauthenticate"):
        found = page(show(name)).all("form")
        assert any(form.get("action") == logout for form in found)
        assert all(form["method"] == "post" for form in found)


def test_errors_are_announced_and_tied_to_their_fields(show):
    found = page(show("change-wrong"))
    assert any(attrs.get("role") == "alert" for _, attrs in found.tags)
    wrong = [field for field in found.all("input") if field.get("aria-invalid")]
    assert [field["name"] for field in wrong] == ["old_password", "new_password2"]
    assert all(f"{field['id']}_error" in field["aria-describedby"] for field in wrong)
    assert "Error:" in found.words[0]


def test_a_wrong_password_does_not_say_which_part_was_wrong(show):
    found = page(show("login-wrong"))
    assert any(attrs.get("role") == "alert" for _, attrs in found.tags)
    assert not [field for field in found.all("input") if field.get("aria-invalid")]


@pytest.mark.parametrize("name", ["login-wrong", "reauthenticate-wrong"])
def test_after_a_wrong_password_the_focus_is_on_the_password(name, show):
    focused = [field for field in page(show(name)).all("input") if "autofocus" in field]
    assert [field["type"] for field in focused] == ["password"]


def test_password_managers_learn_whose_new_password_it_is(show, user):
    for name in ("change", "reset-link", "reauthenticate"):
        fields = page(show(name)).all("input")
        names = [field["value"] for field in fields if field.get("autocomplete") == "username"]
        assert names == [user.username]


def test_the_form_template_renders_every_kind_of_field():
    class Everything(forms.Form):
        token = forms.CharField(widget=forms.HiddenInput)
        nickname = forms.CharField(required=False)
        remember = forms.BooleanField(required=False, help_text="Not on a shared device.")
        way = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)

    html = render_to_string("frontdesk/form.html", {"form": Everything({})})
    found = Page(html)
    assert len(found.all("fieldset")) == 1
    assert "way_error" in found.all("fieldset")[0]["aria-describedby"]
    assert "fd-field-checkbox" in html
    # A checkbox is never marked as optional, because no user asks whether it has to be ticked.
    assert found.words.count("(optional)") == 1
    # A hidden field has no other place for its error than the top of the form.
    assert "Token: This field is required." in found.words


# --- messages -----------------------------------------------------------------------------------


def rendered_messages(**context):
    shown = [messages.storage.base.Message(messages.SUCCESS, "Done.")]
    return Page(render_to_string("frontdesk/messages.html", {"messages": shown, **context}))


def test_messages_are_a_list_inside_of_what_is_announced():
    found = rendered_messages()
    tags = [tag for tag, _ in found.tags]
    assert tags == ["div", "ul", "li"]
    assert found.all("div")[0]["role"] == "status"
    assert found.all("li")[0]["class"] == "fd-message fd-message-success"
    assert "Done." in found.words


def test_messages_take_the_focus_only_where_a_page_asks_for_it():
    assert "autofocus" not in rendered_messages().all("div")[0]
    focused = rendered_messages(focus=True).all("div")[0]
    assert "autofocus" in focused
    assert focused["tabindex"] == "-1"


# --- outages ------------------------------------------------------------------------------------

OUTAGE = (
    "We can't check your sign-in right now. You haven't been signed out. "
    "Try again in a few seconds."
)


def test_an_outage_says_that_the_user_is_not_signed_out(settings):
    settings.DEBUG = False
    found = page(unavailable(StorageUnavailable("the password is 1234")))
    assert OUTAGE in found.words
    assert {"class": "fd-button", "href": ""} in found.all("a")
    assert "Try again" in found.words
    assert not found.all("form")
    assert "1234" not in found.text


def test_an_outage_shows_its_cause_only_in_debug_and_escaped(settings):
    settings.DEBUG = True
    assert "<no route>" in page(unavailable(StorageUnavailable("<no route>"))).words


# --- words --------------------------------------------------------------------------------------

SHOWN = sorted(
    path
    for folder in ("templates", "static", "pages", "words", "templatetags")
    for path in (ROOT / folder).rglob("*.*")
    if path.suffix in {".html", ".txt", ".css", ".js", ".py"}
)


def test_the_library_speaks_of_sessions_and_signing_in_only():
    for path in SHOWN:
        # Not the names that code has: modules, classes and addresses.
        text = re.sub(r"[\w./'\"]*frontdesk[\w./'\"]*|FRONTDESK\S*", "", path.read_text())
        found = re.findall(r"(?i)\b(badge|desk|visitor|lobby|lanyard|front desk)s?\b", text)
        assert not found, path

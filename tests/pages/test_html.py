"""The pages are sound, accessible HTML. How they look and work is tested in tests/browser/."""

from datetime import timedelta

from django import forms
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from tests.pages.catalogue import PASSWORD, Page, each_page, page


@each_page
def test_each_page_is_sound_html_without_scripts_and_inline_styles(name, show):
    found = page(show(name))
    assert len(found.all("h1")) == 1
    assert len(found.all("main")) == 1
    assert found.all("html") == [{"lang": "en-us", "dir": "ltr"}]
    tags = {tag for tag, _ in found.tags}
    assert not tags & {"script", "style"}
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
            assert field["autocomplete"]
            assert set((field.get("aria-describedby") or "").split()) <= set(ids)


def test_every_page_behind_sign_in_offers_to_sign_out_by_post(show):
    for name in (
        "change",
        "change-done",
        "login-again",
        "logout-ask",
        "sessions",
        "reauthenticate",
    ):
        forms_ = page(show(name)).all("form")
        assert any(form.get("action", reverse("logout")) == reverse("logout") for form in forms_)
        assert all(form["method"] == "post" for form in forms_)


def test_errors_are_announced_and_tied_to_their_fields(show):
    found = page(show("change-wrong"))
    assert any(attrs.get("role") == "alert" for _, attrs in found.tags)
    wrong = [field for field in found.all("input") if field.get("aria-invalid")]
    assert [field["name"] for field in wrong] == ["old_password", "new_password2"]
    assert all(f"{field['id']}_error" in field["aria-describedby"] for field in wrong)
    assert "Error:" in found.words[0]


def test_a_wrong_password_is_announced_without_saying_which_part_was_wrong(show):
    found = page(show("login-wrong"))
    assert any(attrs.get("role") == "alert" for _, attrs in found.tags)
    assert not [field for field in found.all("input") if field.get("aria-invalid")]


def test_password_managers_learn_whose_new_password_it_is(show, user):
    for name in ("change", "reset-link", "reauthenticate"):
        fields = page(show(name)).all("input")
        names = [field["value"] for field in fields if field.get("autocomplete") == "username"]
        assert names == [user.username]


def test_the_form_template_renders_every_kind_of_field():
    class Everything(forms.Form):
        token = forms.CharField(widget=forms.HiddenInput)
        nickname = forms.CharField(required=False)
        remember = forms.BooleanField(required=False, help_text="Not on a shared machine.")
        way = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)

    html = render_to_string("frontdesk/form.html", {"form": Everything({})})
    found = Page(html)
    assert len(found.all("fieldset")) == 1
    assert "way_error" in found.all("fieldset")[0]["aria-describedby"]
    assert "fd-field-checkbox" in html
    # Of the two that may be left empty, nobody would ask whether a checkbox has to be ticked.
    assert [words for words in found.words if words == "(optional)"] == ["(optional)"]
    # A hidden field that fails has no place to say so but the top of the form.
    assert "Token: This field is required." in found.words


def test_messages_are_shown_and_announced():
    found = Page(render_to_string("frontdesk/messages.html", {"messages": ["Hello."]}))
    assert found.all("ul")[0]["role"] == "status"
    assert "Hello." in found.words


def test_an_outage_says_that_nobody_is_signed_out():
    found = Page(render_to_string("frontdesk/unavailable.html", {"cause": "<no route>"}))
    assert any("You are not signed out" in words for words in found.words)
    assert "<no route>" in found.words
    assert not found.all("form")


def test_each_button_of_the_sessions_says_what_it_ends(member, user):
    for agent in (
        "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
        "curl/8",
    ):
        credentials = {"username": user.username, "password": PASSWORD}
        Client(headers={"User-Agent": agent}).post(reverse("login"), credentials)
    found = page(member.get(reverse("frontdesk_sessions")))
    names = [button["aria-label"] for button in found.all("button") if "aria-label" in button]
    assert sorted(names) == ["End Firefox on Linux", "End curl"]
    assert len([item for item in found.all("li") if item.get("aria-current") == "true"]) == 1


def test_the_form_that_answers_a_post_is_sound_html_too(member, settings):
    settings.FRONTDESK = {"REAUTH_AGE": timedelta(microseconds=1)}
    response = member.post(reverse("frontdesk_end_session"), {"session": '"><b>'})
    found = page(response)
    assert response.status_code == 403
    assert not found.all("b")
    assert {"type": "hidden", "name": "session", "value": '"><b>'} in found.all("input")
    (field,) = [field for field in found.all("input") if field["type"] == "password"]
    assert {"for": field["id"], "class": "fd-label"} in found.all("label")
    assert field["autocomplete"] == "current-password"

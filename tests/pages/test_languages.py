"""Every word of the library can be translated; German is the proof."""

import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

import frontdesk
from tests.pages.catalogue import FIREFOX, PASSWORD, Page, each_page, page, sign_in

LANGUAGES = sorted(
    path.name.replace("_", "-").lower() for path in Path(frontdesk.__file__).parent.glob("locale/*")
)

SAME_IN_BOTH = {"Details", "Name", "testserver", "o'neil & co", "UTC", "."}


@each_page
def test_every_word_of_each_page_is_german_in_german(name, show):
    with translation.override("en"):
        english = page(show(name)).words
    with translation.override("de"):
        found = page(show(name))
    assert found.all("html") == [{"lang": "de", "dir": "ltr"}]
    assert not (set(english) & set(found.words)) - SAME_IN_BOTH


def test_the_outage_page_is_german_in_german():
    with translation.override("de"):
        german = Page(render_to_string("frontdesk/unavailable.html")).words
    assert not set(german) & set(Page(render_to_string("frontdesk/unavailable.html")).words)


def test_what_the_password_is_asked_for_reads_well_in_german(user, clock):
    browser = sign_in(user, FIREFOX, "203.0.113.7")
    clock.move(minutes=16)
    with translation.override("de"):
        asked = page(browser.post("/accounts/sessions/end-others/")).words
    assert "Geben Sie Ihr Passwort ein, um sich überall sonst abzumelden" in asked


def test_the_page_turns_around_for_languages_written_from_right_to_left(show):
    with translation.override("ar"):
        assert page(show("login")).all("html") == [{"lang": "ar", "dir": "rtl"}]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_name_of_a_button_contains_what_is_written_on_it(language, user, programmer):
    """WCAG 2.2, 2.5.3. Users of speech control say what they see; upper and lower case sound alike."""
    sign_in(user, FIREFOX, "203.0.113.7")
    with translation.override(language):
        html = programmer.get("/accounts/sessions/").content.decode()
    named = re.findall(r'<(?:button|a)\b[^>]* aria-label="([^"]+)"[^>]*>([^<]+)<', html)
    assert len(named) == 2  # sign out, revoke
    assert [text for name, text in named if text.casefold() not in name.casefold()] == []


def test_a_session_is_named_with_the_comma_of_the_language(user):
    sign_in(user, FIREFOX, "203.0.113.7")
    with translation.override("ar"):
        text = page(sign_in(user).get("/accounts/sessions/")).text
    assert "Android، \u2066203.0.113.7\u2069" in text


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        ("en", "Your new password for testserver", "Your user name is o'neil & co."),
        ("de", "Ihr neues Passwort für testserver", "Ihr Benutzername ist o'neil & co."),
    ],
)
def test_the_mail_is_translated_text_with_a_link_that_works(
    language, subject, words, stranger, user, mailoutbox
):
    with translation.override(language):
        stranger.post(reverse("password_reset"), {"email": user.email})
    (mail,) = mailoutbox
    assert mail.subject == subject
    assert words in mail.body
    link = re.search(r"^http://testserver(/\S+)$", mail.body, re.MULTILINE)[1]
    form_page = stranger.get(link, follow=True)
    new = {"new_password1": PASSWORD * 2, "new_password2": PASSWORD * 2}
    done = stranger.post(form_page.request["PATH_INFO"], new)
    assert done["Location"] == reverse("password_reset_complete")
    assert stranger.login(username=user.username, password=PASSWORD * 2)

"""Every word of the pages and the mail can be translated; German is the proof."""

import gettext
import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

import frontdesk
from tests.pages.catalogue import PASSWORD, Page, each_page, page


@each_page
def test_every_word_of_each_page_is_german_in_german(name, show):
    with translation.override("en"):
        english = page(show(name)).words
    with translation.override("de"):
        found = page(show(name))
    assert found.all("html") == [{"lang": "de", "dir": "ltr"}]
    left = set(english) & set(found.words) - {"testserver", "o'neil & co"}
    assert not left


def test_the_outage_page_is_german_in_german():
    with translation.override("de"):
        german = Page(render_to_string("frontdesk/unavailable.html")).words
    assert not set(german) & set(Page(render_to_string("frontdesk/unavailable.html")).words)


def test_the_page_turns_around_for_languages_written_from_right_to_left(show):
    with translation.override("ar"):
        assert page(show("login")).all("html") == [{"lang": "ar", "dir": "rtl"}]


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        ("en", "Your new password for testserver", "Your user name is o'neil & co."),
        ("de", "Ihr neues Passwort für testserver", "Ihr Benutzername ist o'neil & co."),
    ],
)
def test_the_mail_is_translated_plain_text_with_a_link_that_works(
    language, subject, words, visitor, user, mailoutbox
):
    with translation.override(language):
        visitor.post(reverse("password_reset"), {"email": user.email})
    (mail,) = mailoutbox
    assert mail.subject == subject
    assert words in mail.body
    link = re.search(r"^http://testserver(/\S+)$", mail.body, re.MULTILINE)[1]
    form_page = visitor.get(link, follow=True)
    new = {"new_password1": PASSWORD * 2, "new_password2": PASSWORD * 2}
    done = visitor.post(form_page.request["PATH_INFO"], new)
    assert done["Location"] == reverse("password_reset_complete")
    assert visitor.login(username=user.username, password=PASSWORD * 2)


def test_the_compiled_translation_is_that_of_the_text_file():
    folder = Path(frontdesk.__file__).parent / "locale" / "de" / "LC_MESSAGES"
    with (folder / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    pairs = re.findall(
        r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n)+)',
        (folder / "django.po").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(pairs) > 30
    for source, target in pairs:
        if joined(source):
            assert joined(target)
            assert compiled.gettext(joined(source)) == joined(target)


def joined(lines: str) -> str:
    """The text of a string in a .po file, which may run over several lines."""
    return "".join(re.findall(r'^"(.*)"$', lines, re.MULTILINE)).replace('\\"', '"')

"""Every word of the library can be translated; German is the proof."""

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

import frontdesk
from tests.pages.catalogue import FIREFOX, PASSWORD, Page, each_page, page, sign_in

LIBRARY = Path(frontdesk.__file__).parent
DEMO = Path(__file__).parents[2] / "example" / "lobby"

each_root = pytest.mark.parametrize("root", [LIBRARY, DEMO], ids=["library", "demo"])

SAME_IN_BOTH = {"Name", "testserver", "o'neil & co", "UTC", "."}


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


# --- the catalogue ------------------------------------------------------------------------------


def catalogue(root):
    return root / "locale" / "de" / "LC_MESSAGES" / "django.po"


def entries(root):
    """Return the entries of the .po file: dictionaries of ``msgid``, ``msgstr`` and the like."""
    for block in catalogue(root).read_text(encoding="utf-8").split("\n\n"):
        entry, name = {}, ""
        for line in block.splitlines():
            if line.startswith("#"):
                assert "fuzzy" not in line, block
            else:
                name, text = re.fullmatch(r'(\S+ )?(".*")', line).groups(default=name)
                name = name.strip()
                entry[name] = entry.get(name, "") + ast.literal_eval(text)
        if entry["msgid"]:
            yield entry


@each_root
def test_the_compiled_translation_is_that_of_the_text_file(root):
    with catalogue(root).with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    found = list(entries(root))
    assert len(found) > 30
    for entry in found:
        context = f"{entry['msgctxt']}\4" if "msgctxt" in entry else ""
        if "msgid_plural" in entry:
            for number, form in ((1, "msgstr[0]"), (2, "msgstr[1]")):
                text = compiled.ngettext(context + entry["msgid"], entry["msgid_plural"], number)
                assert text == entry[form] != ""
        else:
            assert compiled.gettext(context + entry["msgid"]) == entry["msgstr"] != ""


FUNCTIONS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
WITH_CONTEXT = {"pgettext", "pgettext_lazy", "npgettext", "npgettext_lazy"}


def messages_in_code(root):
    for path in root.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                given = [each.value for each in call.args if isinstance(each, ast.Constant)]
                if call.func.id in FUNCTIONS and given:
                    yield "", given[0]
                elif call.func.id in WITH_CONTEXT:
                    yield given[0], given[1]


@each_root
def test_every_message_of_the_code_has_a_translation(root):
    known = {(entry.get("msgctxt", ""), entry["msgid"]) for entry in entries(root)}
    found = set(messages_in_code(root))
    assert found
    assert found <= known

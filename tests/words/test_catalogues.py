"""Each translation is complete and agrees with the source. A language is covered once it has a folder."""

import gettext
import re
from collections import Counter
from pathlib import Path

import django
import pytest

import frontdesk
from tests.words.catalogues import Message, messages_of, read_mo, read_po

LIBRARY = Path(frontdesk.__file__).parent
DEMO = Path(__file__).parents[2] / "example" / "lobby"
DJANGO = Path(django.__file__).parent

CATALOGUES = {
    f"{name}-{path.parts[-3]}": (root, path)
    for name, root in (("library", LIBRARY), ("demo", DEMO))
    for path in sorted(root.glob("locale/*/LC_MESSAGES/django.po"))
}

each_catalogue = pytest.mark.parametrize(
    ("root", "path"), CATALOGUES.values(), ids=CATALOGUES.keys()
)

COUNTS = range(1000), range(1_000_000, 1_000_002)


def parts(text: str) -> Counter[str]:
    """Return the placeholders and the HTML of a message."""
    return Counter(re.findall(r"%\(\w+\)[ds]|%[ds]|<[^>]+>|^\s|\s$|\n", text))


def of_django(language: str) -> dict[Message, list[list[str]]]:
    """Return how Django translates messages without a context, in its core and in common apps."""
    found: dict[Message, list[list[str]]] = {}
    for place in ("conf", *(f"contrib/{app}" for app in ("admin", "auth", "sessions"))):
        path = DJANGO / place / "locale" / language / "LC_MESSAGES" / "django.mo"
        if path.exists():
            for message, texts in read_mo(path).items():
                if not message.context:
                    found.setdefault(message, []).append(texts)
    return found


def test_there_are_catalogues():
    assert {"library-de", "demo-de"} <= CATALOGUES.keys()


@each_catalogue
def test_a_catalogue_has_the_messages_of_the_source_and_no_others(root, path):
    source, catalogue = messages_of(root), read_po(path)
    assert len(source) > 30
    assert source - catalogue.messages.keys() == set()
    assert catalogue.messages.keys() - source == set()
    assert not catalogue.obsolete


@each_catalogue
def test_every_message_has_a_certain_translation_in_each_plural_form(root, path):
    catalogue = read_po(path)
    number, _ = catalogue.plurals
    assert "fuzzy" not in catalogue.flags
    for message, texts in catalogue.messages.items():
        assert len(texts) == (number if message.plural else 1), message
        assert all(texts), message


@each_catalogue
def test_a_translation_has_the_placeholders_and_the_html_of_its_message(root, path):
    catalogue = read_po(path)
    form_of = gettext.c2py(catalogue.plurals[1])
    numbers = Counter(form_of(count) for counts in COUNTS for count in counts)
    for message, texts in catalogue.messages.items():
        for form, text in enumerate(texts):
            if message.plural and numbers[form] == 1:
                # "one session", "both sessions"
                assert parts(text) <= parts(message.plural), text
            else:
                assert parts(text) == parts(message.plural or message.id), text


@each_catalogue
def test_a_catalogue_names_its_language(root, path):
    assert read_po(path).header["Language"] == path.parts[-3]


@pytest.mark.skipif(django.VERSION < (6, 1), reason="some rules have changed in Django 6.1")
@each_catalogue
def test_a_catalogue_chooses_plural_forms_as_django_does(root, path):
    catalogue, language = read_po(path), path.parts[-3]
    theirs = read_po(DJANGO / "conf" / "locale" / language / "LC_MESSAGES" / "django.po")
    (number, ours_of), (expected, theirs_of) = catalogue.plurals, theirs.plurals
    assert number == expected
    choose, chosen = gettext.c2py(ours_of), gettext.c2py(theirs_of)
    assert all(choose(count) == chosen(count) for counts in COUNTS for count in counts)


@each_catalogue
def test_the_compiled_translation_is_that_of_the_text_file(root, path):
    assert read_mo(path.with_suffix(".mo")) == read_po(path).messages


@each_catalogue
def test_a_message_that_django_also_has_is_translated_as_django_does(root, path):
    # Django merges the catalogues of all apps, so one translation would replace the other on its pages or
    # on these. Another meaning needs a context.
    theirs = of_django(path.parts[-3])
    assert [
        (message.id, texts, theirs[message])
        for message, texts in read_po(path).messages.items()
        # Some of Django's have more plural forms than their language uses.
        if message in theirs and texts not in [each[: len(texts)] for each in theirs[message]]
    ] == []

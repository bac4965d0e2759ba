"""The documentation and the code agree, and links lead somewhere."""

import ast
import re
from datetime import timedelta
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from django.conf import global_settings
from django.core.management import get_commands

from frontdesk import conf
from frontdesk.checks.engine import SESSION
from frontdesk.core import clock, keys, policy, record
from frontdesk.http import client, unavailable
from tests.docs.pages import (
    ALL,
    PAGES,
    ROOT,
    anchors,
    below,
    headings,
    links,
    name_of,
    pictures,
    prose,
    section,
)

DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "frontdesk"
SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py"))}

# --- links --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_every_link_leads_somewhere(page):
    for link in links(page):
        url = urlsplit(link)
        if url.scheme:
            assert url.scheme == "https", link
            continue
        target = (page.parent / url.path).resolve() if url.path else page
        assert target.exists(), f"{name_of(page)} links to {link}"
        assert target.is_relative_to(ROOT)
        if url.fragment:
            assert url.fragment in anchors(target), f"{name_of(page)} links to {link}"


def test_each_page_stands_once_in_a_table_of_contents():
    found = [child for page in PAGES for child in below(page)]
    assert sorted(found) == sorted(set(PAGES) - {ROOT / "README.md", DOCS / "index.md"})


READ_THROUGH = [page for page in PAGES if page.parent.name in {"tutorial", "howto", "explanation"}]


@pytest.mark.parametrize("page", READ_THROUGH, ids=name_of)
def test_a_page_to_read_through_has_at_most_1200_words(page):
    assert len(prose(page).split()) <= 1200


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_no_heading_stands_twice(page):
    found = headings(page)
    assert sorted(found) == sorted(set(found))


@pytest.mark.parametrize("picture", sorted((DOCS / "images").glob("*.svg")), ids=name_of)
def test_a_picture_is_self_contained_and_described(picture):
    text = picture.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert {"title", "desc"} <= {child.tag.rpartition("}")[2] for child in root}
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"@import|@font-face|<script|href", text)


def test_only_the_readme_and_the_tutorial_say_how_to_install():
    said = [name_of(page) for page in ALL if "pip install" in page.read_text(encoding="utf-8")]
    assert said == ["README.md", "docs/tutorial/index.md"]


def test_each_screenshot_is_small_and_shown_for_a_light_and_a_dark_screen():
    shown = {picture for page in PAGES for picture in pictures(page)}
    assert shown == set((DOCS / "images").glob("*.png"))
    assert {path for path in shown if path.stat().st_size > 150_000} == set()
    light = {path.name for path in shown if not path.stem.endswith("-dark")}
    assert {f"{name.removesuffix('.png')}-dark.png" for name in light} == {
        path.name for path in shown
    } - light


# --- settings -----------------------------------------------------------------------------------


def as_code(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(as_code, value))})"
    if isinstance(value, timedelta):
        for unit in ("days", "hours", "minutes", "seconds"):
            count, rest = divmod(value, timedelta(**{unit: 1}))
            if not rest and count:
                return f"timedelta({unit}={count})"
    return repr(value)


@pytest.mark.parametrize("name", conf.settings())
def test_each_setting_is_described_as_it_is(name):
    setting = conf.settings()[name]
    text = section(DOCS / "reference" / "settings.md", name)
    assert f"Type: {setting['problem'](object())}" in text
    assert f"`{as_code(setting['default']())}`" in text
    assert setting["help"] in text


def test_no_setting_is_described_that_is_not_there():
    written = {
        heading for heading in headings(DOCS / "reference" / "settings.md") if heading.isupper()
    }
    assert written - {"FRONTDESK"} == set(conf.settings())


def test_each_of_djangos_session_settings_is_described():
    table = section(DOCS / "reference" / "settings.md", "Django's settings")
    known = {name for name in dir(global_settings) if name.startswith("SESSION_")}
    assert {name for name in known if f"`{name}`" in table} == known


# --- checks -------------------------------------------------------------------------------------


def test_exactly_the_checks_that_exist_are_described():
    found = {
        id for text in SOURCES.values() for id in re.findall(r'"(frontdesk\.[EW]\d{3})"', text)
    }
    assert found
    assert set(headings(DOCS / "reference" / "checks.md")) - {"Checks"} == found


def test_each_check_is_quoted_as_it_speaks():
    strings = [
        node.value
        for text in SOURCES.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    quotes = re.findall(r"\*\*(.+?)\*\*", " ".join(prose(DOCS / "reference" / "checks.md").split()))
    assert quotes
    for quote in quotes:
        for part in quote.removeprefix(SESSION).split("[...]"):
            assert any(part in string for string in strings), part


# --- numbers and names --------------------------------------------------------------------------

ANYWHERE = "\n".join(" ".join(prose(page).split()) for page in PAGES)


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        ("within the last 30 seconds", record.GRACE == 30 * clock.SECOND),
        ("when it took 5 seconds or longer", policy.CLEARING_WINDOW == 5),
        ("a 503 with `Retry-After: 5`", unavailable.RETRY_AFTER == "5"),
        ("at most 400 days", policy.MAX_COOKIE_AGE == 400 * 86_400),
        (
            "a public *id* (15) and a *secret* (25)",
            (keys.ID_LENGTH, keys.SECRET_LENGTH) == (15, 25),
        ),
        ("129 random bits", len(keys.ALPHABET) ** keys.SECRET_LENGTH > 2**129),
        ("40 characters", keys.KEY_LENGTH == 40),
        ("first 24 bits of an IPv4", client.network_of("203.0.113.77") == "203.0.113.0"),
        ("first 48 of an IPv6", client.network_of("2001:db8:1:2::3") == "2001:db8:1::"),
    ],
)
def test_a_number_in_the_documentation_is_the_one_in_the_code(words, holds):
    assert words in ANYWHERE
    assert holds


def test_modules_commands_and_classes_that_are_named_exist():
    for path in set(re.findall(r"`(frontdesk(?:\.[a-z_]+)+(?:\.[A-Z]\w+)?)", ANYWHERE)):
        if not path.endswith(
            ("_session", "_historyentry", "_apitoken", "_throttle")
        ):  # a permission or a table
            resolve(path)
    for command in set(re.findall(r"`manage\.py (\w+)", ANYWHERE)):
        assert command in get_commands(), command


def resolve(path: str) -> object:
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            found = getattr(found, name)
        return found
    raise AssertionError(path)


def test_files_that_are_named_exist():
    for path in set(re.findall(r"`((?:src|tests|example|benchmarks)/[\w./-]+)`", ANYWHERE)):
        assert (ROOT / path).exists(), path


# --- form ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_lines_are_short_enough_to_be_read_in_a_diff(page):
    text = page.read_text(encoding="utf-8")
    # What a benchmark has written.
    text = re.sub(r"<!-- \w+: begin -->.*?<!-- \w+: end -->", "", text, flags=re.DOTALL)
    exempt = ("|", "![")  # tables and pictures cannot be broken
    long = [line for line in text.splitlines() if len(line) > 120 and not line.startswith(exempt)]
    assert not long
    assert text.endswith("\n")
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)

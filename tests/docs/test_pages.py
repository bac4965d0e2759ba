"""The documentation and the code agree, and links lead somewhere."""

import ast
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from django.conf import global_settings
from django.core.management import get_commands

from frontdesk import client, clock, conf, models, policy, purging, tokens, unavailable
from frontdesk.checks import AUTHENTICATION, SESSION
from frontdesk.storages import base
from tests.docs.pages import ALL, PAGES, ROOT, anchors, headings, links, name_of, prose, section

DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "frontdesk"


# --- links --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_every_link_leads_somewhere(page):
    for link in links(page):
        url = urlsplit(link)
        if url.scheme:
            assert url.scheme == "https", link
            continue
        target = (page.parent / url.path).resolve() if url.path else page
        assert target.is_file(), f"{name_of(page)} links to {link}"
        assert target.is_relative_to(ROOT)
        if url.fragment:
            assert url.fragment in anchors(target), f"{name_of(page)} links to {link}"


def test_every_page_can_be_reached_from_the_index():
    index = DOCS / "index.md"
    linked = {(DOCS / link).resolve() for link in links(index)}
    assert set(PAGES) - linked == {ROOT / "README.md", index}


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_no_heading_stands_twice(page):
    found = headings(page)
    assert sorted(found) == sorted(set(found))


@pytest.mark.parametrize("picture", sorted((DOCS / "images").iterdir()), ids=name_of)
def test_a_picture_is_self_contained_and_described(picture):
    text = picture.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert {"title", "desc"} <= {child.tag.rpartition("}")[2] for child in root}
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"@import|@font-face|<script|href", text)


# --- settings -----------------------------------------------------------------------------------


def described(default: Any) -> str:
    if isinstance(default, timedelta):
        for unit in ("days", "hours", "minutes", "seconds"):
            count, rest = divmod(default, timedelta(**{unit: 1}))
            if not rest and count:
                return f"`timedelta({unit}={count})`"
    return f"`{default!r}`"


@pytest.mark.parametrize("setting", conf.SETTINGS, ids=lambda setting: setting.name)
def test_each_setting_is_described_as_it_is(setting):
    text = section(DOCS / "settings.md", setting.name)
    assert f"Type: {setting.problem(object())}" in text
    assert described(setting.default()) in text
    assert setting.help in text


def test_no_setting_is_described_that_is_not_there():
    known = {setting.name for setting in conf.SETTINGS}
    written = {heading for heading in headings(DOCS / "settings.md") if heading.isupper()}
    assert written - {"FRONTDESK"} == known


def test_each_of_djangos_session_settings_is_spoken_of():
    table = section(DOCS / "settings.md", "Django's settings")
    known = {name for name in dir(global_settings) if name.startswith("SESSION_")}
    assert {name for name in known if f"`{name}`" in table} == known


# --- checks -------------------------------------------------------------------------------------


def ids_in_source() -> set[str]:
    return {
        identifier
        for path in SOURCE.rglob("*.py")
        for identifier in re.findall(r'"(frontdesk\.[EW]\d{3})"', path.read_text(encoding="utf-8"))
    }


def test_exactly_the_checks_that_exist_are_described():
    assert ids_in_source()
    assert set(headings(DOCS / "checks.md")) - {"Checks"} == ids_in_source()


def test_each_check_is_quoted_as_it_speaks():
    strings = [
        node.value
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    names = {SESSION: "", AUTHENTICATION: ""}
    quotes = re.findall(r"\*\*(.+?)\*\*", " ".join(prose(DOCS / "checks.md").split()))
    assert quotes
    for quote in quotes:
        for part in re.split(r"\[\.\.\.\]|^The storage |^The cache | (?=entries;)", quote):
            for name in names:
                part = part.removeprefix(name)  # noqa: PLW2901
            assert any(part in string for string in strings), part


# --- numbers and names --------------------------------------------------------------------------

ANYWHERE = "\n".join(" ".join(prose(page).split()) for page in PAGES)


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        ("remembers the end for 30 seconds", base.LEFT_BEHIND == 30 * clock.SECOND),
        ("when the answer took 5 seconds or longer", policy.CLEARING_WINDOW == 5),
        ("a 503 with `Retry-After: 5`", unavailable.RETRY_AFTER == "5"),
        ("at most 400 days", policy.MAX_COOKIE_AGE == 400 * 86_400),
        ("165 random bits", 36**32 > 2**165),
        ("32 characters from an alphabet of 36", tokens.KEY_LENGTH == 32),
        ("32 characters from an alphabet of 36", len(tokens.KEY_ALPHABET) == 36),
        ("first 24 bits of an IPv4", client._shortened("203.0.113.77") == "203.0.113.0"),
        ("first 48 of an IPv6", client._shortened("2001:db8:1:2::3") == "2001:db8:1::"),
        ("in batches of 1000", purging.BATCH == 1000),
    ],
)
def test_a_number_in_the_documentation_is_the_one_in_the_code(words, holds):
    assert words in ANYWHERE
    assert holds


def test_modules_commands_and_classes_that_are_named_exist():
    for path in set(re.findall(r"`(frontdesk(?:\.[a-z_]+)+(?:\.[A-Z]\w+)?)", ANYWHERE)):
        if path in models.Session._meta.db_table or path == "frontdesk.html":
            continue
        resolve(path)
    for command in set(re.findall(r"`manage\.py (\w+)", ANYWHERE)):
        assert command in get_commands(), command


def resolve(path: str) -> object:
    from importlib import import_module

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


# --- the house ----------------------------------------------------------------------------------


def rooms() -> list[str]:
    table = prose(DOCS / "architecture.md")
    rows = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([\w./]+)`", row)]


def test_the_house_has_exactly_these_rooms():
    there = {
        path.name + ("/" if path.is_dir() else "")
        for path in SOURCE.iterdir()
        if not path.name.startswith("__") and path.name != "py.typed"
    }
    assert set(rooms()) == there


def test_imports_point_downwards_in_the_list_of_rooms():
    order = [name.removesuffix(".py").removesuffix("/") for name in rooms()]
    for place, room in enumerate(order):
        path = SOURCE / f"{room}.py"
        files = [path] if path.is_file() else sorted((SOURCE / room).rglob("*.py"))
        for imported in {name for file in files for name in imports(file)}:
            assert imported == room or order.index(imported) > place, f"{room} imports {imported}"


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "frontdesk":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("frontdesk."):
            found.add(str(node.module).split(".")[1])
    return found


# --- what must not be in there ------------------------------------------------------------------


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_lines_are_short_enough_to_be_read_in_a_diff(page):
    text = page.read_text(encoding="utf-8")
    exempt = ("|", "![")  # tables and pictures cannot be broken
    long = [line for line in text.splitlines() if len(line) > 120 and not line.startswith(exempt)]
    assert not long
    assert text.endswith("\n")
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)

"""The pages of docs/reference/ and the code agree."""

import argparse
import ast
import inspect
import re
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import get_commands, load_command_class
from django.dispatch import Signal
from django.test import Client

from frontdesk import api_tokens, conf, errors, sessions, signals, urls
from frontdesk.engine import SessionStore
from frontdesk.management.commands import frontdesk as command
from frontdesk.pages.sessions import Row
from frontdesk.pages.tokens import TokenRow
from frontdesk.signals import End, Reason
from frontdesk.templatetags import frontdesk as tags
from tests.docs.pages import ROOT, blocks, headings, prose, section
from tests.docs.template_names import FOLDER, TEMPLATES, blocks_of, variables_of

REFERENCE = ROOT / "docs" / "reference"


def rows(text: str) -> list[list[str]]:
    """The cells of the rows of the tables in ``text``, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rules = [number for number, row in enumerate(cells) if set("".join(row)) <= set("-")]
    heads = {number - 1 for number in rules}
    return [row for number, row in enumerate(cells) if number not in {*rules, *heads}]


def part(page: Path, heading: str, level: int = 2) -> str:
    """The text under a heading, up to the next one of this level or above."""
    found = re.search(
        rf"^{'#' * level} {re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)",
        prose(page),
        re.MULTILINE | re.DOTALL,
    )
    assert found, heading
    return found[1]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# --- settings -----------------------------------------------------------------------------------

SETTINGS = REFERENCE / "settings.md"


def test_the_summary_has_each_setting_in_the_order_of_the_page():
    named = [codes(row[0])[0] for row in rows(part(SETTINGS, "Summary"))]
    assert named == list(conf.settings())
    assert [heading for heading in headings(SETTINGS) if heading in named] == named


@pytest.mark.parametrize("name", sorted(set(conf.settings()) - {"STORAGE", "IDLE_TIMEOUT"}))
def test_the_summary_has_the_default(name):
    (row,) = [row for row in rows(part(SETTINGS, "Summary")) if codes(row[0])[0] == name]
    default = eval(codes(row[1])[0], {"timedelta": timedelta})  # the text of our own page
    assert default == conf.settings()[name]["default"]()


def test_the_complete_example_has_each_setting_with_its_default():
    (example,) = blocks(SETTINGS)
    names: dict[str, Any] = {}
    exec(example.text, names)
    assert names["FRONTDESK"] == {
        name: setting["default"]() for name, setting in conf.settings().items()
    }


# --- signals ------------------------------------------------------------------------------------

SIGNALS = REFERENCE / "signals.md"
ALL_SIGNALS = {name: each for name, each in vars(signals).items() if isinstance(each, Signal)}


def test_each_signal_is_described_once_and_in_the_summary():
    described = [heading for heading in headings(SIGNALS) if "_" in heading]
    assert sorted(described) == sorted(ALL_SIGNALS)
    summary = rows(prose(SIGNALS).partition("## Sessions")[0])
    assert [codes(row[0])[0] for row in summary] == described


@pytest.fixture
def sent() -> Iterator[dict[str, set[str]]]:
    """The names of the arguments with which each signal was sent."""
    found: dict[str, set[str]] = {}
    receivers = {}
    for name, signal in ALL_SIGNALS.items():

        def receive(sender, signal, name=name, **facts):
            found[name] = set(facts)

        receivers[name] = receive
        signal.connect(receive)
    yield found
    for name, signal in ALL_SIGNALS.items():
        signal.disconnect(receivers[name])


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("tests.docs.urls")
def test_each_signal_has_the_arguments_that_are_described(sent, settings):
    settings.FRONTDESK = {"API_SCOPES": {"read": "Read"}, "THROTTLE_NETWORK": None}
    settings.AUTHENTICATION_BACKENDS = [
        "frontdesk.backends.ThrottleBackend",
        "django.contrib.auth.backends.ModelBackend",
    ]
    user, browser = User.objects.create_user("eve", password="open-sesame"), Client()
    form = {"username": "eve", "password": "open-sesame"}
    browser.post("/accounts/login/", form)
    browser.post("/accounts/login/", form)
    browser.post("/accounts/reauthenticate/", {"reauthenticate-password": "open-sesame"})
    for _ in range(11):
        Client().post("/accounts/login/", {**form, "password": "wrong"})
    info, text = api_tokens.create(user, "backup", ["read"])
    request = (
        Client(headers={"authorization": f"Bearer {text}"}).get("/accounts/login/").wsgi_request
    )
    api_tokens.authenticate(request)
    api_tokens.end(user, info.id)
    sessions.end_all(user)
    SessionStore.clear_expired()
    assert sent == {
        name: {codes(row[0])[0] for row in rows(part(SIGNALS, name, level=3))}
        for name in ALL_SIGNALS
    }


def test_each_reason_is_described_with_its_value():
    found = [(codes(row[0])[0], codes(row[1])[0]) for row in rows(part(SIGNALS, "Reasons"))]
    assert found == [(reason.name, f'"{reason.value}"') for reason in Reason]


def test_each_field_of_an_end_is_described():
    text = section(SIGNALS, "sessions_ended")
    assert [name for name in End._fields if f"`{name}`" not in text] == []


# --- errors -------------------------------------------------------------------------------------

ERRORS = REFERENCE / "errors.md"
ALL_ERRORS = {
    name: each
    for name, each in vars(errors).items()
    if inspect.isclass(each) and issubclass(each, errors.FrontdeskError)
}


def test_each_error_is_described_once_and_in_the_summary():
    described = headings(ERRORS)[1:]
    assert sorted(described) == sorted(ALL_ERRORS)
    assert [codes(row[0])[0] for row in rows(prose(ERRORS))][: len(described)] == described


@pytest.mark.parametrize("name", ALL_ERRORS)
def test_an_error_is_what_the_summary_says(name):
    (row,) = [row for row in rows(prose(ERRORS)) if codes(row[0])[:1] == [name] and len(row) == 4]
    error = ALL_ERRORS[name]
    assert codes(row[1])[0] in {base.__name__ for base in error.__mro__[1:]}
    status = next(iter(re.findall(r"^\d{3}", row[3])), None)
    if issubclass(error, PermissionDenied):
        assert status == "403"
    if issubclass(error, errors.StorageUnavailable):
        assert status == "503"


# --- checks -------------------------------------------------------------------------------------


def test_the_summary_has_each_check_in_the_order_of_the_page():
    page = REFERENCE / "checks.md"
    found = [(codes(row[0])[0], row[1]) for row in rows(prose(page))]
    assert found == [
        (
            name,
            {"E": "error", "W": "warning"}[name.rpartition(".")[2][0]]
            + "".join(
                f", {mark}" for mark in ("*deploy*", "*database*") if mark in section(page, name)
            ),
        )
        for name in headings(page)[1:]
    ]


# --- commands -----------------------------------------------------------------------------------

COMMANDS = REFERENCE / "commands.md"
EVERYWHERE = {"--help", "--json", "--settings", "--pythonpath", "--verbosity"}
EVERYWHERE |= {"--traceback", "--no-color", "--force-color", "--skip-checks"}


def subcommands(parser: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    inner = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not inner:
        yield " ".join(names), parser
    for action in inner:
        for name, child in action.choices.items():
            yield from subcommands(child, (*names, name))


PARSER = load_command_class("frontdesk", "frontdesk").create_parser("manage.py", "frontdesk")
SUBCOMMANDS = dict(subcommands(PARSER))


def test_each_subcommand_is_described_once_and_in_the_summary():
    described = [heading for heading in headings(COMMANDS)[1:] if heading.islower()]
    assert described == [*SUBCOMMANDS, "clearsessions"]
    summary = [codes(row[0])[0] for row in rows(prose(COMMANDS).partition("## Common")[0])]
    expected = [f"manage.py frontdesk {name}" for name in SUBCOMMANDS]
    assert summary == [*expected, "manage.py clearsessions"]
    assert "clearsessions" in get_commands()


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_exactly_the_options_of_a_subcommand_are_described(name):
    there = {
        option
        for action in SUBCOMMANDS[name]._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    named = {
        option
        for row in rows(part(COMMANDS, name))
        for option in re.findall(r"`(--[a-z-]+)", row[0])
    }
    assert named == there - EVERYWHERE


def test_the_exit_codes_are_those_of_the_command():
    found = {row[0] for row in rows(part(COMMANDS, "Exit codes", level=3))}
    assert found == {"0", "1", "2", str(command.UNAVAILABLE), str(command.INTERRUPTED)}


# --- pages --------------------------------------------------------------------------------------

PAGES = REFERENCE / "pages.md"
STATIC = FOLDER.parent / "static" / "frontdesk"
FRAME = "frontdesk/base.html"


def test_each_url_is_described_with_its_path_and_view():
    described = [tuple(codes(cell)[0] for cell in row) for row in rows(part(PAGES, "URLs"))]
    assert described == [
        (each.name, str(each.pattern), each.callback.view_class.__name__)
        for each in urls.urlpatterns
    ]


def test_each_template_is_described_with_its_blocks():
    table = {codes(row[0])[0]: set(codes(row[2])) for row in rows(part(PAGES, "Templates"))}
    assert table == {name: set() if name == FRAME else blocks_of(name) for name in TEMPLATES}


def test_each_block_of_the_frame_is_described():
    described = [codes(row[0])[0] for row in rows(part(PAGES, "Blocks of the frame"))]
    assert sorted(described) == sorted(blocks_of(FRAME))


def test_exactly_the_variables_of_each_template_are_described():
    shared = {codes(row[0])[0] for row in rows(part(PAGES, "Of every page", level=3))}
    described: dict[str, set[str]] = {name: set() for name in TEMPLATES}
    for template, names, *_ in rows(part(PAGES, "Of one template", level=3)):
        described[codes(template)[0]] |= set(codes(names))
    assert described == {name: variables_of(name) - shared for name in TEMPLATES}


def test_each_attribute_of_a_row_is_described():
    described = [codes(row[0])[0] for row in rows(part(PAGES, "Rows", level=3))]
    assert described == [*Row._fields, *TokenRow._fields]


def test_each_template_tag_is_described():
    named = set(re.findall(r"`\{% (\w+)|\\\|(\w+)", part(PAGES, "Template tags")))
    assert {one or other for one, other in named} - {"load"} == {
        *tags.register.tags,
        *tags.register.filters,
    }


def test_each_custom_property_is_described_with_its_values():
    text = (STATIC / "frontdesk.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"(--[a-z-]+): (.+);", block))
        for block in re.findall(r":root \{[^}]+", text)
    )
    fonts = {"--fd-sans", "--fd-mono"}
    described = {
        codes(name)[0]: (codes(one), codes(other))
        for name, _, one, other in rows(part(PAGES, "Custom properties"))
    }
    assert described == {
        name: ([] if name in fonts else [value], [dark[name]] if name in dark else [])
        for name, value in light.items()
    }


def test_each_static_file_is_described():
    described = [codes(row[0])[0] for row in rows(part(PAGES, "Static files"))]
    assert sorted(described) == sorted(f"frontdesk/{path.name}" for path in STATIC.iterdir())


# --- Python -------------------------------------------------------------------------------------

PYTHON = "\n".join(path.read_text(encoding="utf-8") for path in (REFERENCE / "python").glob("*.md"))
PUBLIC = [
    "frontdesk.api_tokens",
    "frontdesk.backends",
    "frontdesk.contrib.ninja",
    "frontdesk.contrib.rest_framework",
    "frontdesk.decorators",
    "frontdesk.engine",
    "frontdesk.errors",
    "frontdesk.history",
    "frontdesk.middleware",
    "frontdesk.sessions",
    "frontdesk.signals",
    "frontdesk.testing",
    "frontdesk.typing",
    "frontdesk.views",
]


def described_in(module: str) -> set[str]:
    """The names of a module that the pages about Python describe."""
    of_module = re.search(
        rf"^\.\. (auto)?module:: {re.escape(module)}\n(.*?)^```", PYTHON, re.MULTILINE | re.DOTALL
    )
    assert of_module, f"{module} is not described"
    if not of_module[1]:
        return set(re.findall(r"^\.\. auto\w+:: (\w+)", of_module[2], re.MULTILINE))
    assert ":members:" in of_module[2]
    left_out = re.search(r":exclude-members: (.+?)(?=\n   :|\n\n|\Z)", of_module[2], re.DOTALL)
    excluded = set(re.findall(r"\w+", left_out[1])) if left_out else set()
    only_own = ":ignore-module-all:" in of_module[2]
    found = import_module(module)
    source = ast.parse(inspect.getsource(found))
    # autodoc leaves out what has no docstring. That of a variable is the line below it.
    below = {
        before.target.id
        for before, after in pairwise(source.body)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
    }
    defined = {
        name
        for name, each in vars(found).items()
        if (inspect.isclass(each) or inspect.isfunction(each)) and each.__doc__
        if each.__module__ == module or not only_own
    }
    added = set(re.findall(r"^\.\. auto\w+:: (\w+)$", of_module[2], re.MULTILINE))
    return added | (below | defined) - excluded


@pytest.mark.parametrize("module", PUBLIC)
def test_each_public_name_is_described(module):
    names = getattr(import_module(module), "__all__", ALL_ERRORS)
    assert set(names) - described_in(module) == set()


def test_each_page_about_python_is_named_in_the_overview():
    overview = (REFERENCE / "python.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\(python/(.+)\.md\)", overview))
    assert named == {path.stem for path in (REFERENCE / "python").glob("*.md")}


# --- storages -----------------------------------------------------------------------------------

STORAGES = sorted(
    set((REFERENCE / "storages").glob("*.md")) - {REFERENCE / "storages" / "index.md"}
)


@pytest.mark.parametrize("page", STORAGES, ids=lambda page: page.stem)
def test_each_storage_has_the_same_headings(page):
    found = re.findall(r"^## (.+)$", prose(page), re.MULTILINE)
    assert found == ["Settings", "How it works", "Limits", "Maintenance"]


def test_the_index_compares_all_storages():
    table = rows(prose(REFERENCE / "storages" / "index.md"))
    named = {re.findall(r"\((.+)\.md\)", row[0])[0] for row in table}
    assert named == {page.stem for page in STORAGES}

"""The layout of the code: imports go one way, and each folder is described."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

SOURCE = ROOT / "src" / "frontdesk"

ORDER = [
    *("core", "errors", "conf", "words", "models", "storages", "signals", "migrate", "http"),
    *(
        "middleware",
        "engine",
        "sessions",
        "tokens",
        "api_tokens",
        "signin",
        "backends",
        "history",
        "decorators",
        "pages",
        "api",
        "views",
        "urls",
    ),
    *(
        "typing",
        "staff",
        "admin",
        "checks",
        "apps",
        "templatetags",
        "management",
        "testing",
        "contrib",
    ),
]
"""The modules and folders at the top level. Each imports only those before it."""

AVOIDED = r"\b(badge|desk|lobby|visitor|colour|recognise|whoever|nobody|somebody)s?\b"

FILES = [path for path in sorted(SOURCE.rglob("*.py")) if "migrations" not in path.parts]


def place_of(name: str) -> int:
    return ORDER.index(name)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("frontdesk"):
            names = [alias.name for alias in node.names]
            found |= set(names) if node.module == "frontdesk" else {str(node.module).split(".")[1]}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_imports_go_one_way(path):
    name = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if name != "__init__":
        assert [each for each in imports_of(path) if place_of(each) > place_of(name)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_word_is_used_that_the_library_avoids(path):
    assert re.findall(AVOIDED, path.read_text(encoding="utf-8"), re.IGNORECASE) == []


def test_the_architecture_describes_each_folder():
    there = {path.name for path in SOURCE.iterdir() if path.is_dir()} - {"__pycache__"}
    text = (ROOT / "docs" / "project" / "architecture.md").read_text(encoding="utf-8")
    assert {name for name in there if f"`{name}/`" not in text} == set()

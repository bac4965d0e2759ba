"""The reference of Python names is written from docstrings: each public name has one."""

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise

import pytest

import frontdesk
from frontdesk import api_tokens, sessions, signals
from frontdesk.engine import SessionStore

MODULES = [
    name
    for _, name, is_folder in pkgutil.iter_modules(frontdesk.__path__, "frontdesk.")
    if not is_folder
]


def public_names(name: str) -> Iterator[tuple[str, object]]:
    """What a module defines, or exports by ``__all__``, that can have a docstring."""
    module = import_module(name)
    for each in getattr(module, "__all__", vars(module)):
        value = getattr(module, each)
        is_own = hasattr(module, "__all__") or getattr(value, "__module__", None) == name
        if not each.startswith("_") and is_own and callable(value):
            yield each, value


def attribute_docstrings(tree: ast.AST) -> set[str]:
    """The names that are assigned right before a string."""
    found = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for one, after in pairwise(body if isinstance(body, list) else ()):
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(one, ast.AnnAssign) and is_text:
                found.add(ast.unparse(one.target))
            if isinstance(one, ast.Assign) and is_text:
                found.add(ast.unparse(one.targets[0]))
    return found


@pytest.mark.parametrize("name", MODULES)
def test_each_public_module_function_and_class_has_a_docstring(name):
    assert import_module(name).__doc__
    assert [each for each, value in public_names(name) if not value.__doc__] == []


def test_each_method_of_the_session_has_a_docstring():
    own = [each for each in vars(SessionStore) if not each.startswith("_")]
    methods = [each for each in own if callable(getattr(SessionStore, each))]
    assert len(methods) > 20
    assert [each for each in methods if not inspect.getdoc(getattr(SessionStore, each))] == []


def test_each_signal_and_each_reason_has_a_docstring():
    documented = attribute_docstrings(ast.parse(inspect.getsource(signals)))
    names = {name for name, value in vars(signals).items() if isinstance(value, signals.Signal)}
    assert names | set(signals.Reason.__members__) | set(signals.End._fields) <= documented


@pytest.mark.parametrize("kind", [sessions.SessionInfo, api_tokens.TokenInfo])
def test_each_field_of_what_may_be_seen_has_a_docstring(kind):
    documented = attribute_docstrings(ast.parse(inspect.getsource(kind)))
    assert set(kind.__dataclass_fields__) <= documented


@pytest.mark.parametrize("module", [sessions, api_tokens])
def test_each_function_and_its_twin_are_found_under_their_own_name(module):
    twins = [each for each in vars(module) if inspect.iscoroutinefunction(getattr(module, each))]
    assert len(twins) >= 5
    for name in [*twins, *(each.removeprefix("a") for each in twins)]:
        function = getattr(module, name)
        assert (function.__name__, function.__module__) == (name, module.__name__)
        assert "Generator" not in str(inspect.signature(function))

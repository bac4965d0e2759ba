"""Modules as they are without the packages of an extra."""

import importlib.util
import sys

import pytest


@pytest.fixture
def load_without(monkeypatch):
    """Return a function that loads a second copy of a module, while a package cannot be imported."""

    def load(package, module):
        monkeypatch.setitem(sys.modules, package, None)
        spec = importlib.util.find_spec(module.__name__)
        copy = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(copy)
        return copy

    return load

"""Whose a function is: a package's own, or what somebody has put in its place."""

from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import django


def is_from(package: ModuleType, function: Any) -> bool:
    """Whether ``function`` was written in a file of ``package``, and does not only bear the name of one."""
    home = Path(package.__file__ or "").parent
    return type(function) is FunctionType and home in Path(function.__code__.co_filename).parents


def is_djangos(function: Any) -> bool:
    """Whether ``function`` is one of Django's."""
    return is_from(django, function)

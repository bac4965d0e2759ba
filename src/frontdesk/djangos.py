"""What is Django's own, and what somebody has put in its place."""

from pathlib import Path
from types import FunctionType
from typing import Any

import django

_HOME = str(Path(django.__file__).parent)


def is_djangos(function: Any) -> bool:
    """Whether ``function`` is one of Django's, and nothing that only bears its name."""
    return type(function) is FunctionType and function.__code__.co_filename.startswith(_HOME)

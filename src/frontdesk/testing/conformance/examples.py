"""Hypothesis within one test, so that the fixtures of the test serve all of its examples."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings


def for_any(check: Callable[..., None], examples: int, **strategies: Any) -> None:
    """Call ``check`` with that many examples, the same ones in each run."""
    repeatable = settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    repeatable(given(**strategies)(check))()

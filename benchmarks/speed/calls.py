"""Counts the calls of one request, by whose code makes them."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

OWNERS = ("frontdesk", "Django", "asgiref", "psycopg", "redis-py", "Python")
"""The columns of the table. What is called in a driver that is written in C counts for whoever calls it."""

_PACKAGES = {
    "frontdesk": "frontdesk",
    "django": "Django",
    "asgiref": "asgiref",
    "psycopg": "psycopg",
    "psycopg_binary": "psycopg",
    "redis": "redis-py",
}
_PLACES = {"site-packages", "src"}
"""The directories that packages are in."""

_HERE = Path(__file__).parents[1]


def counted(request: Callable[[], Any]) -> dict[str, int]:
    """Return how many calls ``request`` makes in this thread, by owner, those into C included."""
    files: Counter[str] = Counter()

    def seen(frame: FrameType, event: str, _: Any) -> None:
        if event in {"call", "c_call"}:
            files[frame.f_code.co_filename] += 1

    sys.setprofile(seen)
    try:
        request()
    finally:
        sys.setprofile(None)
    owners: Counter[str] = Counter()
    for file, number in files.items():
        owners[_owner(file)] += number
    return {owner: owners[owner] for owner in OWNERS}


def _owner(file: str) -> str:
    path = Path(file)
    if _HERE in path.parents:
        return ""  # the pages themselves, and who counts
    above = zip(path.parts, path.parts[1:], strict=False)
    package = next((name for place, name in above if place in _PLACES), "")
    return _PACKAGES.get(package, "Python")

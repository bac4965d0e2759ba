"""Where a subcommand writes: what it found to stdout, and whatever it says about that to stderr."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice
from typing import Any

from django.core.management.base import OutputWrapper

from frontdesk.desk.progress import Bar, Progress, Silent

PAGE = 200
"""Rows of a table that are looked at together to find how wide its columns are."""


class Console:
    """The two streams of a command. Nothing here keeps more than a page of what it writes."""

    def __init__(self, out: OutputWrapper, err: OutputWrapper, verbosity: int = 1) -> None:
        self._out = out
        self._err = err
        self._verbosity = verbosity

    def say(self, message: str) -> None:
        """Tell people something on stderr; not with ``--verbosity 0``."""
        if self._verbosity > 0:
            self._err.write(message, style_func=str)

    def result(self, line: str) -> None:
        """Write a line that is what was asked for."""
        self._write(line)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Write rows under headings and return how many; nothing at all if there are none.

        Columns are as wide as the first page of rows needs; later rows that are wider stand out.
        """
        remaining = iter(rows)
        first = list(islice(remaining, PAGE))
        if not first:
            return 0
        table = [tuple(headings), *(tuple(_printable(cell) for cell in row) for row in first)]
        widths = [max(len(row[place]) for row in table) for place in range(len(headings))]
        self._write(_line(headings, widths))
        count = 0
        for row in chain(first, remaining):
            self._write(_line([_printable(cell) for cell in row], widths))
            count += 1
        return count

    def json(self, value: Any) -> None:
        """Write one JSON document, on one line."""
        self._write(_encoded(value))

    def json_list(self, values: Iterable[Any]) -> int:
        """Write one JSON list, a value a line, as the values come; return how many."""
        count = 0
        for value in values:
            self._out.write(("[\n" if count == 0 else ",\n") + _encoded(value), ending="")
            count += 1
        self._write("\n]" if count else "[]")
        return count

    @contextmanager
    def progress(self, what: str, total: int | None = None) -> Iterator[Progress]:
        """Show how far something has got, if stderr is a terminal; ``total`` is how much there is."""
        if self._verbosity == 0 or not self._err.isatty():
            yield Silent()
            return
        bar = Bar(self._err, what, total)
        try:
            yield bar
        finally:
            bar.close()

    @property
    def interactive(self) -> bool:
        """Whether somebody sits at a terminal who can be asked."""
        return sys.stdin is not None and sys.stdin.isatty()

    def confirmed(self, question: str) -> bool:
        """Ask on the terminal, on stderr; anything but yes is no."""
        self._err.write(f"{question} [y/N] ", style_func=str, ending="")
        self._err.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def _write(self, line: str) -> None:
        self._out.write(line)


def _encoded(value: Any) -> str:
    return json.dumps(value, default=_as_text, ensure_ascii=False)


def _as_text(value: Any) -> str:
    """Return a moment as ISO 8601 in UTC, for example ``2026-05-01T12:00:00+00:00``."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    raise TypeError(f"{value!r} has no form in JSON")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _printable(cell: str) -> str:
    """Return ``cell`` without what could steer a terminal: some of it is a stranger's choice."""
    return "".join(character if character.isprintable() else "?" for character in cell)

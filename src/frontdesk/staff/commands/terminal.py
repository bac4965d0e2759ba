"""What ``manage.py frontdesk`` shows on a terminal: tables and a progress bar."""

import time
from collections.abc import Iterator, Sequence
from typing import Final, Self

from django.core.management.base import OutputWrapper

GAP: Final = 2
"""The spaces between two columns of a table."""

NARROWEST: Final = 8
"""No column of a table is cut to fewer characters."""

BAR_WIDTH: Final = 30

INTERVAL: Final = 0.1
"""Seconds between two updates."""


def lines_of(rows: Sequence[Sequence[str]], width: int | None = None) -> Iterator[str]:
    """Yield ``rows`` as aligned lines. The first row has the headings.

    If the lines are longer than ``width``, the widest columns are cut, but never the first and the last.
    """
    rows = [[_printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while width is not None and sum(widths) + GAP * (len(widths) - 1) > width:
        widest = max(range(1, len(widths) - 1), key=widths.__getitem__)
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    for row in rows:
        cells = [_cut(cell, size).ljust(size) for cell, size in zip(row, widths, strict=True)]
        yield (" " * GAP).join(cells).rstrip()


def _printable(text: str) -> str:
    """Return ``text`` without what could control a terminal, because users choose some of it."""
    text = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"


class Progress:
    """Shows how far a command is: on a terminal, on one line, which it clears at the end.

    Writes nothing if ``stream`` is not a terminal.
    """

    def __init__(self, stream: OutputWrapper, label: str, total: int | None = None) -> None:
        self._stream = stream
        self._label = label
        self._total = total
        self._done = 0
        self._shown = time.monotonic()
        self._is_on = stream.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def advance(self, count: int = 1) -> None:
        """Note that ``count`` more are done."""
        self._done += count
        if self._is_on and time.monotonic() - self._shown > INTERVAL:
            self._shown = time.monotonic()
            self._write(self._line())

    def _line(self) -> str:
        if not self._total:
            return f"{self._label} {self._done:,}"
        filled = min(BAR_WIDTH, BAR_WIDTH * self._done // self._total)
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        return f"{self._label} [{bar}] {self._done:,}/{self._total:,}"

    def _write(self, line: str) -> None:
        if self._is_on:
            # Back to the start of the line, and erase the rest of it (ECMA-48, EL).
            self._stream.write(f"\r{line}\x1b[K", style_func=str, ending="")
            self._stream.flush()

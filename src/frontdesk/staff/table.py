"""A table of text that fits the terminal."""

from collections.abc import Iterator, Sequence
from typing import Final

GAP: Final = 2
NARROWEST: Final = 8


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

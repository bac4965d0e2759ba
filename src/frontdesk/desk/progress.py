"""How far something has got, for whoever watches a terminal."""

import time
from typing import Protocol

from django.core.management.base import OutputWrapper

WIDTH = 30
"""Characters of the bar itself."""

REDRAWN = 0.1
"""Seconds between two drawings."""


class Progress(Protocol):
    """What can be told how far it is."""

    def advance(self, steps: int = 1) -> None:
        """Note that ``steps`` more are done."""


class Silent:
    """Where nobody watches."""

    def advance(self, steps: int = 1) -> None:
        """Show nothing."""


class Bar:
    """One line that is drawn again and again; a mere count where the total is not known."""

    def __init__(self, stream: OutputWrapper, what: str, total: int | None) -> None:
        self._stream = stream
        self._what = what
        self._total = total
        self._done = 0
        self._drawn = 0.0
        self._draw()

    def advance(self, steps: int = 1) -> None:
        """Note that ``steps`` more are done."""
        self._done += steps
        if time.monotonic() - self._drawn >= REDRAWN:
            self._draw()

    def close(self) -> None:
        """Draw the line as it is in the end, and leave it."""
        self._draw()
        self._stream.write("")

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        self._stream.write(f"\r{self._line()}", style_func=str, ending="")
        self._stream.flush()

    def _line(self) -> str:
        if not self._total:
            return f"{self._what} {self._done:,}"
        share = min(self._done / self._total, 1)
        filled = "#" * round(share * WIDTH)
        return f"{self._what} [{filled:.<{WIDTH}}] {share:4.0%} {self._done:,}/{self._total:,}"

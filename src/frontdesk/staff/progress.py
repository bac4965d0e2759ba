"""A progress bar on a terminal."""

import time
from types import TracebackType
from typing import Final, Self

from django.core.management.base import OutputWrapper

WIDTH: Final = 30

INTERVAL: Final = 0.1
"""Seconds between two updates."""


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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        filled = min(WIDTH, WIDTH * self._done // self._total)
        bar = "#" * filled + "." * (WIDTH - filled)
        return f"{self._label} [{bar}] {self._done:,}/{self._total:,}"

    def _write(self, line: str) -> None:
        if self._is_on:
            # Back to the start of the line, and erase the rest of it (ECMA-48, EL).
            self._stream.write(f"\r{line}\x1b[K", style_func=str, ending="")
            self._stream.flush()

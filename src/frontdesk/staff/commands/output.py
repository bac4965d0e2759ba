"""What the subcommands of ``manage.py frontdesk`` write. Results go to stdout, and all else to stderr."""

import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.management import CommandError
from django.core.management.base import OutputWrapper
from django.template.defaultfilters import pluralize

from frontdesk.sessions import SessionInfo
from frontdesk.staff.commands.terminal import lines_of
from frontdesk.tokens.info import TokenInfo


@dataclass(frozen=True, slots=True)
class Output:
    """The streams of a command, and whether its results are JSON."""

    stdout: OutputWrapper
    stderr: OutputWrapper
    as_json: bool

    def say(self, text: str) -> None:
        """Write to stderr what is no result."""
        self.stderr.write(text, style_func=str)

    def write_result(self, result: dict[str, int], words: str) -> None:
        """Write a result: ``result`` as JSON, or ``words``."""
        if self.as_json:
            self.write_json([result])
        else:
            self.stdout.write(words)

    def write_json(self, values: Iterable[dict[str, Any]]) -> None:
        """Write one value a line."""
        for value in values:
            self.stdout.write(json.dumps(value, default=str))

    def write_lines(self, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """Write a table, which fits a terminal. Without rows, write nothing."""
        if rows:
            width = shutil.get_terminal_size().columns if self.stdout.isatty() else None
            for line in lines_of([headings, *rows], width):
                self.stdout.write(line)

    def may_end(self, total: int, noun: str, options: dict[str, Any]) -> bool:
        """Return whether to end ``total`` sessions or tokens, which ``noun`` names: not in a dry run.

        Asks on the terminal unless the options say ``yes``.
        """
        if options["dry_run"]:
            self.write_result({"would_end": total}, f"{counted(total, noun)} would end.")
            return False
        question = f"End this {noun}?" if total == 1 else f"End these {counted(total, noun)}?"
        if total and not options["yes"] and not self._is_confirmed(question):
            self.say(f"No {noun} was ended.")
            return False
        return True

    def _is_confirmed(self, question: str) -> bool:
        if not sys.stdin.isatty():
            raise CommandError("There is no terminal to ask on. Add --yes to end them.")
        self.stderr.write(f"{question} [y/N] ", style_func=str, ending="")
        self.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}


def counted(count: int, noun: str) -> str:
    """Return, for example, "2 sessions"."""
    return f"{count} {noun}{pluralize(count)}"


def times_as_json(info: SessionInfo | TokenInfo, *names: str) -> dict[str, str | None]:
    """Return the times with these names, in ISO 8601."""
    times = {name: getattr(info, name) for name in names}
    return {name: time and time.isoformat(timespec="seconds") for name, time in times.items()}

"""The processes that are measured, as their parent sees them: started, told what to do, ended."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.hammer.server import environment_of
from benchmarks.speed.places import pooled
from benchmarks.speed.subjects import ASGI, Subject
from tests import services

PROJECT = "benchmarks.speed"


class Member:
    """One subject in one colour, in a process of its own."""

    def __init__(
        self, subject: Subject, colour: str, settings: dict[str, Any], *, first: bool, module: str
    ) -> None:
        self.subject, self.colour = subject, colour
        settings = pooled(settings) if colour == ASGI else settings
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, colour, "first" if first else ""],
            env=environment_of(settings, PROJECT),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, what: str, **more: Any) -> dict[str, Any]:
        """Tell it what to do, and return its answer. Raises ``RuntimeError`` if it has died."""
        self.told(what, **more)
        return self.heard()

    def told(self, what: str, **more: Any) -> None:
        """Tell it what to do, and do not wait."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()

    def heard(self) -> dict[str, Any]:
        """Return its next answer."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.subject.id} ({self.colour}) has ended; see above")
        return json.loads(line)

    def stop(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        services.stop(self._process)


Wanted = tuple[Subject, str, dict[str, Any]]
"""A subject, a colour, and the settings."""


@contextmanager
def crew(
    wanted: list[Wanted], *, first: bool, module: str = "benchmarks.speed.worker"
) -> Iterator[list[Member]]:
    """Start all of them; each is ready. The ``first`` of a subject makes its tables before the others."""
    members: dict[int, Member] = {}
    with ExitStack() as stack:

        def start(numbers: list[int], *, prepare: bool) -> None:
            for number in numbers:
                subject, colour, settings = wanted[number]
                member = Member(subject, colour, settings, first=prepare, module=module)
                stack.callback(member.stop)
                members[number] = member
            for number in numbers:
                members[number].heard()

        ids = [subject.id for subject, _, _ in wanted]
        firsts = [number for number in range(len(wanted)) if ids.index(ids[number]) == number]
        if first:
            start(firsts, prepare=True)
        start([number for number in range(len(wanted)) if number not in members], prepare=False)
        yield [members[number] for number in range(len(wanted))]

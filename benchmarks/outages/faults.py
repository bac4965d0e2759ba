"""What can happen to a server."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests import services
from tests.processes.servers import Victim, accepts

Ready = Callable[[], bool]


def _nothing() -> None:
    pass


class Fault(NamedTuple):
    """How it begins and how it ends; the server is back when ``end`` returns."""

    begin: Callable[[], None]
    end: Callable[[], None] = _nothing
    seconds: float = 3
    """How long it lasts, beside what ``end`` takes."""
    forgets: bool = False
    """Whether the server loses what it has been told, which signs people out."""
    before: Callable[[], None] = _nothing
    """What is done once everybody is signed in."""


def killed(victim: Victim, ready: Ready, *, forgets: bool = False) -> Fault:
    """Dead without warning, as in a crash; nobody listens at its port until it is started again."""
    return Fault(victim.kill, lambda: victim.start(ready), forgets=forgets)


def frozen(victim: Victim) -> Fault:
    """Connections are accepted, and nothing is ever answered."""
    return Fault(victim.freeze, victim.thaw)


def restarted(victim: Victim, ready: Ready, *, forgets: bool = False) -> Fault:
    """Ended as an administrator ends it, and started again at once."""
    return Fault(victim.stop, lambda: victim.start(ready), seconds=0, forgets=forgets)


def emptied(empty: Callable[[], None]) -> Fault:
    """It answers all the time, and has forgotten everything."""
    return Fault(empty, seconds=0, forgets=True)


def away(directory: Path) -> Fault:
    """It is not where it was, as if it were not mounted."""
    elsewhere = directory.with_name(f"{directory.name}-away")
    return Fault(
        lambda: directory.rename(elsewhere) and None, lambda: elsewhere.rename(directory) and None
    )


@contextmanager
def cut(far: int) -> Iterator[tuple[int, Fault]]:
    """Give a port that leads to ``far``, and the fault that breaks that way: the server stays up."""
    port = services.free_port()
    command = [sys.executable, "-m", "benchmarks.outages.way", str(port), str(far)]
    way = Victim(command, port)

    def ready() -> bool:
        return accepts(port)

    try:
        way.start(ready)
        yield port, Fault(way.kill, lambda: way.start(ready))
    finally:
        way.kill()

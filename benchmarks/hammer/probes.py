"""The four probes: what the crowd is told to do, and how the outcome is judged."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from benchmarks.hammer import crowd
from benchmarks.hammer.tally import Tally
from benchmarks.hammer.visitor import Browser


@dataclass
class Ground:
    """A served storage, and the processes that hammer it."""

    port: int
    pool: Any
    clients: int
    seconds: float
    seed: int
    round: int = 12
    """Requests of each thread between two looks at what they left."""

    def all(self, task: Callable[..., Any], key: str | None, name: str) -> list[Any]:
        """Let each client process do one round of ``task`` at once, on the session of ``key``."""
        names = [f"{self.seed}-{name}-{number}" for number in range(self.clients)]
        return self.pool.starmap(task, [(self.port, key, each, self.round) for each in names])

    def rounds(self) -> Iterator[int]:
        """Count the rounds, one at least, until the time is over."""
        began, number = time.monotonic(), 0
        while not number or time.monotonic() - began < self.seconds:
            yield number
            number += 1

    def session(self) -> Browser:
        """Return a browser that has a session."""
        browser = Browser(self.port)
        browser.get("/start/")
        return browser


def modify(ground: Ground) -> Tally:
    """Count together on one session: the number is that of the acknowledged steps."""
    tally = Tally(lost=0)
    for number in ground.rounds():
        browser, part = ground.session(), Tally()
        for each in ground.all(crowd.add, browser.key, name=f"modify{number}"):
            part += each
        counted = browser.get("/look/").page.get("values", {}).get("n", 0)
        part.lost = abs(part.operations - counted)
        tally += part
    return tally


def different_keys(ground: Ground) -> Tally:
    """Write different keys of one session: every acknowledged write is there."""
    tally = Tally(lost=0)
    for number in ground.rounds():
        browser, expected = ground.session(), {"started": True}
        for part, kept in ground.all(crowd.write, browser.key, name=f"keys{number}"):
            tally += part
            expected |= kept
        found = browser.get("/look/").page.get("values", {})
        wrong = [key for key in {*expected, *found} if expected.get(key) != found.get(key)]
        tally.lost += len(wrong)
    return tally


def sign_out(ground: Ground) -> Tally:
    """Race sign-outs against writers: no key answers again, and nothing is re-created."""
    tally = Tally(revived=0)
    for part in _races(ground, crowd.leave):
        tally += part
    for user in _users(ground):
        tally.revived += Browser(ground.port).get(f"/sessions/?user={user}").page["live"]
    return tally


def sign_in(ground: Ground) -> Tally:
    """Race sign-ins, which change the key, against writers with the old one: nobody is signed out."""
    tally = Tally(wiped=0)
    for part in _races(ground, crowd.come_back):
        tally += part
    return tally


def _users(ground: Ground) -> range:
    return range(1, ground.clients + 1)


def _races(ground: Ground, task: Callable[..., Tally]) -> list[Tally]:
    name = f"{ground.seed}-{task.__name__}"
    return ground.pool.starmap(
        task, [(ground.port, f"{name}-{user}", user, ground.seconds) for user in _users(ground)]
    )


PROBES: dict[str, Callable[[Ground], Tally]] = {
    "modify": modify,
    "different keys": different_keys,
    "sign-out": sign_out,
    "sign-in": sign_in,
}


def crowd_of(processes: int) -> Any:
    """Start the client processes. Spawned, so that they share nothing with this one."""
    return get_context("spawn").Pool(processes)

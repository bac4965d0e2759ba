"""Who comes while a server is away, and what they would notice. No Django here.

Each visitor is one thread with one browser, so what they know of their session is certain, but for a step
whose answer did not come: that one may have been made or not.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from benchmarks.hammer.visitor import Answer, ask

PAUSE = 0.15
"""Seconds between two requests of a visitor, at most."""


class Noted(NamedTuple):
    """One request: what for, when it began and ended (``time.monotonic()``), and the status, 0 for none."""

    page: str
    began: float
    ended: float
    status: int

    @property
    def ms(self) -> float:
        """How long it took, in milliseconds."""
        return (self.ended - self.began) * 1000


@dataclass
class Diary:
    """What all visitors have noted."""

    requests: list[Noted] = field(default_factory=list)
    sign_outs: int = 0
    """Somebody found themselves signed out, or a cookie taken away, by anything but their own sign-out."""
    wrong_users: int = 0
    lost: int = 0
    """Steps that were acknowledged and are not there."""
    doubled: int = 0
    """Steps that are there and nobody has asked for."""
    ended: list[str] = field(default_factory=list)
    """Keys whose sign-out was acknowledged."""


class Visitors:
    """People who are signed in, browse and step a counter, a third of whom sign out and in again; and some
    who are nobody."""

    def __init__(self, port: int, prefix: str, people: int, passers: int = 2) -> None:
        self.diary = Diary()
        self._port, self._prefix = port, prefix
        self._people, self._passers = people, passers
        self._over = threading.Event()

    @contextmanager
    def coming(self) -> Iterator[Diary]:
        """Let them come for as long as the block lasts; everybody is signed in when it begins."""
        people = [_Person(self, number) for number in range(1, self._people + 1)]
        with ThreadPoolExecutor(self._people + self._passers) as pool:
            list(pool.map(_Person.arrive, people))
            running = [pool.submit(one.browse, self._over) for one in people]
            running += [pool.submit(self._pass_by, Random(-n)) for n in range(self._passers)]
            try:
                yield self.diary
            finally:
                self._over.set()
        for one in running:
            one.result()

    def ask(self, page: str, key: str | None = None, query: str = "") -> Answer:
        """Send a request and note it."""
        began = time.monotonic()
        answer = ask(self._port, f"{self._prefix}/{page}/{query}", key)
        self.diary.requests.append(Noted(page, began, time.monotonic(), answer.status))
        return answer

    def revived(self) -> int:
        """Return how many of the keys that were signed out answer."""
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(lambda key: self.ask("look", key), list(self.diary.ended))
        return sum(answer.page.get("user") is not None for answer in found)

    def _pass_by(self, random: Random) -> None:
        while not self._over.is_set():
            self.ask("plain")
            self._over.wait(random.uniform(0, PAUSE))


class _Person:
    def __init__(self, crowd: Visitors, number: int) -> None:
        self._crowd, self._diary = crowd, crowd.diary
        self._number = number
        # Those who never sign out know for certain that they are to be signed in.
        self._leaves = number % 3 == 0
        self._random = Random(number)
        self._key: str | None = None
        self._leaving = False
        """A sign-out was not answered, so either is right."""
        self._least = self._most = 0
        """What the counter holds."""

    def arrive(self) -> None:
        for _ in range(50):
            if self._key is not None:
                return
            self._sign_in()
            if self._key is None:
                time.sleep(0.2)
        raise RuntimeError("Nobody can sign in.")

    def browse(self, over: threading.Event) -> None:
        while not over.wait(self._random.uniform(0, PAUSE)):
            if self._key is None:
                self._sign_in()
                continue
            choice = self._random.random()
            if choice < 0.2 and self._leaves and not self._leaving:
                self._sign_out()
            elif choice < 0.5:
                self._step()
            else:
                self._judge(self._crowd.ask("look", self._key), 0)

    def _sign_in(self) -> None:
        answer = self._crowd.ask("login", None, f"?user={self._number}")
        if answer.status == 200:
            self._key, self._leaving = answer.cookie, False
            self._least = self._most = 0

    def _sign_out(self) -> None:
        key = self._key
        answer = self._crowd.ask("logout", key)
        if answer.status == 200 and key:
            self._diary.ended.append(key)
            self._key = None
        else:
            self._leaving = True
            self._see_cookie(answer)

    def _step(self) -> None:
        answer = self._crowd.ask("add", self._key)
        if answer.status != 200:
            self._most += 1
        self._judge(answer, 1)

    def _judge(self, answer: Answer, step: int) -> None:
        if answer.status != 200:
            self._see_cookie(answer)
            return
        user, n = answer.page["user"], answer.page["n"]
        if user is None:
            self._diary.sign_outs += not self._leaving
            self._key = None
            return
        self._leaving = False
        self._diary.wrong_users += user != self._number
        self._diary.lost += max(0, self._least + step - n)
        self._diary.doubled += max(0, n - self._most - step)
        self._least = self._most = n
        self._key = answer.cookie or self._key

    def _see_cookie(self, answer: Answer) -> None:
        """Count an outage that takes the cookie away."""
        if answer.cookie is not None and not self._leaving:
            self._diary.sign_outs += 1
            self._key = None

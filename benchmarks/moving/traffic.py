"""People who browse with the cookies that they have, and look whether they are still who they were."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from benchmarks.hammer.visitor import Answer, ask


@dataclass
class Person:
    """A browser with one session."""

    key: str
    user: int | None
    mark: int
    page: str | None = None
    """What this browser was told that it has kept."""
    lock: threading.Lock = field(default_factory=threading.Lock)


FAULTS = ("signed out", "wrong user", "lost value", "cookie taken", "4xx", "5xx", "no answer")


class Traffic:
    """Threads that browse at the address of the site, which may change between two requests.

    As behind a load balancer that lets the old server finish what it has begun before the new one gets
    any request.
    """

    def __init__(self, people: list[Person], port: int) -> None:
        self.people = people
        self.port = port
        self.seen: Counter[str] = Counter()
        self._turn = threading.Condition()
        self._under_way = 0
        self._switching = False
        self._done = threading.Event()

    @contextmanager
    def flowing(self, threads: int) -> Iterator[None]:
        with ThreadPoolExecutor(threads) as pool:
            running = [pool.submit(self._browse, Random(number)) for number in range(threads)]
            try:
                yield
            finally:
                self._done.set()
        for one in running:
            one.result()

    def switch(self, port: int) -> None:
        """Send all that comes from now on to another server."""
        with self._turn:
            self._switching = True
            self._turn.wait_for(lambda: self._under_way == 0)
            self.port = port
            self._switching = False
            self._turn.notify_all()

    def taken(self) -> Counter[str]:
        """Return what was seen since the last time."""
        seen, self.seen = self.seen, Counter()
        return seen

    def everybody_looks(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._look, self.people))

    def _look(self, person: Person) -> None:
        with person.lock:
            self._judge(person, self._ask(person, "/look/"))

    def _browse(self, random: Random) -> None:
        with ThreadPoolExecutor(2) as two:
            while not self._done.is_set():
                person = random.choice(self.people)
                with person.lock:
                    if random.random() < 0.5:
                        page = str(random.random())
                        answer = self._ask(person, f"/put/?page={page}")
                        person.page = page if answer.status == 200 else person.page
                        self._judge(person, answer)
                    else:  # two requests of a page at once
                        for answer in two.map(self._ask, [person] * 2, ["/look/"] * 2):
                            self._judge(person, answer)

    def _ask(self, person: Person, path: str) -> Answer:
        with self._turn:
            self._turn.wait_for(lambda: not self._switching)
            self._under_way += 1
        try:
            return ask(self.port, path, person.key)
        finally:
            with self._turn:
                self._under_way -= 1
                self._turn.notify_all()

    def _judge(self, person: Person, answer: Answer) -> None:
        self.seen["requests"] += 1
        if answer.status == 0:
            self.seen["no answer"] += 1
        elif answer.status != 200:
            self.seen[f"{answer.status // 100}xx"] += 1
        else:
            user, values = answer.page["user"], answer.page["values"]
            self.seen["signed out"] += user is None and person.user is not None
            self.seen["wrong user"] += user is not None and user != person.user
            self.seen["lost value"] += values != _expected(person)
        self.seen["cookie taken"] += answer.cookie not in {None, person.key}


def _expected(person: Person) -> dict[str, object]:
    return {"mark": person.mark} | ({} if person.page is None else {"page": person.page})

"""What the client processes do. No Django here: a spawned process imports this module and little else.

Each function is one task of one process: it uses several threads, and its own seeded random numbers.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any

from benchmarks.hammer.tally import Tally
from benchmarks.hammer.visitor import Answer, Browser, ask

THREADS = 4
GAP = 12.0
"""Milliseconds: the longest pause between a request's read and its write, and before what overtakes it."""

Kept = dict[str, str]


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool


def _gap(random: Random) -> float:
    return round(random.uniform(0, GAP), 2)


# --- one session, everybody at once -------------------------------------------------------------


def add(port: int, key: str, name: str, count: int) -> Tally:
    """Add one to the same number, ``count`` times in each thread."""
    return _together(partial(_add, port, key, count), name)[0]


def _add(port: int, key: str, count: int, name: str) -> tuple[Tally, Kept]:
    random, tally = Random(name), Tally()
    for _ in range(count):
        answer = tally.see(ask(port, f"/add/?ms={_gap(random) / 4}", key))
        tally.operations += answer.status == 200
    return tally, {}


def write(port: int, key: str, name: str, count: int) -> tuple[Tally, Kept]:
    """Set, overwrite and remove keys that nobody else writes; return what was acknowledged last."""
    return _together(partial(_write, port, key, count), name)


def _write(port: int, key: str, count: int, name: str) -> tuple[Tally, Kept]:
    random, tally, kept = Random(name), Tally(), {}
    for number in range(count):
        mine, choice = f"{name}-{number % 8}", random.random()
        remove = choice < 0.2 and mine in kept
        path = f"/drop/?key={mine}" if remove else f"/put/?key={mine}&value={number}"
        if tally.see(ask(port, f"{path}&ms={_gap(random)}", key)).status != 200:
            continue
        tally.operations += 1
        if remove:
            del kept[mine]
        else:
            kept[mine] = str(number)
    return tally, kept


def _together(task: Any, name: str) -> tuple[Tally, Kept]:
    tally, kept = Tally(), {}
    with _threads() as pool:
        for part, mine in pool.map(task, [f"{name}.{number}" for number in range(THREADS)]):
            tally += part
            kept |= mine
    return tally, kept


# --- many sessions, each in a race --------------------------------------------------------------


def leave(port: int, name: str, user: int, seconds: float) -> Tally:
    """Sign out while other requests of the browser are under way; look whether the key still answers."""
    random, tally, keys = Random(name), Tally(revived=0), []
    with _threads() as pool:
        for _ in _until(seconds):
            browser = Browser(port)
            tally.see(browser.get(f"/login/?user={user}"))
            key = browser.key
            under_way = [pool.submit(browser.get, _in_flight(random), key) for _ in range(3)]
            time.sleep(_gap(random) / 1000)
            tally.see(browser.get("/logout/", key))
            at_once = tally.see(ask(port, "/look/", key))
            for future in under_way:
                tally.see(future.result())
            later = tally.see(ask(port, "/look/", key))
            with_the_jar = tally.see(browser.get("/look/"))
            tally.operations += 1
            looks = {"at once": at_once, "later": later, "with the jar": with_the_jar}
            if known := [when for when, answer in looks.items() if answer.known]:
                tally.revived += 1
                tally.notes[f"answered {', '.join(known)}"] += 1
            else:
                keys.append(key)
        for answer in pool.map(partial(ask, port, "/look/"), keys):
            tally.revived += tally.see(answer).known
    return tally


def _in_flight(random: Random) -> str:
    kind = random.choice(("put/?key=cart&value=1&", "put/?key=late&value=1&", "add/?", "look/?"))
    return f"/{kind}ms={_gap(random)}"


def come_back(port: int, name: str, user: int, seconds: float) -> Tally:
    """Sign in, which gives a new key, while other requests are under way with the old one."""
    random, tally = Random(name), Tally(wiped=0)
    browser: Browser | None = None
    with _threads() as pool:
        for number in _until(seconds):
            if browser is None or number % 4 == 0:  # a visitor's first sign-in, then three more
                browser = Browser(port)
                tally.see(browser.get("/start/"))
            old = browser.key
            under_way = [pool.submit(browser.get, _in_flight(random), old) for _ in range(3)]
            time.sleep(_gap(random) / 1000)
            signed_in = tally.see(browser.get(f"/login/?user={user}", old))
            answers = [tally.see(future.result()) for future in under_way]
            tally.operations += 1
            if not _still(tally.see(browser.get("/look/")), user):
                tally.wiped += 1
                tally.notes[_why(old, browser.key, [signed_in, *answers])] += 1
                browser = None
    return tally


def _still(answer: Answer, user: int) -> bool:
    return answer.page.get("user") == user


def _until(seconds: float) -> Iterator[int]:
    deadline, number = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        yield number
        number += 1


def _why(old: str | None, key: str | None, answers: list[Answer]) -> str:
    """Say what became of the cookie of somebody who found themselves signed out."""
    if key is None:
        return "an answer cleared the cookie"
    if key == old:
        return "an answer set the old key again, after the new one"
    return "the jar holds another key" if any(a.cookie == key for a in answers) else "unknown"

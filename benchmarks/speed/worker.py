"""The process that is measured: one subject in one colour, which does a slice when it is told to.

Its first argument is the colour; the settings come by the environment. Each line that it reads is a JSON
object, and so is each that it answers with.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from statistics import median
from typing import Any

import django
from django.conf import settings

from benchmarks.speed.calls import counted
from benchmarks.speed.operations import LIMITS, OF_A_USER, PURGED, SESSIONS

GUESTS = 40
"""People who sign in and out, so that nobody gathers more sessions than one."""

EXPLAINED = 50
"""Times that a server is asked how long it takes."""

LEAST = 3
"""Requests in a slice, however long they take."""


class WrongAnswer(Exception):
    """A subject did not answer as it should, so its time means nothing."""


class Worker:
    """Does slices: a few requests of one kind, each timed and each looked at."""

    def __init__(self, colour: str) -> None:
        asking = import_module("benchmarks.speed.asking")  # Django has to be set up first
        self.wsgi = asking.Wsgi()
        self.asker = self.wsgi if colour == "wsgi" else asking.Asgi()
        self.ways = import_module("benchmarks.speed.ways").ways()
        self.keys: list[str] = []
        self.key = self._signed_in("ada") if settings.MIDDLEWARE else ""
        self.lister = ""
        if self.ways.list and colour == "wsgi":
            # Those that another process has left behind are too many.
            self.lister = self._alone("lena")
            for _ in range(SESSIONS - 1):
                self._signed_in("lena")
            self._alone("emil")

    def do_can(self, operations: list[str]) -> dict[str, bool]:
        """Say which of the operations this subject can do at all."""
        return {operation: self._can(operation) for operation in operations}

    def do_freeze(self) -> None:
        """Let the garbage collector go on as in production, but never look again at what is there now."""
        gc.collect()
        gc.freeze()

    def do_key(self) -> dict[str, str]:
        """Tell the key of a session that is signed in."""
        return {"key": self.key}

    def do_age(self) -> None:
        """Begin the sessions that are then purged; they live for a second."""
        for _ in range(PURGED):
            checked(self.wsgi.ask("/wsgi/brief/", ""), b"ada")

    def _can(self, operation: str) -> bool:
        if operation in {"neither", "user"}:
            return True
        if operation in LIMITS:
            return self._storage().endswith(".DatabaseStorage")
        if operation in OF_A_USER:
            return getattr(self.ways, operation) is not None
        return bool(settings.MIDDLEWARE) and (operation != "purge" or self._keeps())

    def do_calls(self, operation: str) -> dict[str, int]:
        """Count the calls of one such request, once it has been asked for a few times."""
        ask = self._asking(operation)
        for number in range(GUESTS):
            ask(number)
        return counted(lambda: ask(0))

    def do_explain(self) -> dict[str, float]:
        """Ask PostgreSQL how long it plans and executes the one statement, in microseconds."""
        limits = import_module("benchmarks.speed.limits").Limits()
        return limits.explained(self.key, times=EXPLAINED)

    def do_slice(self, operation: str, seconds: float, most: int) -> dict[str, Any]:
        """Ask for one page for ``seconds``; return medians in microseconds, by the clock and of CPU."""
        if operation == "purge":
            return self._purge()
        ask = self._asking(operation)
        if operation == "sign_in":
            self.keys = []
        if operation == "sign_out":
            most = len(self.keys)
        answers = []
        end = time.perf_counter() + seconds
        while len(answers) < most and (len(answers) < LEAST or time.perf_counter() < end):
            answers.append(ask(len(answers)))
        return {
            "wall": median(answer.wall for answer in answers) / 1000,
            "cpu": median(answer.cpu for answer in answers) / 1000,
            "requests": len(answers),
        }

    # --- the operations -------------------------------------------------------------------------

    def _asking(self, operation: str) -> Callable[[int], Any]:
        return getattr(self, f"_{operation}", None) or self._page(operation)

    def _page(self, operation: str) -> Callable[[int], Any]:
        path = f"/{self.asker.colour}/{operation}/"
        return lambda _: checked(self.asker.ask(path, self.key), b"ada")

    def _sign_in(self, number: int) -> Any:
        name = f"guest{number % GUESTS}"
        answer = checked(self.wsgi.ask(f"/wsgi/sign_in/{name}/", ""), name.encode())
        self.keys.append(answer.key)
        return answer

    def _sign_out(self, number: int) -> Any:
        return checked(self.wsgi.ask("/wsgi/sign_out/", self.keys[number]), b"ada")

    def _list(self, number: int) -> Any:
        return checked(self.wsgi.ask("/wsgi/list/", self.lister), str(SESSIONS).encode())

    def _end_others(self, number: int) -> Any:
        # One is left of the last time, so ten others are ended.
        keys = [self._signed_in("emil") for _ in range(SESSIONS)]
        answer = checked(self.wsgi.ask("/wsgi/end_others/", keys[-1]), b"ada")
        if number == 0:
            checked(self.wsgi.ask("/wsgi/user/", keys[0]), b"")
        return answer

    def _purge(self) -> dict[str, Any]:
        store = import_module(settings.SESSION_ENGINE).SessionStore
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        store.clear_expired()
        wall = time.perf_counter_ns() - wall
        cpu = time.process_time_ns() - cpu
        return {"wall": wall / 1000 / PURGED, "cpu": cpu / 1000 / PURGED, "requests": 1}

    # --- what it takes --------------------------------------------------------------------------

    def _signed_in(self, name: str) -> str:
        answer = checked(self.wsgi.ask(f"/wsgi/sign_in/{name}/", ""), name.encode())
        if not answer.key:
            raise WrongAnswer("signing in gave no cookie")
        return answer.key

    def _alone(self, name: str) -> str:
        """Sign in and end all others. There is one at least: without any, qsessions on Redis fails."""
        self._signed_in(name)
        key = self._signed_in(name)
        checked(self.wsgi.ask("/wsgi/end_others/", key), b"ada")
        return key

    def _keeps(self) -> bool:
        """Whether what has expired stays until somebody purges it."""
        place = self._storage() or settings.SESSION_ENGINE
        return not place.endswith((".cache", ".signed_cookies", ".CacheStorage", ".RedisStorage"))

    def _storage(self) -> str:
        desk: dict[str, Any] = getattr(settings, "FRONTDESK", {})
        return str(desk.get("STORAGE", {}).get("BACKEND", ""))


def checked(answer: Any, body: bytes) -> Any:
    """Return ``answer`` if it is the right one."""
    if answer.status != 200 or answer.body != body:
        raise WrongAnswer(f"{answer.status} {answer.body[:200]!r} instead of {body!r}")
    return answer


def prepare() -> None:
    """Make the tables and the people, once per subject."""
    call_command = import_module("django.core.management").call_command
    call_command("migrate", verbosity=0)
    model = import_module("django.contrib.auth").get_user_model()
    password = import_module("django.contrib.auth.hashers").make_password("open-sesame")
    names = ["ada", "lena", "emil", *(f"guest{number}" for number in range(GUESTS))]
    model.objects.bulk_create([model(username=name, password=password) for name in names])


def serve(worker: Worker) -> None:
    """Do what each line says: ``do`` names a method, the rest are its arguments."""
    for line in sys.stdin:
        told = json.loads(line)
        said = getattr(worker, f"do_{told.pop('do')}")(**told)
        print(json.dumps(said), flush=True)


def main(kind: type[Worker]) -> None:
    """Run the program."""
    colour, first = sys.argv[1:]
    django.setup()
    if first:
        prepare()
    worker = kind(colour)
    print(json.dumps({"ready": settings.SESSION_ENGINE}), flush=True)
    serve(worker)


if __name__ == "__main__":
    main(Worker)

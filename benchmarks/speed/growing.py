"""The process that is measured as tables grow: it fills them, reads anywhere in them, and purges."""

import io
import json
import logging
import select
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

from django.conf import settings

from benchmarks.speed.worker import Worker, WrongAnswer, main

PER_USER = 10
"""Sessions of each user in a large table."""

PAUSE = 0.002
"""Seconds between two requests of the traffic beside a purge."""


class Growing(Worker):
    """A worker with a large table."""

    def __init__(self, colour: str) -> None:
        super().__init__(colour)
        self.filling = import_module("benchmarks.speed.filling")  # Django has to be set up first
        self.desk = import_module("benchmarks.speed.desk_filling") if self.ours else None
        self.random = Random(1)
        self.rows = 0
        self.users = 0, 0

    @property
    def ours(self) -> bool:
        """Whether the sessions are frontdesk's."""
        return settings.SESSION_ENGINE.startswith("frontdesk")

    def do_fill(self, rows: int) -> dict[str, Any]:
        """Fill the tables; tell how many bytes they take."""
        began = time.perf_counter()
        self.rows = rows
        if self.ours:
            self.users = self.filling.fill_users(1, max(rows // PER_USER, 1))
        self._fill(1, rows)
        self.filling.settle()
        seconds = time.perf_counter() - began
        return {**self.filling.bytes_of(self._table()), "rows": rows, "seconds": round(seconds, 1)}

    def do_filled(self, rows: int) -> None:
        """Hear of the tables that another process of the subject has filled."""
        self.rows = rows

    def do_roam(self, seconds: float) -> dict[str, Any]:
        """Ask for ``request.user`` with a random session at a time; see ``do_slice``."""
        answers = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            answers.append(self._anybody("user"))
        return {
            "wall": median(answer.wall for answer in answers) / 1000,
            "cpu": median(answer.cpu for answer in answers) / 1000,
            "requests": len(answers),
        }

    # --- a user's sessions ----------------------------------------------------------------------

    def do_user(self, sessions: int, times: int) -> dict[str, Any]:
        """List the sessions of a user who has so many, and end them all; milliseconds of each."""
        api = import_module("frontdesk.sessions")
        models = import_module("django.contrib.auth.models")
        lists, ends, statements = [], [], {}
        for number in range(times):
            first = 10**12 * (number + 1) + 10**7 * len(str(sessions))  # nobody else's number
            id_, _ = self.filling.fill_users(first, 1)
            self.desk.fill_sessions(first, sessions, (id_, id_))
            user = models.User.objects.get(pk=id_)
            with self.filling.watched() as seen:
                began = time.perf_counter()
                found = len(api.for_user(user))
                lists.append(time.perf_counter() - began)
            statements["list"] = len(seen)
            with self.filling.watched() as seen:
                began = time.perf_counter()
                ended = api.end_all(user)
                ends.append(time.perf_counter() - began)
            statements["end"] = len(seen)
            if (found, ended) != (sessions, sessions):
                raise WrongAnswer(f"{found} listed and {ended} ended of {sessions}")
            user.delete()
        return {
            "sessions": sessions,
            "list": round(median(lists) * 1000, 3),
            "end": round(median(ends) * 1000, 3),
            "statements": statements,
        }

    # --- purging --------------------------------------------------------------------------------

    def do_expire(self, rows: int) -> None:
        """Add sessions that have expired."""
        self._fill(2 * 10**12, rows, expired=True)
        self.filling.settle()

    def do_purge(self, rows: int) -> dict[str, Any]:
        """Purge, as ``manage.py`` does; tell the time, the longest statement and the memory."""
        call_command = import_module("django.core.management").call_command
        words = ["frontdesk", "purge"] if self.ours else ["clearsessions"]
        before = _memory()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
        with self.filling.watched() as seen:
            began = time.perf_counter()
            call_command(*words, stdout=io.StringIO(), stderr=io.StringIO())
            seconds = time.perf_counter() - began
        return {
            "command": f"manage.py {' '.join(words)}",
            "rows": rows,
            "left": self._expired(),
            "seconds": round(seconds, 2),
            "statements": len(seen),
            "longest": round(max(seen), 3),
            "memory": round((_memory("VmHWM") - before) / 1024, 1),
        }

    def do_traffic(self, seconds: float) -> dict[str, Any]:
        """Read and write in turn, for a time or, with 0, until the next line; tell the times."""
        logging.disable()  # what fails is counted
        found: dict[str, list[float]] = {"user": [], "write": []}
        failed = 0
        end = time.perf_counter() + seconds
        done = False
        while not done:
            done = time.perf_counter() >= end if seconds else _told_more()  # but once at least
            for page, times in found.items():
                began = time.perf_counter()
                try:
                    self._anybody(page)
                except WrongAnswer:
                    failed += 1
                times.append((time.perf_counter() - began) * 1000)
                time.sleep(PAUSE)
        return {
            "failed": failed,
            **{page: _percentiles(times) for page, times in found.items()},
        }

    # --- what it takes --------------------------------------------------------------------------

    def _anybody(self, page: str) -> Any:
        """Ask for a page with a random session of the table."""
        key = self.filling.key_of(self.random.randint(1, self.rows))
        answer = self.wsgi.ask(f"/wsgi/{page}/", key)
        # The name in the row's copy of the user is its number; whoever is unknown has none.
        if answer.status != 200 or not answer.body:
            raise WrongAnswer(f"{page}: {answer.status} {answer.body[:200]!r}")
        return answer

    def _fill(self, first: int, rows: int, *, expired: bool = False) -> None:
        if self.ours:
            self.desk.fill_sessions(first, rows, self.users, expired=expired)
        else:
            store = import_module(settings.SESSION_ENGINE).SessionStore(self.key)
            data = store.encode(store.load())
            self.filling.fill_stock(first, rows, data, expired=expired)

    def _table(self) -> str:
        return "frontdesk_session" if self.ours else "django_session"

    def _expired(self) -> int:
        """Return how many expired rows there still are."""
        if self.ours:
            return import_module("frontdesk.storages").get_storage().count_expired(_now())
        models = import_module("django.contrib.sessions.models")
        timezone = import_module("django.utils.timezone")
        return models.Session.objects.filter(expire_date__lt=timezone.now()).count()


def _now() -> int:
    return import_module("frontdesk.clock").now()


def _memory(name: str = "VmRSS") -> int:
    """Return this process's memory in KiB: now, or at its peak."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {name}")


def _told_more() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _percentiles(times: list[float]) -> dict[str, float]:
    p50, p99 = median(times), max(times)
    if len(times) > 1:
        p99 = quantiles(times, n=100, method="inclusive")[98]
    return {
        "requests": len(times),
        "p50": round(p50, 2),
        "p99": round(p99, 2),
        "most": round(max(times), 1),
    }


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, json.JSONDecodeError):
        main(Growing)

"""The attempts of benchmarks/throttle.py, which sets up Django before it imports this."""

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client, override_settings

from frontdesk.models import HistoryEntry, Throttle

RATE = 100
"""Attempts a second."""

BURST = 1000

CONNECTIONS = 80
"""How many attempts of a burst are under way at once. PostgreSQL takes 100 connections by default."""

MANY = 1_000_000_000

WRONG = "a wrong password"

NETWORKS = (f"{a}.{b}.{c}.1" for a in range(11, 127) for b in range(256) for c in range(256))


class Hasher(PBKDF2PasswordHasher):
    """Django's default with fewer iterations. A difference beside the hash shows all the more."""

    iterations = 20_000


def attempt(name: str, ip: str = "203.0.113.7", password: str = WRONG) -> float:
    """Send a password to the sign-in page, and return how many milliseconds the answer took."""
    form = {"username": name, "password": password}
    began = time.perf_counter()
    answer = Client().post("/login/", form, REMOTE_ADDR=ip)
    took = (time.perf_counter() - began) * 1000
    assert answer.status_code == 200, answer.status_code
    return took


@contextmanager
def counting() -> Iterator[list[str]]:
    """Note the names whose passwords are compared with what was typed."""
    checked: list[str] = []
    original = ModelBackend.authenticate

    def noting(
        self: Any, request: Any, username: Any = None, password: Any = None, **more: Any
    ) -> Any:
        if password == WRONG:
            checked.append(username)
        return original(self, request, username, password, **more)

    ModelBackend.authenticate = noting  # type: ignore[method-assign]
    try:
        yield checked
    finally:
        ModelBackend.authenticate = original  # type: ignore[method-assign]


def in_threads(number: int, task: Callable[[], None]) -> None:
    """Run ``task`` in threads, which close their connections."""

    def run() -> None:
        try:
            task()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        for done in [pool.submit(run) for _ in range(number)]:
            done.result()


def forget() -> None:
    """Empty the tables, and keep one user."""
    Throttle.objects.all().delete()
    HistoryEntry.objects.all().delete()
    User.objects.all().delete()
    User.objects.create_user("ada", password="the right one")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for model in (Throttle, HistoryEntry):
                cursor.execute(f"VACUUM FULL {model._meta.db_table}")


def burst(database: str) -> dict[str, Any]:
    """Return a row: a burst against one account."""
    forget()
    threads = CONNECTIONS if database != "sqlite" else 8
    barrier, numbers = threading.Barrier(threads), itertools.count()

    def task() -> None:
        barrier.wait(timeout=120)
        while next(numbers) < BURST:
            attempt("ada")

    began = time.monotonic()
    with counting() as checked:
        in_threads(threads, task)
    return row("burst", BURST, time.monotonic() - began, len(checked))


def attack(kind: str, seconds: float) -> dict[str, Any]:
    """Return a row: attempts at a steady rate."""
    forget()
    total, numbers, networks = int(seconds * RATE), itertools.count(), iter(NETWORKS)
    lock, began = threading.Lock(), time.monotonic()

    def task() -> None:
        while True:
            with lock:
                number = next(numbers)
                ip = next(networks) if kind == "new networks" else "203.0.113.7"
            if number >= total:
                return
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))
            attempt("ada" if kind == "one name" else f"name-{number}", ip)

    with counting() as checked:
        in_threads(4, task)
    return row(kind, total, time.monotonic() - began, len(checked))


def row(kind: str, attempts: int, seconds: float, checked: int) -> dict[str, Any]:
    """Return what came of an attack, and the rows and the KB of the throttle and of the history."""
    cells = {"attack": kind, "attempts": attempts, "seconds": f"{seconds:.0f}", "checked": checked}
    for name, model in (("throttle", Throttle), ("history", HistoryEntry)):
        size = ""
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_total_relation_size(%s)", [model._meta.db_table])
                size = str(cursor.fetchone()[0] // 1024)
        cells |= {f"{name} rows": model.objects.count(), f"{name} KB": size}
    return cells


CASES = {
    "wrong, known account": "ada",
    "wrong, unknown account": "unknown",
    "refused, known account": "ada-full",
    "refused, unknown account": "unknown-full",
}


def timing(samples: int) -> list[dict[str, Any]]:
    """Return rows: how long the answers take, in milliseconds, in an order at random."""
    hashers = ["benchmarks.guesses.Hasher"]
    limits = dict.fromkeys(["THROTTLE_ACCOUNT", "THROTTLE_NETWORK"], (MANY, timedelta(hours=4)))
    found: dict[str, list[float]] = {case: [] for case in CASES}
    with override_settings(PASSWORD_HASHERS=hashers, FRONTDESK=limits):
        forget()
        User.objects.create_user("ada-full", password="the right one")
        for name in ("ada-full", "unknown-full"):
            attempt(name)
        Throttle.objects.filter(pk__startswith="account:").update(attempts=MANY)
        for name in CASES.values():
            attempt(name)  # what happens once
        order = [case for case in CASES for _ in range(samples)]
        Random(1).shuffle(order)
        for case in order:
            found[case].append(attempt(CASES[case]))
    first, *_ = found.values()
    return [
        {"answer": case, **quartiles(times), **comparison(first, times)}
        for case, times in found.items()
    ]


def comparison(some: list[float], others: list[float]) -> dict[str, str]:
    """Return how often one of ``others`` took longer than one of ``some``, and the p-value of that.

    0.5 says that an attacker who measures one answer of each learns nothing. The p-value is that of the
    test of Mann and Whitney, in its normal approximation: how likely such a share is without any difference.
    """
    pairs = len(some) * len(others)
    longer = sum((b > a) + (b == a) / 2 for a in some for b in others)
    spread = (pairs * (len(some) + len(others) + 1) / 12) ** 0.5
    p = 2 * statistics.NormalDist().cdf(-abs(longer - pairs / 2) / spread)
    return {"longer than the first": f"{longer / pairs:.2f}", "p": f"{p:.2f}"}


def quartiles(times: list[float]) -> dict[str, str]:
    names = ("lower", "median", "upper")
    return {
        name: f"{ms:.1f}" for name, ms in zip(names, statistics.quantiles(times, n=4), strict=True)
    }

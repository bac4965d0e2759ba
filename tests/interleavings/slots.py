"""Level two: the orders of the primitives of which the verbs of SlotStorage consist.

A verb is a plain method, so each runs in a greenlet that hands control back before each primitive: a stack
of its own without a thread, which takes several times as long. The retries of a verb follow somebody else's
progress, so the orders are finite; ``BUDGET`` turns a mistake in that reasoning into a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from greenlet import GreenletExit, getcurrent, greenlet

from frontdesk.storages.slots import SlotStorage

BUDGET = 60_000
"""Orders of one meeting; none of those in the tests comes near it."""


def wait_for_turn() -> None:
    """Let a worker wait before a primitive; anybody else goes on."""
    current = getcurrent()
    if isinstance(current, Worker):
        current.parent.switch()


class Dictionary(SlotStorage):
    """Slots in a dictionary. A worker asks before each primitive; anybody else is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.slots: dict[str, bytes] = {}

    def _load(self, name: str) -> tuple[bytes | None, Any]:
        wait_for_turn()
        found = self.slots.get(name)
        return found, found

    def _load_many(self, names: Collection[str]) -> dict[str, bytes]:
        wait_for_turn()
        return {name: self.slots[name] for name in names if name in self.slots}

    def _store(self, name: str, token: Any, data: bytes, expires: int) -> bool:
        wait_for_turn()
        if self.slots.get(name) != token:
            return False
        self.slots[name] = data
        return True

    def purge(self, now: int, limit: int) -> int:
        return 0

    @contextmanager
    def dying_before_it_settles(self, new: str) -> Iterator[None]:
        """Let the process die before it writes a second time to the slot that it rotates to."""
        store, names = self._store, []

        def dying(name: str, *args: Any) -> bool:
            names.append(name)
            if names.count(f"s-{new}") == 2:
                raise KeyboardInterrupt
            return store(name, *args)

        self._store = dying  # type: ignore[method-assign]
        try:
            with pytest.raises(KeyboardInterrupt):
                yield
        finally:
            del self._store


Verb = Callable[[Dictionary], Any]


@dataclass
class Run:
    """One order: who was let on at each step, what each verb answered, and when."""

    taken: list[int] = field(default_factory=list)
    enabled: list[list[int]] = field(default_factory=list)
    answers: dict[int, Any] = field(default_factory=dict)


class Worker(greenlet):
    """A verb that runs from one primitive to the next when told to."""

    def __init__(self, storage: Dictionary, verb: Verb) -> None:
        super().__init__()
        self.answer: Any = None
        self._storage, self._verb = storage, verb
        self.switch()  # it stands before its first primitive

    @property
    def done(self) -> bool:
        return self.dead

    def step(self) -> None:
        self.switch()

    def leave(self) -> None:
        """Let go of a worker that an order no longer needs."""
        self.throw(GreenletExit)

    def run(self) -> None:
        try:
            self.answer = self._verb(self._storage)
        except Exception as error:  # noqa: BLE001 (an exception is an outcome like any other)
            self.answer = error


Watch = Callable[[Dictionary, Run], None]


def orders(
    furnish: Callable[[], Dictionary], verbs: Sequence[Verb], watch: Watch
) -> Iterator[tuple[Dictionary, Run]]:
    """Yield each order of the primitives of ``verbs``, after asking ``watch`` between all its steps."""
    followed: list[int] | None = []
    for _ in range(BUDGET):
        storage, run = furnish(), Run()
        _one_order(storage, verbs, followed, run, watch)
        yield storage, run
        followed = _next_order(run)
        if followed is None:
            return
    raise AssertionError(f"more than {BUDGET} orders")


def in_turn(
    furnish: Callable[[], Dictionary], verbs: Sequence[Verb], order: Sequence[int]
) -> tuple[Dictionary, dict[int, Any]]:
    """Run the verbs one after another, each whole."""
    storage = furnish()
    answers = {}
    for number in order:
        try:
            answers[number] = verbs[number](storage)
        except Exception as error:  # noqa: BLE001
            answers[number] = error
    return storage, answers


def _one_order(
    storage: Dictionary, verbs: Sequence[Verb], followed: list[int], run: Run, watch: Watch
) -> None:
    workers = [Worker(storage, verb) for verb in verbs]
    try:
        while enabled := [number for number, worker in enumerate(workers) if not worker.done]:
            depth = len(run.taken)
            taken = followed[depth] if depth < len(followed) else enabled[0]
            run.taken.append(taken)
            run.enabled.append(enabled)
            workers[taken].step()
            if workers[taken].done:
                run.answers[taken] = workers[taken].answer
            watch(storage, run)
    finally:
        for worker in workers:
            worker.leave()


def _next_order(run: Run) -> list[int] | None:
    for depth in range(len(run.taken) - 1, -1, -1):
        place = run.enabled[depth].index(run.taken[depth]) + 1
        if place < len(run.enabled[depth]):
            return [*run.taken[:depth], run.enabled[depth][place]]
    return None

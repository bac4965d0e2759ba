"""Runs operations in every possible order of their steps.

An operation is a flow (see :mod:`frontdesk.core.flow`): a generator that stops at each call that does I/O.
Such a call is a *step*. Two operations of two steps can meet in six orders, and all six are tried::

    found = explore(Meeting(signed_in(Documents), [SAVE, SIGN_OUT]))
    assert not found.violations, found.report()

The explorer goes on from *state* to state. A state is all that the future depends on: what is stored, what
time it is, and what each operation has been answered so far. From each state, each operation in turn makes
its next step. Two orders that lead to the same state go on alike, so what follows is tried once and counted
for both. After each step, and when all operations are done, promises.py looks for what is wrong.

In some orders something goes wrong. The meeting says how often, and how many minutes it takes:

* *crash*: a call is made, and its operation never gets the answer, because the process has died.
* *stall*: a call is made, and its operation gets the answer minutes later.
* *pause*: minutes pass after an operation has decided what to call, and before it calls.
* *resend*: the answer gets lost, so the client makes the call again, and gives the second answer.

A generator cannot be copied. An operation that has to go on in two ways is started again and given the same
answers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from string import ascii_lowercase
from typing import Any
from unittest.mock import patch

from frontdesk.core import clock, keys, record
from frontdesk.core.flow import Call, Flow
from frontdesk.core.record import Record
from frontdesk.storages.base import Storage
from frontdesk.storages.documents import Write
from tests.interleavings import promises
from tests.interleavings.promises import Ledger, Operation, Violation
from tests.interleavings.world import START, Stored, Users, World, frozen

CRASH, STALL, PAUSE, RESEND = "crash", "stall", "pause", "resend"

PRIMITIVES = {
    "load": "_load_documents",
    "swap": "_swap_documents",
    "ids_of": "_names_of",
}
"""The flows of a document storage behind its primitives, which take them apart into ``get`` and ``cas``."""


@dataclass(frozen=True)
class Meeting:
    """Which operations meet, and where."""

    world: World
    operations: Sequence[Operation]
    disturbances: int = 1
    """How often something may go wrong in an order."""
    kinds: Collection[str] = (CRASH, STALL, PAUSE)
    minutes: int = 2
    """How long a stall and a pause take."""
    skews: Sequence[int] = ()
    """By how many minutes the clock of each operation is fast."""

    @property
    def name(self) -> str:
        return f"{', '.join(each.name for each in self.operations)} ({self.world})"


@dataclass
class Exploration:
    """What was found."""

    name: str
    orders: int = 0
    violations: list[tuple[Violation, list[str]]] = field(default_factory=list)
    """Each with the steps that led to it."""

    @property
    def broken(self) -> set[str]:
        """The promises that were broken."""
        return {violation.promise for violation, _ in self.violations}

    def report(self) -> str:
        """Return the shortest way to a broken promise."""
        violation, trace = min(self.violations, key=lambda found: len(found[1]))
        steps = "".join(f"\n  {number}. {step}" for number, step in enumerate(trace, 1))
        return f"{self.name} breaks {sorted(self.broken)}\n  {violation}{steps}"


@dataclass(frozen=True)
class Actor:
    """An operation, as far as it has come."""

    operation: Operation
    number: int
    answers: tuple[tuple[int, Any], ...] = ()
    """What it has heard so far, and when. The first entry is its start."""
    past: int = 0
    """A number that stands for ``answers``."""
    began: promises.Live = frozenset()
    """The live sessions when it began."""
    over: str = ""
    """Whether it is "done" or has "crashed"; empty while it goes on."""
    result: Any = None


@dataclass(frozen=True)
class State:
    """All that the future depends on."""

    stored: Stored
    time: int
    left: int
    """How many disturbances may still come."""
    actors: tuple[Actor, ...]
    ledger: Ledger

    @cached_property
    def key(self) -> Any:
        actors = tuple((actor.past, actor.over) for actor in self.actors)
        return self.stored, self.time, self.left, actors, self.ledger

    def with_actor(self, actor: Actor) -> tuple[Actor, ...]:
        return (*self.actors[: actor.number], actor, *self.actors[actor.number + 1 :])


class Running:
    """A flow that stops before ``call``."""

    call: Call

    def __init__(self, flow: Flow[Any]) -> None:
        self.flow = flow
        self.chance = itertools.count().__next__
        """What it gets for random numbers."""

    def go_on(self, answer: Any) -> None:
        """Tell the answer to the call, and go on to the next one."""
        if isinstance(answer, Exception):
            self.call = self.flow.throw(answer)
        else:
            self.call = self.flow.send(answer)


def explore(meeting: Meeting, until: str | None = None) -> Exploration:
    """Run the operations of ``meeting`` in every order of their steps.

    Stop at the first order that breaks the promise ``until``, if it is given.
    """
    explorer = _Explorer(meeting, until)
    with (
        patch.object(clock, "now", explorer.now),
        patch.object(keys, "_random_text", explorer.random_text),
        patch.object(record, "next_version", explorer.next_version),
        meeting.world.in_use(),
    ):
        explorer.explore()
    return explorer.found


class _Explorer:
    def __init__(self, meeting: Meeting, until: str | None) -> None:
        self.meeting = meeting
        self.until = until
        self.world = meeting.world
        self.found = Exploration(meeting.name)
        self._orders: dict[Any, int] = {}
        self._pasts: dict[Any, int] = {}
        self._flows: dict[tuple[int, int], Running] = {}
        self._trace: list[str] = []
        self._skew = 0
        self._clock_was_read = False
        self._number = 9  # of the beginning, when no operation makes a step
        self._chance = itertools.count().__next__

    def now(self) -> int:
        """The clock of the operation that makes a step."""
        self._clock_was_read = True
        return self.world.now + self._skew

    def random_text(self, length: int) -> str:
        """Text for a key, which is the same whenever an operation is started again."""
        return (f"{ascii_lowercase[self._chance()]}{self._number}" * length)[:length]

    def next_version(self) -> int:
        """A version that no other write has, which is the same whenever an operation is started again."""
        return 1 + self._number * 100 + self._chance()

    def explore(self) -> None:
        self.world.begin()
        actors = [Actor(each, number) for number, each in enumerate(self.meeting.operations)]
        left = self.meeting.disturbances
        first = State(self.world.save(), START, left, tuple(actors), Ledger())
        self.found.orders = self._orders_from(self._looked(first))

    def _orders_from(self, state: State) -> int:
        """Try all orders from ``state`` on, and return how many there are."""
        known = self._known(state)
        if known is not None:
            return known
        orders = 0
        for following in self._following(state):
            if self.until in self.found.broken:
                return orders
            orders += 1 if following is None else self._orders_from(following)
            self._trace.pop()
        if all(actor.over for actor in state.actors):
            orders += 1
            self._watched(self._judge, state)
        self._orders[state.key] = orders
        return orders

    def _known(self, state: State) -> int | None:
        """Return how many orders were found from this state, or one like it."""
        return self._orders.get(state.key)

    def _following(self, state: State) -> Iterator[State | None]:
        """Yield the states after one more step; ``None`` where a promise is broken."""
        moving = [actor for actor in state.actors if not actor.over]
        kinds = self.meeting.kinds if state.left else ()
        for actor, how in itertools.product(moving, ("", CRASH, STALL, RESEND)):
            if not how or how in kinds:
                yield self._watched(self._step, state, actor, how)
        if moving and PAUSE in kinds:
            yield self._watched(self._pause, state)

    def _watched(self, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return function(*args)
        except Violation as violation:
            self.found.violations.append((violation, list(self._trace)))
            return None

    def _step(self, state: State, actor: Actor, how: str) -> State:
        """Let ``actor`` make its next call, and go on to the one after it."""
        if not actor.answers:
            live = promises.live(self.world.facts(state.stored), state.time)
            past = self._past(actor.number, state.time, live)
            actor = replace(actor, answers=((state.time, None),), past=past, began=live)
        self.world.restore(state.stored, state.time)
        running = self._running(actor)
        self._trace.append(f"{actor.operation.name}: {_line(running.call)}")
        answer = _answer(running.call)
        self._trace[-1] += f" -> {_short(answer)}"
        state = self._looked(state)
        if how == RESEND:
            answer = _answer(running.call)
            self._trace[-1] += f", sent again -> {_short(answer)}"
            state = self._looked(state)
        if how == CRASH:
            self._trace[-1] += ", and its process dies"
            running.flow.close()
            actor = replace(actor, over="crashed", past=0, answers=())
        else:
            if how == STALL:
                self._trace[-1] += f", and it stands still for {self.meeting.minutes} minutes"
                state = self._later(state)
            actor = self._answered(actor, running, state, answer)
        if actor.over == "done":
            promises.answered(actor, self.world.facts(state.stored), self.now())
        return replace(state, left=state.left - bool(how), actors=state.with_actor(actor))

    def _pause(self, state: State) -> State:
        self._trace.append(f"{self.meeting.minutes} minutes pass")
        self.world.restore(state.stored, state.time)
        return replace(self._later(state), left=state.left - 1)

    def _later(self, state: State) -> State:
        """Let minutes pass. Documents are forgotten when they expire."""
        state = replace(state, time=state.time + self.meeting.minutes * clock.MINUTE)
        self.world.restore(self.world.save(), state.time)
        return self._looked(state)

    def _looked(self, state: State) -> State:
        """Look at what is stored now."""
        stored = self.world.save()
        facts, differ = self.world.facts(stored), bool(self.meeting.skews)
        ledger = promises.look(facts, state.ledger, state.time, clocks_differ=differ)
        return replace(state, stored=stored, ledger=ledger)

    def _judge(self, state: State) -> None:
        self.world.restore(state.stored, state.time)
        self._skew = 0
        disturbed = state.left < self.meeting.disturbances
        promises.judge(self.world, state.actors, state.ledger, disturbed=disturbed)

    def _running(self, actor: Actor) -> Running:
        """Return the flow of ``actor``, which stops before its next call."""
        skews = self.meeting.skews
        self._number = actor.number
        self._skew = skews[actor.number] * clock.MINUTE if skews else 0
        running = self._flows.pop((actor.number, actor.past), None)
        if running is None:
            running = Running(steps(actor.operation.flow(self.world)))
            self._chance, now = running.chance, self.world.now
            for time, answer in actor.answers:
                self.world.now = time
                running.go_on(answer)
            self.world.now = now
        self._chance = running.chance
        return running

    def _answered(self, actor: Actor, running: Running, state: State, answer: Any) -> Actor:
        """Give ``actor`` the answer to its call."""
        self._clock_was_read = False
        try:
            running.go_on(answer)
        except StopIteration as stop:
            self._trace[-1] += f", done: {stop.value}"
            return replace(actor, over="done", result=stop.value, past=self._past(*stop.value))
        except Exception as error:
            raise Violation(promises.RAISES, f"{actor.operation.name} raises {error!r}") from error
        finally:
            if actor.operation.visits and self.world.save() != state.stored:
                raise RuntimeError("Something was written that is not a step of a flow.")
        # Operations that have heard the same go on alike, unless they have looked at the clock.
        past = self._past(actor.past, frozen(answer), state.time if self._clock_was_read else None)
        self._flows[actor.number, past] = running
        return replace(actor, answers=(*actor.answers, (state.time, answer)), past=past)

    def _past(self, *what: Hashable) -> int:
        """Return a number that stands for ``what``."""
        return self._pasts.setdefault(what, len(self._pasts) + 1)


def _answer(call: Call) -> Any:
    """Make ``call`` and return its answer, or the exception that it raises."""
    try:
        return getattr(call.target, call.name)(*call.args)
    except Exception as error:  # noqa: BLE001 (the flow decides what becomes of it)
        return error


def steps(flow: Flow[Any]) -> Flow[Any]:
    """Yield the steps of ``flow``: its calls of a storage, taken apart as far as they are not atomic.

    Other calls are made at once, and signals are not sent.
    """
    try:
        call = next(flow)
        while True:
            try:
                answer = yield from _parts(call)
            except Exception as error:  # noqa: BLE001 (the flow decides what becomes of it)
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except StopIteration as stop:
        return stop.value
    finally:
        flow.close()


def _parts(call: Call) -> Flow[Any]:
    target, name, args = call.target, call.name, call.args
    if not isinstance(target, Storage | Users):
        return (yield from _elsewhere(call))
    in_parts = getattr(target, f"{name}_in_parts", None)  # a seed of seeds.py
    if in_parts is not None:
        return (yield from steps(in_parts(*args)))
    if name in PRIMITIVES and hasattr(target, PRIMITIVES[name]):
        return (yield from steps(getattr(target, PRIMITIVES[name])(args[0])))
    if name in {"load", "swap", "get", "cas"} and isinstance(target, Storage):
        # Only each document, and each record, is atomic by itself.
        answers = []
        for each in args[0]:
            answer = yield Call(target, name, ([each], *args[1:]))
            answers.append(answer)
        if name == "get":
            return {key: value for answer in answers for key, value in answer.items()}
        return [each for answer in answers for each in answer]
    return (yield call)


def _elsewhere(call: Call) -> Flow[Any]:
    """Make a call of something that is not the storage."""
    if call.name == "send":
        return None
    if call.name == "save":
        return (yield from steps(call.target.saving(*call.args)))
    return getattr(call.target, call.name)(*call.args)


def _line(call: Call) -> str:
    return f"{call.name} {_short([arg for arg in call.args if not isinstance(arg, bool)])}"


def _short(value: Any) -> str:
    """Return ``value`` in a few words."""
    if isinstance(value, Record):
        state = "ended" if value.ended else f"of {value.user_id or 'nobody'}"
        return f"{_short(value.id)} ({state}, {', '.join(value.values)})"
    if isinstance(value, str):
        return value[:40].rstrip("0")
    if isinstance(value, Write):
        return _short(value.name)
    if isinstance(value, Mapping | list | tuple):
        return ", ".join(map(_short, value)) or "nothing"
    return repr(value) if isinstance(value, Exception) else str(value)

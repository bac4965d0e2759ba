"""Runs flows in every possible order of their calls.

A flow (see :mod:`frontdesk.drive`) stops wherever it does I/O, and each of its calls is one atomic verb
of a storage. So two requests can meet in finitely many ways, and all of them can be tried: depth first,
by starting afresh for each order and following the previous one up to the last choice that has another
answer left.

The exploration is a flow itself: ``run`` explores with the plain verbs, ``arun`` with their twins.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from frontdesk.drive import Call, Flow

READING = {"read", "read_with_user", "of_user", "get_user", "begin"}
"""Calls after which nothing can look different."""


class Violation(AssertionError):
    """An oracle said no; ``oracle`` is its name."""

    def __init__(self, oracle: str, what: str) -> None:
        super().__init__(f"{oracle}: {what}")
        self.oracle = oracle


class World(Protocol):
    """What the explorer must know of the world that the flows live in."""

    def tick(self) -> None: ...
    def asked(self, call: Call) -> None: ...
    def observed(self, call: Call, answer: Any) -> None: ...
    def looked(self) -> Flow[None]: ...


@dataclass(frozen=True)
class Scene:
    """Which flows meet, and where. Everything is made anew for each order."""

    name: str
    begin: Callable[[], Flow[Any]]
    """Builds a fresh world."""
    actors: Sequence[tuple[str, Callable[[Any], Flow[Any]]]]
    finish: Callable[[Any], Flow[None]]
    """Judges the end of one order."""


@dataclass
class Exploration:
    """What was found."""

    scene: str
    orders: int = 0
    found: list[Found] = field(default_factory=list)

    def worst(self) -> str:
        """Return the violation whose order is the easiest to follow."""
        simplest = min(self.found, key=lambda found: (found.switches, len(found.trace)))
        oracles = sorted({found.violation.oracle for found in self.found})
        steps = "\n".join(f"    {number}. {step}" for number, step in enumerate(simplest.trace, 1))
        return (
            f"{self.scene}: {len(self.found)} of {self.orders} orders violate {', '.join(oracles)}\n"
            f"  {simplest.violation}\n{steps}"
        )


@dataclass(frozen=True)
class Found:
    """A violation and the order that led to it."""

    violation: Violation
    trace: list[str]
    switches: int


@dataclass
class Choice:
    """Who could have made a step, and who did."""

    enabled: list[int]
    taken: int


class Actor:
    """A flow that is advanced by one call at a time."""

    def __init__(self, name: str, flow: Flow[Any]) -> None:
        self.name = name
        self._flow = flow
        self._call: Call | None = None
        self.done = False

    def step(self, trace: list[str]) -> Flow[str]:
        """Make the next call, go on to the one after it, and return the name of the one made."""
        call = next(self._flow) if self._call is None else self._call
        trace.append(f"{self.name}: {call.name}")
        try:
            try:
                answer = yield call
            except Exception as error:  # noqa: BLE001 (the flow decides what to make of it)
                trace[-1] += f" -> {type(error).__name__}"
                self._call = self._flow.throw(error)
            else:
                trace[-1] += f" -> {_short(answer)}"
                self._call = self._flow.send(answer)
        except StopIteration:
            self.done = True
            trace[-1] += ", done"
        return call.name


def explored(scene: Scene) -> Flow[Exploration]:
    """Run the actors of ``scene`` in every possible order of their calls."""
    exploration = Exploration(scene.name)
    followed: list[int] | None = []
    while followed is not None:
        choices: list[Choice] = []
        trace: list[str] = []
        try:
            yield from _one_order(scene, followed, choices, trace)
        except Violation as violation:
            # Whatever would have come after this step is not tried: it is wrong already.
            taken = [choice.taken for choice in choices]
            switches = sum(one != other for one, other in itertools.pairwise(taken))
            exploration.found.append(Found(violation, trace, switches))
        exploration.orders += 1
        followed = _next_order(choices)
    return exploration


def _one_order(
    scene: Scene, followed: list[int], choices: list[Choice], trace: list[str]
) -> Flow[None]:
    world = yield from scene.begin()
    actors = [Actor(name, watched(world, act(world))) for name, act in scene.actors]
    while enabled := [number for number, actor in enumerate(actors) if not actor.done]:
        depth = len(choices)
        taken = followed[depth] if depth < len(followed) else enabled[0]
        if taken not in enabled:
            raise RuntimeError(f"{scene.name} does not repeat itself, so it cannot be explored.")
        choices.append(Choice(enabled, taken))
        world.tick()
        try:
            name = yield from actors[taken].step(trace)
        except Violation:
            raise
        except Exception as error:
            raise Violation("nothing_raises", f"{actors[taken].name} raised {error!r}") from error
        # What the steps before the last choice led to has been looked at in an earlier order.
        if name not in READING and depth >= len(followed) - 1:
            yield from world.looked()
    yield from scene.finish(world)


def watched(world: World, flow: Flow[Any]) -> Flow[Any]:
    """Tell the world of each verb and its answer.

    A storage with a mistake may offer ``<verb>_in_parts``, a flow, for a verb that is not atomic.
    """
    call = next(flow, None)
    try:
        while call is not None:
            parts = getattr(call.target, f"{call.name}_in_parts", None)
            try:
                if parts is None:
                    answer = yield call
                else:
                    world.asked(call)
                    answer = yield from parts(*call.args)
            except Exception as error:  # noqa: BLE001 (the flow decides what to make of it)
                call = flow.throw(error)
            else:
                world.observed(call, answer)
                call = flow.send(answer)
    except StopIteration:
        return


def _next_order(choices: list[Choice]) -> list[int] | None:
    """Return the steps that lead to the next order, or ``None`` after the last one."""
    while choices:
        last = choices.pop()
        place = last.enabled.index(last.taken) + 1
        if place < len(last.enabled):
            return [*(choice.taken for choice in choices), last.enabled[place]]
    return None


def _short(answer: Any) -> str:
    return type(answer).__name__ if hasattr(answer, "__slots__") else str(answer)[:60]

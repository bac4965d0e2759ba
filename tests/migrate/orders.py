"""Runs flows step by step, in every order. A step is one call of a storage or of an old engine."""

from collections.abc import Callable, Iterator
from inspect import unwrap
from typing import Any

from frontdesk.core.flow import Flow
from frontdesk.migrate.from_django import Origin
from frontdesk.storages.base import Storage
from frontdesk.storages.moving import MovingStorage

Actors = dict[str, Flow[Any]]

MOVING = {"load", "load_with_user", "swap", "ids_of", "purge"}
"""The primitives of ``MovingStorage``, which are flows, and so have steps of their own."""


def every_order(begin: Callable[[], Actors]) -> Iterator[dict[str, Any]]:
    """Begin anew for each order of the actors' steps, and yield the results after it.

    The result of an actor that raised an exception is that exception.
    """
    chosen: list[str] = []
    while True:
        results, taken = _run(begin(), chosen)
        yield results
        while taken and not (later := taken[-1][1]):
            taken.pop()
        if not taken:
            return
        chosen = [name for name, _ in taken[:-1]] + [later[0]]


def _run(actors: Actors, chosen: list[str]) -> tuple[dict[str, Any], list[tuple[str, list[str]]]]:
    """Run the actors, first in the order of ``chosen``; return the results and what else could be chosen."""
    steps = {name: _steps(flow) for name, flow in actors.items()}
    results: dict[str, Any] = {}
    taken: list[tuple[str, list[str]]] = []
    while steps:
        names = list(steps)
        name = chosen[len(taken)] if len(taken) < len(chosen) else names[0]
        taken.append((name, names[names.index(name) + 1 :]))
        try:
            next(steps[name])
        except StopIteration as stop:
            results[name] = stop.value
            del steps[name]
        except Exception as error:  # noqa: BLE001
            results[name] = error
            del steps[name]
    return results, taken


def _steps(flow: Flow[Any]) -> Iterator[None]:
    """Run ``flow``, and stop after each call of a storage or of an engine."""
    try:
        call = next(flow)
        while True:
            try:
                if isinstance(call.target, MovingStorage) and call.name in MOVING:
                    flow_of = unwrap(getattr(MovingStorage, call.name))
                    answer = yield from _steps(flow_of(call.target, *call.args))
                else:
                    answer = getattr(call.target, call.name)(*call.args)
                    if isinstance(call.target, Storage | Origin):
                        yield
            except Exception as error:  # noqa: BLE001
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except StopIteration as stop:
        return stop.value


def until_crash(flow: Flow[Any], steps: int) -> bool:
    """Run so many steps of ``flow`` and stop, as a process does that dies. ``False`` if it ended before."""
    running = _steps(flow)
    try:
        for _ in range(steps):
            next(running)
    except StopIteration:
        return False
    return True

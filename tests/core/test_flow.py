"""Flows: one generator for sync and async callers."""

import asyncio
import inspect
import threading
from typing import get_type_hints

import pytest

from frontdesk.core.flow import Call, Flow, arun, blocking, run, sync, twin


class Shelf:
    def __init__(self):
        self.calls = []

    def read(self, name):
        self.calls.append(("sync", name))
        if name == "broken":
            raise LookupError(name)
        return name.upper()

    async def aread(self, name):
        self.calls.append(("async", name))
        if name == "broken":
            raise LookupError(name)
        return name.upper()


def two(shelf):
    """Read two names."""
    first = yield Call(shelf, "read", ("a",))
    second = yield Call(shelf, "read", ("b",))
    return first + second


def careful(shelf):
    try:
        yield Call(shelf, "read", ("broken",))
    except LookupError:
        return (yield Call(shelf, "read", ("spare",)))


def empty():
    return 7
    yield


@pytest.fixture(params=["sync", "async"])
def drive(request):
    return run if request.param == "sync" else lambda flow: asyncio.run(arun(flow))


def test_a_flow_gets_the_results_of_its_calls(drive):
    assert drive(two(Shelf())) == "AB"


def test_an_error_is_thrown_into_the_flow(drive):
    assert drive(careful(Shelf())) == "SPARE"


def test_an_error_that_the_flow_does_not_catch_is_raised(drive):
    with pytest.raises(LookupError):
        drive(iter_of("broken"))


def iter_of(name):
    yield Call(Shelf(), "read", (name,))


def test_a_flow_without_calls_returns(drive):
    assert drive(empty()) == 7


def test_a_flow_makes_a_function_and_its_async_twin():
    read, shelf = sync(two), Shelf()
    assert read(shelf) == asyncio.run(twin(read)(shelf)) == "AB"
    assert [kind for kind, _ in shelf.calls] == ["sync", "sync", "async", "async"]


class Here:
    @staticmethod
    @sync
    def read(shelf: Shelf, name: str = "a") -> Flow[list[str]]:
        """Read a name."""
        return [(yield Call(shelf, "read", (name,)))]

    aread = staticmethod(twin(read.__func__))


def test_both_have_the_name_under_which_they_are_found():
    assert (Here.read.__name__, Here.read.__qualname__) == ("read", "Here.read")
    assert (Here.aread.__name__, Here.aread.__qualname__) == ("aread", "Here.aread")
    assert Here.read.__module__ == Here.aread.__module__ == __name__


def test_both_say_what_they_return_and_not_what_their_flow_does():
    for function in (Here.read, Here.aread):
        assert inspect.signature(function).return_annotation == list[str]
        assert get_type_hints(function) == {"shelf": Shelf, "name": str, "return": list[str]}
    assert list(inspect.signature(Here.aread).parameters) == ["shelf", "name"]


def test_only_the_twin_is_a_coroutine_function():
    found = map(inspect.iscoroutinefunction, (Here.read, Here.aread))
    assert list(found) == [False, True]


def test_the_twin_has_a_docstring_of_its_own():
    assert Here.read.__doc__ == "Read a name."
    assert (
        Here.aread.__doc__ == "Async version of ``read()``: the same arguments, result and errors."
    )


def test_a_cancelled_task_lets_its_flow_clean_up():
    cleaned = []

    class Slow:
        async def await_it(self):
            await asyncio.sleep(60)

    def flow():
        try:
            yield Call(Slow(), "wait_it")
        finally:
            cleaned.append(True)

    async def main():
        task = asyncio.create_task(arun(flow()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert cleaned == [True]


def test_a_function_that_blocks_leaves_the_thread_of_the_event_loop(drive):
    def flow():
        return (yield blocking(threading.get_ident))

    in_async = drive is not run
    assert (drive(flow()) != threading.get_ident()) == in_async

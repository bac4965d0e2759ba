"""Where an operation of a session meets sync and async.

An operation of the session is a generator, a *flow*: it yields calls and receives their results. ``run``
drives it with the plain methods, ``arun`` with their twins that start with ``a``. A test can drive several
flows step by step, in every possible order.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, NamedTuple, TypeVar

from asgiref.sync import sync_to_async

Result = TypeVar("Result")


class Call(NamedTuple):
    """One step that does I/O: ``target.name(*args)``, or ``await target.aname(*args)``."""

    target: Any
    name: str
    args: tuple[Any, ...]


Flow = Generator[Call, Any, Result]


def _called(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


_threads: dict[bool, Any] = {
    sensitive: sync_to_async(_called, thread_sensitive=sensitive) for sensitive in (True, False)
}


def hop(
    function: Callable[..., Result], *args: Any, thread_sensitive: bool = True
) -> Awaitable[Result]:
    """Call ``function`` in a thread; ``sync_to_async`` says in which.

    What asgiref finds out about a function before its first call takes as long as a small statement. Here
    it has done so before.
    """
    return _threads[thread_sensitive](function, *args)  # type: ignore[no-any-return]


class _Plain:
    """Code of one colour, which a flow of the other reaches by one hop."""

    def call(self, functions: Sequence[Callable[[], None]]) -> None:
        for function in functions:
            function()

    async def acall(self, functions: Sequence[Callable[[], None]]) -> None:
        await hop(self.call, functions)


_plain = _Plain()


def called(functions: Sequence[Callable[[], None]]) -> Flow[None]:
    """Call plain functions, which may wait for a database, one after the other."""
    yield Call(_plain, "call", (functions,))


def run(flow: Flow[Result]) -> Result:
    """Drive ``flow`` to its end with blocking calls; errors of a call are thrown back into the flow."""
    try:
        call = next(flow)
        while True:
            try:
                answer = getattr(call.target, call.name)(*call.args)
            except BaseException as error:  # noqa: BLE001 (a flow may have something to undo)
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


async def arun(flow: Flow[Result]) -> Result:
    """Drive ``flow`` to its end with awaited calls; see :func:`run`."""
    try:
        call = next(flow)
        while True:
            try:
                answer = await getattr(call.target, "a" + call.name)(*call.args)
            except BaseException as error:  # noqa: BLE001 (a cancellation too)
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]

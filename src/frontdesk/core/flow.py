"""Flows: operations written once for sync and async callers.

A flow is a generator. It yields the calls that do I/O and receives their results. :func:`run` makes the
calls by plain methods, :func:`arun` awaits their twins, whose names start with ``a``. A test can advance
several flows step by step, in every order.
"""

import inspect
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar, get_args

from asgiref.sync import sync_to_async

P = ParamSpec("P")
Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(slots=True)
class Call:
    """One step that does I/O: ``target.name(*args)``, or ``await target.aname(*args)``."""

    target: Any
    name: str
    args: tuple[Any, ...] = ()


Flow = Generator[Call, Any, Result]


def blocking(function: Callable[..., Any], *args: Any) -> Call:
    """Return the call of a function that blocks. Async callers make it by one hop to a thread."""
    return Call(_Blocking, "call", (function, *args))


class _Blocking:
    @staticmethod
    def call(function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)

    @staticmethod
    async def acall(function: Callable[..., Any], *args: Any) -> Any:
        return await sync_to_async(function)(*args)


def run(flow: Flow[Result]) -> Result:
    """Run ``flow`` with blocking calls. An error of a call is thrown back into the flow."""
    try:
        call = next(flow)
        while True:
            try:
                answer = getattr(call.target, call.name)(*call.args)
            except BaseException as error:  # noqa: BLE001 (the flow decides what to do with it)
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


async def arun(flow: Flow[Result]) -> Result:
    """Run ``flow`` with awaited calls. See :func:`run`."""
    try:
        call = next(flow)
        while True:
            try:
                answer = await getattr(call.target, "a" + call.name)(*call.args)
            except BaseException as error:  # noqa: BLE001 (a cancellation, too)
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def sync(flow: Callable[P, Flow[Result]]) -> Callable[P, Result]:
    """Make a function that runs a flow.

    A decorator. :func:`twin` makes the async twin of the function::

        @sync
        def read(shelf: Shelf) -> Flow[str]:
            return (yield Call(shelf, "read"))


        aread: Final = twin(read)
    """

    @wraps(flow)
    def function(*args: P.args, **kwargs: P.kwargs) -> Result:
        return run(flow(*args, **kwargs))

    return _described(function, flow)


def twin(function: Callable[P, Result]) -> Callable[P, Coroutine[Any, Any, Result]]:
    """Return the async twin of a function that :func:`sync` has made.

    Assign it to a ``Final`` name. Without an annotation, it has no type for the users of a typed package.

    Source: https://typing.python.org/en/latest/guides/libraries.html
    """
    flow: Callable[P, Flow[Result]] = vars(function)["__wrapped__"]  # by wraps()

    @wraps(flow)
    async def async_function(*args: P.args, **kwargs: P.kwargs) -> Result:
        return await arun(flow(*args, **kwargs))

    name = async_function.__name__
    path = async_function.__qualname__.removesuffix(name)
    async_function.__name__, async_function.__qualname__ = f"a{name}", f"{path}a{name}"
    async_function.__doc__ = (
        f"Async version of ``{name}()``: the same arguments, result and errors."
    )
    return _described(async_function, flow)


def _described(function: Function, flow: Callable[..., Any]) -> Function:
    """Let ``function`` say that it returns ``bool``, where ``flow`` says ``Flow[bool]``."""
    signature = inspect.signature(flow)
    if arguments := get_args(signature.return_annotation):  # of Generator[Call, Any, bool]
        result = arguments[-1]
        signature = signature.replace(return_annotation=result)
        function.__annotations__ = {**function.__annotations__, "return": result}
    vars(function)["__signature__"] = signature
    return function

"""Storages that misbehave on demand, and a middleware that changes the user."""

import asyncio
from typing import Any

from django.contrib.auth import get_user_model

from frontdesk.errors import StorageUnavailable
from frontdesk.storages.base import Storage
from frontdesk.storages.memory import MemoryStorage

PRIMITIVES = ("load", "swap", "ids_of", "purge")


class Flaky(MemoryStorage):
    """Cannot answer the primitives that are named in ``down``."""

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()
        self.failures = 0
        self.error: Exception = StorageUnavailable("the server is gone")

    def when_down(self) -> None:
        """Called before the error is raised."""


class Blocking(MemoryStorage):
    """A storage without an async client, whose primitives must not be called on an event loop.

    Its twins are those of the contract: a hop to a thread.
    """

    aload = Storage.aload
    aswap = Storage.aswap
    aids_of = Storage.aids_of
    apurge = Storage.apurge


def _failing(name: str) -> Any:
    def call(self: Flaky, *args: Any, **kwargs: Any) -> Any:
        if name in self.down:
            self.failures += 1
            self.when_down()
            raise type(self.error)(*self.error.args)
        return getattr(MemoryStorage, name)(self, *args, **kwargs)

    return call


def _refusing(name: str) -> Any:
    def call(self: Blocking, *args: Any, **kwargs: Any) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return getattr(MemoryStorage, name)(self, *args, **kwargs)
        raise AssertionError(f"{name}() was called on the event loop")

    return call


for primitive in PRIMITIVES:
    setattr(Flaky, primitive, _failing(primitive))
    setattr(Blocking, primitive, _refusing(primitive))


class ActingAs:
    """A middleware by which staff act as another user: ``request.user`` is not the session's user."""

    name = ""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        if ActingAs.name:
            user = get_user_model().objects.get_by_natural_key(ActingAs.name)

            async def auser() -> Any:
                return user

            request.user, request.auser = user, auser
        return self.get_response(request)

"""Storages that misbehave on demand."""

import asyncio

from django.contrib.auth import get_user_model

from frontdesk.errors import StorageUnavailable
from frontdesk.storages.base import Storage
from frontdesk.storages.memory import MemoryStorage

VERBS = (
    "read",
    "insert",
    "update",
    "rotate",
    "remove",
    "of_user",
    "remove_of_user",
    "remove_beyond",
    "purge",
)


class Flaky(MemoryStorage):
    """Cannot answer the verbs that are named in ``down``."""

    def __init__(self):
        super().__init__()
        self.down: set[str] = set()
        self.when_down = lambda: None
        """What happens before it says that it cannot."""


class Blocking(MemoryStorage):
    """Like any storage without a native client: its verbs wait, so an event loop must not call them.

    The twins are the ones that the contract supplies: a hop to a thread.
    """

    _hop = Storage._hop


def _failing(verb):
    def call(self, *args, **kwargs):
        if verb in self.down:
            self.when_down()
            raise StorageUnavailable("the desk is closed")
        return getattr(MemoryStorage, verb)(self, *args, **kwargs)

    return call


def _refusing(verb):
    def call(self, *args, **kwargs):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return getattr(MemoryStorage, verb)(self, *args, **kwargs)
        raise AssertionError(f"{verb}() was called on the event loop")

    return call


for name in VERBS:
    setattr(Flaky, name, _failing(name))
    setattr(Blocking, name, _refusing(name))


class ActingAs:
    """A middleware by which staff act as another user: ``request.user`` is not the session's user."""

    name = ""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if ActingAs.name:
            user = get_user_model().objects.get_by_natural_key(ActingAs.name)

            async def auser():
                return user

            request.user, request.auser = user, auser
        return self.get_response(request)

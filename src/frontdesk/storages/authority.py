"""A storage as the authority behind a cache: what it did, and whether that can still be rolled back."""

from collections.abc import Callable
from functools import partial
from typing import Any

from frontdesk.drive import Flow, hop, run
from frontdesk.storages.base import Storage
from frontdesk.storages.record import Ended, Record
from frontdesk.tokens import Digest

Later = Callable[[Any], Flow[Any]]
"""What is to follow once the result is there for good."""


class Authority:
    """Each method does one thing on one thread, so that it knows that thread's transaction."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def change(self, verb: str, args: tuple[Any, ...], later: Later) -> tuple[Any, bool]:
        """Call a verb; return its result, and whether that is committed.

        If it is not, ``later`` follows when it is.
        """
        result = getattr(self.storage, verb)(*args)
        return result, self._committed(partial(later, result))

    def read(self, digest: Digest, later: Later) -> tuple[Record | Ended | None, bool]:
        """Read; return the record, and whether that is what has been committed by now.

        Inside a transaction it may be older, or what nobody else may see yet. Then ``later`` follows.
        """
        found = self.storage.read(digest)
        return found, self._committed(partial(later, found))

    def _committed(self, flow: Callable[[], Flow[Any]]) -> bool:
        reached: list[bool] = []
        left = False

        def function() -> None:
            if left:
                run(flow())
            else:
                reached.append(True)

        self.storage.after_commit(function)
        left = True
        return bool(reached)

    async def achange(self, verb: str, args: tuple[Any, ...], later: Later) -> tuple[Any, bool]:
        """See :meth:`change`."""
        return await hop(self.change, verb, args, later)

    async def aread(self, digest: Digest, later: Later) -> tuple[Record | Ended | None, bool]:
        """See :meth:`read`."""
        return await hop(self.read, digest, later)

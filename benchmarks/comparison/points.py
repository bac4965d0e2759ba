"""The places where a request can be paused: before each of its accesses to a store.

Whatever a session engine does, it does through one of these: a statement of the database, a call of a
cache, a command of Redis, a file that is opened, renamed or removed. Each is counted in the thread that
is watched, and before the wanted one, somebody else has the word.
"""

import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from typing import Any

LOCKED = 3.0
"""Seconds after which the other request is taken to wait for a lock that the paused one holds. Then the
pause is over, and it goes on when the lock is free: an order that the store does not allow is not forced."""

STUCK = 60.0
"""Seconds; without locks in the store, a request that takes so long is a fault of the comparison."""

CALLS = (
    ("django.db.backends.utils", "CursorWrapper", ("execute", "executemany")),
    ("django.core.cache.backends.locmem", "LocMemCache", ("get", "set", "add", "delete")),
    ("redis.client", "Redis", ("execute_command",)),
    ("redis.client", "Pipeline", ("execute",)),
    ("frontdesk.storages.cas_clients", "LocMem", ("load", "store")),
    (
        "frontdesk.storages.memory",
        "MemoryStorage",
        ("read", "insert", "update", "rotate", "remove"),
    ),
)
FILE_EVENTS = {"open", "os.rename", "os.remove"}


class Points:
    """Counts the accesses of the watched thread, and lets another request in before one of them."""

    def __init__(self, folder: str, *, locks: bool) -> None:
        self._folder = folder
        self._locks = locks
        self._watched = threading.local()
        for module, name, methods in CALLS:
            try:
                kind = getattr(import_module(module), name)
            except ImportError:
                continue
            for method in methods:
                setattr(kind, method, self._counted(getattr(kind, method)))
        sys.addaudithook(self._audit)

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any, **options: Any) -> Any:
            self._reached()
            return method(*args, **options)

        return call

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS and str(args[0]).startswith(self._folder):
            self._reached()

    def _reached(self) -> None:
        watch = getattr(self._watched, "watch", None)
        if watch is not None and not watch.busy:
            watch.reached()

    @contextmanager
    def pausing(self, place: int, action: Callable[[], Any]):
        """Run ``action`` in another thread before access number ``place`` of this thread, or at the end
        if there are fewer; whoever runs this learns from the yielded watch how many there were."""
        watch = Watch(place, action, locks=self._locks)
        self._watched.watch = watch
        try:
            yield watch
        finally:
            self._watched.watch = None
            watch.finish()


class Watch:
    """One paused request."""

    def __init__(self, place: int, action: Callable[[], Any], *, locks: bool) -> None:
        self.count = 0
        self.busy = False
        self._place = place
        self._locks = locks
        self._thread = threading.Thread(target=action)

    def reached(self) -> None:
        """Count an access, and pause if it is the one."""
        if self.count == self._place:
            self.busy = True  # the pause itself, which may touch the store's locks, is not counted
            self._thread.start()
            self._thread.join(LOCKED if self._locks else STUCK)
            if self._thread.is_alive() and not self._locks:
                raise TimeoutError("the other request does not end, although nothing holds it")
            self.busy = False
        self.count += 1

    def finish(self) -> None:
        """Let the other request end, or begin and end now."""
        if self._thread.ident is None:
            self._thread.start()
        self._thread.join()

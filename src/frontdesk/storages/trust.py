"""When a process may believe a cache that stands before the database of the sessions.

A cache forgets, comes back with old values, cannot be reached by some and can by others. So whether its
copies count is for the database to say, in one row, the *fence*: a random *generation*, which is part of
the name of every copy, the server that holds them, and whether the fence is open. The rules:

1. A process believes a copy if it has looked at the fence within the last second (``TRUSTED``), found it
   open and the server to be the one that is named there, and has made no new connection to the cache
   since. The look costs a query and a question to the cache, twice a second at most, not per request.
2. Who has changed a session, and cannot make sure that no copy from before is left, closes the fence,
   and answers only when the rest of that second is over. Then every process has looked again, and goes
   to the database. While the fence stays closed, others who change something need not speak to the cache
   at all: they look at the fence after their commit, and see that it is closed.
3. It is opened again, under a new generation, by whoever sees it closed for ``CLOSED`` seconds and gets an
   answer from the cache. Copies of the new generation are made from what the database says after that,
   and so after all changes of those who have relied on the closed fence; older ones are never found.

No two machines' clocks are compared: each process measures its own seconds, on a clock that never jumps.
A server that was restarted with older data, or replaced by its replica, is a different server, and can
be reached over a new connection only; so is one that is cut off from the others, as the row names one. (A
primary that is demoted keeps its old connections: a limit, which the documentation names.)
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from frontdesk.drive import Call, Flow
from frontdesk.errors import StorageUnavailable
from frontdesk.outage import FRONT, Incident
from frontdesk.storages.copies import FREE, new_mark
from frontdesk.storages.fence import Row
from frontdesk.storages.front import Front

TRUSTED = 1.0
"""Seconds from the beginning of a look at the fence."""

LATE = 0.05
"""Seconds more that are waited before a closed fence is relied on, as clocks are not equally fast."""

CLOSED = 10.0
"""Seconds. Far more than ``TRUSTED``: nothing that was begun before the fence was closed is under way."""

REST = 5.0
"""Seconds for which a cache that has failed is not asked again."""

TRIES = 3


class FrontFailed(Exception):
    """The cache could not do what it was asked; that has been noted."""


class Fence(Protocol):
    """See :class:`~frontdesk.storages.fence.DatabaseFence`; there are twins that start with ``a``."""

    def look(self, server: str) -> Row | None: ...
    def close(self, generation: str) -> None: ...
    def shut(self) -> str | None: ...
    def reopen(self, generation: str, server: str) -> Row | None: ...


class View(NamedTuple):
    """What a look at the fence has shown."""

    generation: str
    open: bool
    began: float
    links: int


class Stopwatch:
    """Measures seconds, and lets them pass."""

    def now(self) -> float:
        """Return a reading, for differences."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """See :meth:`sleep`."""
        await asyncio.sleep(seconds)


class Trust:
    """What this process knows of the fence. Safe between threads and event loops."""

    def __init__(self, front: Front, fence: Fence, stopwatch: Stopwatch | None = None) -> None:
        self.incident = Incident(FRONT)
        self._front = front
        self._fence = fence
        self._watch = stopwatch or Stopwatch()
        self._view: View | None = None
        self._resting_until = 0.0
        self._closed: tuple[str, float] = ("", 0.0)
        """The generation that was found closed last, and when that was first seen."""
        self._doubts = self._settled_doubts = 0
        """How often a change was doubtful, and how many of these the fence has made good."""
        self._looking = False
        self._lock = threading.Lock()

    def holds(self, view: View) -> bool:
        """Whether what was found under ``view`` can be believed now."""
        age = self._watch.now() - view.began
        return age < TRUSTED and view.links == self._front.links

    def ask(self, verb: str, *args: Any) -> Flow[Any]:
        """Ask the cache. Raises ``FrontFailed``."""
        try:
            return (yield Call(self._front, verb, args))
        except StorageUnavailable as error:
            self._resting_until = self._watch.now() + REST
            self.incident.failed(error)
            raise FrontFailed from error

    def view(self) -> Flow[View | None]:
        """Return a view that holds, of an open fence; ``None`` if the cache is to be left alone."""
        now, view = self._watch.now(), self._view
        if now < self._resting_until:
            return None
        if view is not None and self.holds(view):
            # Somebody looks before it is too late for all.
            if now - view.began < TRUSTED / 2 or not self._mine_to_look():
                return view if view.open else None
        elif self.incident.open and not self._mine_to_try():
            return None
        try:
            view = yield from self._looked()
        finally:
            self._looking = False
        return view if view is not None and view.open else None

    def _mine_to_look(self) -> bool:
        with self._lock:
            mine, self._looking = not self._looking, True
        return mine

    def _mine_to_try(self) -> bool:
        """Whether this one finds out if the cache is back, while the others go to the database."""
        with self._lock:
            now = self._watch.now()
            mine = now >= self._resting_until
            if mine:
                self._resting_until = now + REST
        return mine

    def _looked(self) -> Flow[View | None]:
        view = yield from self._looked_once()
        for _ in range(TRIES):
            if view is None or view.links == self._front.links:
                break
            view = yield from self._looked_once()  # the look itself needed a new connection
        return view

    def _looked_once(self) -> Flow[View | None]:
        began, links = self._watch.now(), self._front.links
        try:
            server = yield from self.ask("server")
        except FrontFailed:
            return None
        self._resting_until = 0.0
        row = yield Call(self._fence, "look", (server,))
        if row is None:
            return None
        row = yield from self._judged(row, server)
        self._view = view = View(row.generation, row.open, began, links)
        if row.open and self.incident.open:
            self.incident.answered()
        return view

    def _judged(self, row: Row, server: str) -> Flow[Row]:
        """Close the fence if this is not its server; open it if that is due."""
        if row.open and row.server != server:
            yield Call(self._fence, "close", (row.generation,))
            row = row._replace(open=False)
        if row.open or self._closed_for(row.generation) < CLOSED:
            return row
        try:
            yield from self.ask("swap", f"probe:{new_mark()}", None, FREE, 1)
        except FrontFailed:
            return row
        opened = yield Call(self._fence, "reopen", (row.generation, server))
        return row if opened is None else opened

    def _closed_for(self, generation: str) -> float:
        """Return for how long this process has known that the fence is closed."""
        now = self._watch.now()
        if self._closed[0] != generation:
            self._closed = (generation, now)
        return now - self._closed[1]

    def settled(self, cleared: Callable[[View], Flow[None]]) -> Flow[None]:
        """Make sure that nobody believes a copy from before a change that has been committed.

        ``cleared`` takes such copies out of the cache, under the names of a view. Raises
        ``StorageUnavailable`` if neither the cache nor the database can be told.
        """
        for _ in range(TRIES):
            view = yield from self.view()
            if view is None or self.in_doubt:
                break
            try:
                yield from cleared(view)
            except FrontFailed:
                break
            if self.holds(view):  # no other generation can have begun
                return
        yield from self.fenced()

    @property
    def in_doubt(self) -> bool:
        """Whether there is a doubtful change that no closing of the fence has made good."""
        return self._doubts != self._settled_doubts

    def doubt(self) -> None:
        """Note that a change may have been made, and that nobody will know which: the answer was lost."""
        self._doubts += 1

    def fenced(self) -> Flow[None]:
        """Close the fence, if it is not, and wait until everybody knows."""
        doubts = self._doubts  # one that comes from now on may be of a change that is not made yet
        generation = yield Call(self._fence, "shut", ())
        self._settled_doubts = doubts
        if generation is None:
            return
        self._view = None
        left = TRUSTED + LATE - self._closed_for(generation)
        if left > 0:
            yield Call(self._watch, "sleep", (left,))

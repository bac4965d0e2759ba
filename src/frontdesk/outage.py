"""An outage is one incident, and is logged as one, however many requests it hits."""

import logging
import math
import random
import threading
import time

from frontdesk.errors import StorageUnavailable

logger = logging.getLogger("frontdesk")


STORAGE = (
    "The session storage",
    "Requests that need a session get a 503 and keep their cookie until it does;",
)
HISTORY = (
    "The history of sign-ins",
    "People sign in and out as ever, and nothing of it is remembered until it does;",
)
FRONT = (
    "The cache before the database of the sessions",
    "Sessions are read from the database until it does;",
)

SLOW = 0.5
"""Seconds. Whoever fails faster, as a server that is not there, even seen from a busy machine, may be
asked by every request."""

LONGEST = 5.0
"""Seconds that count of a wait, so that a storage is left alone for twice that at most."""


class Incident:
    """Counts the failures between the first one and the next answer. Safe between threads.

    A storage that hangs is left alone for a while: if every request waited for it, a few would hold all
    the workers of a site, and with them the pages that need no session.

    ``what`` cannot answer, and what that means, in words for the log.
    """

    def __init__(self, what: tuple[str, str] = STORAGE) -> None:
        self._name, self._meaning = what
        self.open = False
        self.answering = -math.inf
        """When somebody had asked who was answered (``time.monotonic()``), the last one to be known."""
        self._failures = 0
        self._began = 0.0
        self._pause = 0.0
        self._next = 0.0
        """When somebody may ask again (``time.monotonic()``)."""
        self._failed = self._over = 0.0
        """When the last one who failed had asked, and when the last incident ended."""
        self._lock = threading.Lock()

    def asks(self, now: float) -> None:
        """Say that somebody asks during the incident, at a moment of ``time.monotonic()``.

        Raises ``StorageUnavailable`` if it is too early. Of those who come while it hangs, one at a time is
        let through, to see whether it does not hang any more.
        """
        with self._lock:
            if self.open and now < self._next:
                self._failures += 1
                raise StorageUnavailable(f"{self._name} hangs, and is not asked again yet.")
            self._next = now + self._pause

    def failed(self, error: Exception, asked: float | None = None) -> None:
        """Note a failure; the first one of an incident is logged with its cause.

        ``asked`` is when it was asked: if it kept somebody waiting, it is left alone for a while. Who asked
        before the last incident was over, and fails only now, belongs to that one.
        """
        with self._lock:
            now = time.monotonic()
            if asked is not None:
                if not self.open and asked < self._over:
                    return
                self._failed = max(self._failed, asked)
                self._leave_alone(now, asked)
            self._failures += 1
            first = not self.open
            if first:
                self.open = True
                self._began = now
        if first:
            logger.error(
                "%s cannot answer: %s. %s further failures are counted, not logged.",
                self._name,
                error,
                self._meaning,
                exc_info=error,
            )

    def _leave_alone(self, now: float, asked: float) -> None:
        waited = min(now - asked, LONGEST)
        hangs = waited > SLOW and self.answering <= asked  # nobody who asked later was answered
        # Not the same for all processes, so that they do not all wait for it at the same time.
        self._pause = waited * random.uniform(1, 2) if hangs else 0.0  # noqa: S311 (no secret)
        self._next = now + self._pause

    def answered(self, asked: float | None = None) -> None:
        """Note an answer; the first one after failures is logged. Call only while ``open``.

        ``asked`` is when it was asked: a late answer says nothing to those who asked later and failed.
        """
        with self._lock:
            if not self.open or (asked is not None and asked < self._failed):
                return
            self.open = False
            self._pause = self._next = 0.0
            self._over = time.monotonic()
            failures, self._failures = self._failures, 0
            seconds = self._over - self._began
        logger.warning(
            "%s answers again, after %.1f seconds and %d failures.",
            self._name,
            seconds,
            failures,
        )

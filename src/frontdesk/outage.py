"""An outage is one incident, and is logged as one, however many requests it hits."""

import logging
import threading
import time

logger = logging.getLogger("frontdesk")


STORAGE = (
    "The session storage",
    "Requests that need a session get a 503 and keep their cookie until it does;",
)
HISTORY = (
    "The history of sign-ins",
    "People sign in and out as ever, and nothing of it is remembered until it does;",
)


class Incident:
    """Counts the failures between the first one and the next answer. Safe between threads.

    ``what`` cannot answer, and what that means, in words for the log.
    """

    def __init__(self, what: tuple[str, str] = STORAGE) -> None:
        self._name, self._meaning = what
        self.open = False
        self._failures = 0
        self._began = 0.0
        self._lock = threading.Lock()

    def failed(self, error: Exception) -> None:
        """Note a failure; the first one of an incident is logged with its cause."""
        with self._lock:
            self._failures += 1
            first = not self.open
            if first:
                self.open = True
                self._began = time.monotonic()
        if first:
            logger.error(
                "%s cannot answer: %s. %s further failures are counted, not logged.",
                self._name,
                error,
                self._meaning,
                exc_info=error,
            )

    def answered(self) -> None:
        """Note an answer; the first one after failures is logged. Call only while ``open``."""
        with self._lock:
            if not self.open:
                return
            self.open = False
            failures, self._failures = self._failures, 0
            seconds = time.monotonic() - self._began
        logger.warning(
            "%s answers again, after %.1f seconds and %d failures.",
            self._name,
            seconds,
            failures,
        )

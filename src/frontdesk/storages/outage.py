"""An outage of a storage: it is logged once, and a storage that hangs is not asked by every request."""

import logging
import threading
import time
from typing import Any, Final

from frontdesk.core.flow import Call, Flow
from frontdesk.errors import Contention, StorageUnavailable

logger: logging.Logger = logging.getLogger("frontdesk")

SLOW: Final = 0.5
"""Seconds. A storage that took longer to fail is said to hang."""

PAUSE: Final = 2.0
"""Seconds for which a storage that hangs is not asked.

Without this, a few requests that wait for it would occupy all workers of a site, and so all its pages.
"""


class Outage:
    """Notes the failures of a storage between the first one and the next answer. Thread-safe.

    ``name`` says what fails and ``meaning`` what that means, in words for the log. The record of the first
    failure has ``name`` as its attribute ``outage``.
    """

    def __init__(self, name: str, meaning: str) -> None:
        self.name = name
        self._meaning = meaning
        self._lock = threading.Lock()
        self._failures = 0
        self._began = 0.0
        self._paused_until = 0.0

    @property
    def open(self) -> bool:
        """Whether the last answer was a failure."""
        return self._failures > 0

    def check(self) -> None:
        """Raise ``StorageUnavailable`` while the storage is not to be asked."""
        if time.monotonic() < self._paused_until:
            raise StorageUnavailable(f"{self.name} does not answer, and is not asked again yet.")

    def failed(self, error: BaseException, began: float) -> None:
        """Note a failure of a call that began at ``began``, a time of :func:`time.monotonic`."""
        now = time.monotonic()
        with self._lock:
            self._failures += 1
            first = self._failures == 1
            if first:
                self._began = now
            if now - began > SLOW:
                self._paused_until = now + PAUSE
        if first:
            # No traceback: its frames could show what a request was about.
            logger.error(
                "%s cannot answer: %s. %s Further failures are counted, not logged.",
                self.name,
                error,
                self._meaning,
                extra={"outage": self.name},
            )

    def answered(self) -> None:
        """Note an answer. The first one after failures is logged."""
        with self._lock:
            failures, self._failures = self._failures, 0
            self._paused_until = 0.0
            seconds = time.monotonic() - self._began
        if failures:
            logger.warning(
                "%s answers again, after %.1f seconds and %d failures.",
                self.name,
                seconds,
                failures,
            )

    def watch(self, call: Call) -> Flow[Any]:
        """Make ``call`` and note whether it was answered."""
        self.check()
        began = time.monotonic()
        try:
            answer = yield call
        except Contention:
            raise
        except StorageUnavailable as error:
            self.failed(error, began)
            raise
        if self.open:
            self.answered()
        return answer

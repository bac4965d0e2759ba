"""Stopping where it does no harm: Ctrl-C ends a long work after the step that it is at."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SLICE = 0.1
"""Seconds; a pause is cut short that soon."""


class Wish:
    """Whether somebody wants the work to stop."""

    def __init__(self) -> None:
        self.to_stop = False

    def pause(self, seconds: float) -> None:
        """Wait, but not after the wish to stop has come."""
        until = time.monotonic() + seconds
        while not self.to_stop and (remaining := until - time.monotonic()) > 0:
            time.sleep(min(remaining, SLICE))


@contextmanager
def interruptible() -> Iterator[Wish]:
    """Turn the first Ctrl-C (SIGINT), and each SIGTERM, into a wish; a second Ctrl-C stops at once.

    The worker asks ``wish.to_stop`` between two steps. Only the main thread can be asked to stop.
    """
    wish = Wish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return

    def wished(number: int, _frame: FrameType | None) -> None:
        if wish.to_stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        wish.to_stop = True

    before = {number: signal.signal(number, wished) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

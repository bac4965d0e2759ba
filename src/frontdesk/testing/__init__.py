"""For the tests of a project: a clock that stands still until the test moves it."""

from frontdesk.testing.clock import Clock

__all__ = ["Clock"]

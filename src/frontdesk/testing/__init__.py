"""What the tests of a project or of a storage may use: a clock to turn, and the contract as a test suite.

``Clock`` needs nothing. ``StorageConformance`` needs pytest and Hypothesis, which frontdesk does not
install, so it is imported at its first use.
"""

from typing import TYPE_CHECKING, Any

from frontdesk.testing.clock import Clock

if TYPE_CHECKING:
    from frontdesk.testing.conformance import StorageConformance

__all__ = ["Clock", "StorageConformance"]


def __getattr__(name: str) -> Any:
    if name != "StorageConformance":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from frontdesk.testing import conformance  # noqa: PLC0415 (see above)

    return conformance.StorageConformance

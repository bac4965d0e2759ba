"""The tables."""

from frontdesk.models.fence import Fence
from frontdesk.models.history import HistoryEntry
from frontdesk.models.session import Session

__all__ = ["Fence", "HistoryEntry", "Session"]

"""The tables."""

from frontdesk.models.history import HistoryEntry
from frontdesk.models.session import Session

__all__ = ["HistoryEntry", "Session"]

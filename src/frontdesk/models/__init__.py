"""The tables."""

from frontdesk.models.front import Front
from frontdesk.models.history import HistoryEntry
from frontdesk.models.session import Session

__all__ = ["Front", "HistoryEntry", "Session"]

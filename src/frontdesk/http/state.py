"""How the session of a request stands to what is stored."""

from enum import Enum, auto


class State(Enum):
    """How the session of a request stands to what is stored."""

    UNREAD = auto()
    """A key came with the request. The storage has not been asked yet."""
    NEW = auto()
    """Nothing is stored: no key came, or this request has signed out."""
    LIVE = auto()
    UNKNOWN = auto()
    """The key that came is malformed, unknown, replaced, or of a session that cannot be used."""
    INTERRUPTED = auto()
    """Live when this request read it, and ended or rotated before this request could write."""

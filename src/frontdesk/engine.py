"""``SESSION_ENGINE = "frontdesk.engine"``."""

from frontdesk.http.session import SessionStore

__all__ = ["SessionStore"]

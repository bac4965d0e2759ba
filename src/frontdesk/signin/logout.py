"""Ending sessions from one of them, the same for pages and programs (OWASP ASVS 7.5.2)."""

from django.contrib.auth import logout
from django.http import HttpRequest

from frontdesk import sessions
from frontdesk.http.session import SessionStore


def end_session(request: HttpRequest, session_id: str) -> bool:
    """End one session of the user. Return ``False`` if the user has no live session with this id.

    That of ``request`` ends by signing out. Any text may be given as an id (OWASP ASVS 8.2.2).
    """
    session = request.session
    if isinstance(session, SessionStore) and session.session_id == session_id:
        logout(request)
        return True
    return sessions.end(request.user, session_id)  # type: ignore[arg-type]


def end_everywhere(request: HttpRequest) -> int:
    """End all sessions of the user, that of ``request`` by signing out. Return how many."""
    count = sessions.end_others(request)
    logout(request)
    return count + 1

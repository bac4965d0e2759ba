"""What the API tells of users, sessions and the history, as JSON."""

from collections.abc import Iterable
from typing import Any

from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.module_loading import import_string

from frontdesk import sessions
from frontdesk.api.problems import CHALLENGES, Problem
from frontdesk.api_tokens import TokenInfo
from frontdesk.conf import options
from frontdesk.history import Entry
from frontdesk.http.transport import HEADER
from frontdesk.sessions import SessionInfo


def who(request: HttpRequest) -> dict[str, Any]:
    """Return who is signed in, with which session, and the CSRF token for the next request."""
    signed_in = request.user.is_authenticated
    session = sessions.current(request) if signed_in else None
    return {
        "user": user_as_json(request.user) if signed_in else None,
        "session": None if session is None else session_as_json(session, current=True),
        "csrf": csrf_token(request),
    }


def csrf_token(request: HttpRequest) -> str | None:
    """Return the CSRF token for the next request; ``None`` for a program, which needs none."""
    return None if is_program(request) else get_token(request)


def new_key(request: HttpRequest) -> dict[str, str]:
    """Return the key that a program sends from now on; nothing for a browser, which gets a cookie.

    Raises :exc:`Problem` if the session has ended meanwhile.
    """
    if not is_program(request):
        return {}
    try:
        return {"key": sessions.header_key(request)}
    except UpdateError:
        headers = {"WWW-Authenticate": CHALLENGES["invalid_key"]}
        raise Problem("invalid_key", headers=headers) from None


def is_program(request: HttpRequest) -> bool:
    """Return whether the session of ``request`` travels in the header."""
    return getattr(request.session, "carrier", None) is HEADER


def user_as_json(user: Any) -> Any:
    """Return what the API tells of a user, see ``FRONTDESK["API_USER"]``."""
    function = options().api_user
    if function is None:
        return {"id": user.pk, "username": user.get_username()}
    return import_string(function)(user) if isinstance(function, str) else function(user)


def session_as_json(session: SessionInfo, *, current: bool) -> dict[str, Any]:
    """Return what the API tells of a session: no key, no values."""
    return {
        "id": session.id,
        "current": current,
        "created": session.created,
        "authenticated": session.authenticated,
        "last_seen": session.last_seen,
        "idle_until": session.idle_until,
        "ends_at": session.ends_at,
        "ip": session.ip,
        "place": session.place,
        "user_agent": session.user_agent,
        "device": session.device,
        "carrier": session.carrier,
        "methods": session.methods,
    }


def sessions_as_json(found: Iterable[SessionInfo], request: HttpRequest) -> list[dict[str, Any]]:
    """Return what the API tells of several sessions."""
    return [session_as_json(each, current=each.is_current(request)) for each in found]


def entry_as_json(entry: Entry) -> dict[str, Any]:
    """Return what the API tells of an entry of the history."""
    return {
        "what": entry.what,
        "in_words": entry.in_words,
        "at": entry.at,
        "until": entry.until,
        "count": entry.count,
        "reason": entry.reason,
        "session_id": entry.session_id,
        "token_id": entry.token_id,
        "token_name": entry.token_name,
        "methods": entry.methods,
        "ip": entry.ip,
        "place": entry.place,
        "user_agent": entry.user_agent,
        "device": entry.device,
    }


def token_as_json(token: TokenInfo) -> dict[str, Any]:
    """Return what the API tells of an API token: not its text."""
    return {
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes,
        "created": token.created,
        "expires": token.expires,
        "last_used": token.last_used,
        "ip": token.ip,
        "place": token.place,
        "user_agent": token.user_agent,
        "device": token.device,
    }

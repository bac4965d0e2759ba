"""Types for annotations in a project: ``def view(request: SessionRequest) -> HttpResponse``.

They tell type checkers what the middleware and the decorators of frontdesk attach to a request. At run time
Django's own class is used, so no request is an instance of these.
"""

from django.http import HttpRequest

from frontdesk.http.session import SessionStore
from frontdesk.tokens.info import TokenInfo

__all__ = ["SessionRequest", "TokenRequest"]


class SessionRequest(HttpRequest):
    """A request that has passed :class:`frontdesk.middleware.SessionMiddleware`."""

    session: SessionStore
    """Django's methods, and ``modify()``, ``amodify()`` and ``session_id``."""


class TokenRequest(HttpRequest):
    """The request of a view with :func:`frontdesk.decorators.scope_required`."""

    auth: TokenInfo
    """The API token that the request has sent."""

"""Authentication classes for Django REST framework: sessions and API tokens.

Both answer ``Authorization: Bearer``, and a view may have both, in any order: a session key starts with
``fds_`` and an API token with ``fdt_``, so each leaves the other's alone. Credentials of another kind are
left to other classes. If no class accepts what was sent, the answer is a 401 with ``error="invalid_token"``.

Sources: RFC 6750, and https://www.django-rest-framework.org/api-guide/authentication/.
"""

from importlib.util import find_spec
from typing import Any, Self

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from frontdesk.api_tokens import TokenInfo, authenticate
from frontdesk.core import credentials
from frontdesk.http.transport import bearer_in
from frontdesk.tokens import guard

if find_spec("drf_spectacular"):
    from frontdesk.contrib import spectacular  # noqa: F401 (describes the classes below)

__all__ = ["SessionAuth", "TokenAuth"]


class _Bearer(BaseAuthentication):
    def authenticate_header(self, request: Request) -> str:
        """Return the ``WWW-Authenticate`` of a 401. REST framework asks the first class of a view."""
        refused = bearer_in(request) is not None and request.successful_authenticator is None
        return guard.challenge(error="invalid_token") if refused else guard.challenge()


class SessionAuth(_Bearer, SessionAuthentication):
    """A session of frontdesk, whose key came in the cookie or in the header.

    ``request.auth`` is ``None``. A cookie needs a CSRF token, as in REST framework, and a header does not.
    Unlike there, a client that is not signed in gets a 401 and not a 403. A wrong key in the header is a 401
    for every view, and does not make the client anonymous.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the user of the session, and ``None``; nothing if no user is signed in."""
        kind = credentials.kind_of(bearer_in(request))
        if kind == credentials.API_TOKEN:
            return None
        found: tuple[Any, None] | None = super().authenticate(request)
        if found is None and kind == credentials.SESSION:
            raise exceptions.AuthenticationFailed(
                "The session key is wrong, or its session has ended."
            )
        return found


class TokenAuth(_Bearer):
    """An API token, which needs all of ``scopes``.

    ``request.user`` is the user of the token, and ``request.auth`` its
    :class:`~frontdesk.api_tokens.TokenInfo`. Without scopes, any token will do.
    """

    scopes: tuple[str, ...] = ()

    @classmethod
    def requiring(cls, *scopes: str) -> type[Self]:
        """Return this class with other ``scopes``, for ``authentication_classes``."""
        return type(cls.__name__, (cls,), {"scopes": scopes, "__module__": cls.__module__})

    def authenticate(self, request: Request) -> tuple[Any, TokenInfo] | None:
        """Return the user of the token, and the token; nothing if none was sent."""
        guard.keep_apart_at_end(request._request)
        if credentials.kind_of(bearer_in(request)) != credentials.API_TOKEN:
            return None
        token = authenticate(request)
        if token is None:
            raise exceptions.AuthenticationFailed(guard.INVALID)
        if not token.allows(*self.scopes):
            raise InsufficientScope(self.scopes)
        return token.user, token


class InsufficientScope(exceptions.PermissionDenied):
    """The API token does not have the scopes that the view needs: a 403."""

    default_detail = guard.INSUFFICIENT
    default_code = "insufficient_scope"

    def __init__(self, scopes: tuple[str, ...]) -> None:
        super().__init__()
        # REST framework's exception handler sends it as WWW-Authenticate.
        self.auth_header = guard.challenge(**guard.insufficient_scope(scopes))

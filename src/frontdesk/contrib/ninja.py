"""Authentication for Django Ninja: sessions and API tokens.

Both answer ``Authorization: Bearer``, and an operation may have both, in any order: a session key starts with
``fds_`` and an API token with ``fdt_``, so each leaves the other's alone. What is wrong is a 401 at once.

Sources: RFC 6750, and https://django-ninja.dev/guides/authentication/.
"""

import asyncio
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja.errors import AuthenticationError, AuthorizationError
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from frontdesk.core import credentials
from frontdesk.core.credentials import Credential, bearer_of
from frontdesk.core.flow import Call, Flow, arun, run
from frontdesk.http.middleware import at_end, set_user
from frontdesk.tokens import guard
from frontdesk.tokens.authentication import authenticating
from frontdesk.tokens.info import TokenInfo

__all__ = ["SessionAuth", "TokenAuth"]


class _Auth(AuthBase):
    """Serves sync and async operations alike."""

    def __init__(self) -> None:
        super().__init__()
        # Async operations await what a call returns. Sync ones take it as it is, unless it is a coroutine.
        self.is_async = True

    def __call__(self, request: HttpRequest) -> Any:
        """Return what becomes ``request.auth``, or a coroutine of it; ``None`` to let another auth try."""
        flow = self.authenticating(request)
        # Ninja calls async operations on an event loop, and sync ones never.
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return run(flow)
        return arun(flow)

    def authenticating(self, request: HttpRequest) -> Flow[Any]:
        raise NotImplementedError


class SessionAuth(_Auth):
    """A session of frontdesk, whose key came in the cookie or in the header. ``request.auth`` is the user.

    A cookie always needs a CSRF token, and a header does not.
    """

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_description = (
        "The session cookie. Unsafe methods need a CSRF token as well. Programs send the key of a session "
        "instead, as Authorization: Bearer fds_..., where HEADER_CARRIER allows it."
    )

    def __init__(self) -> None:
        self.openapi_name = settings.SESSION_COOKIE_NAME
        super().__init__()

    def authenticating(self, request: HttpRequest) -> Flow[Any]:
        """Return the user of the session; ``None`` if no user is signed in.

        Raises ``ninja.errors.AuthenticationError`` for a wrong key in the header, and ``AuthorizationError``
        if the CSRF token is missing or wrong.
        """
        sent = _sent(request)
        kind = credentials.kind_of(sent)
        _explain(request, sent)
        if kind == credentials.API_TOKEN:
            return None
        user = yield Call(_users, "of", (request,))
        if not user.is_authenticated:
            if kind == credentials.SESSION:
                raise AuthenticationError(
                    message="The session key is wrong, or its session has ended."
                )
            return None
        # The session has been read, so this does no I/O if it is where the CSRF token is kept.
        if check_csrf(request) is not None:
            raise AuthorizationError(message="The CSRF token is missing or wrong.")
        return user


class TokenAuth(_Auth):
    """An API token, which needs all of ``scopes``: ``auth=TokenAuth("orders:read")``.

    ``request.auth`` is the :class:`~frontdesk.api_tokens.TokenInfo`, and ``request.user`` its user. Without
    scopes, any token will do.
    """

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_bearerFormat = "fdt_"  # noqa: N815 (the name in OpenAPI)
    openapi_description = "An API token of a user, with the scopes of the operation."

    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes
        super().__init__()

    def authenticating(self, request: HttpRequest) -> Flow[TokenInfo | None]:
        """Return the token; ``None`` if none was sent.

        Raises ``ninja.errors.AuthenticationError`` for a wrong one, and ``AuthorizationError`` for one
        without the scopes.
        """
        guard.keep_apart_at_end(request)
        sent = _sent(request)
        _explain(request, sent)
        if credentials.kind_of(sent) != credentials.API_TOKEN:
            return None
        token = yield from authenticating(request, sent)
        if token is None:
            raise AuthenticationError(message=guard.INVALID)
        if not token.allows(*self.scopes):
            challenge = guard.challenge(**guard.insufficient_scope(self.scopes))
            at_end(request, partial(_add_challenge, request, 403, challenge))
            raise AuthorizationError(message=guard.INSUFFICIENT)
        set_user(request, token.user)
        return token


class _Users:
    def of(self, request: HttpRequest) -> Any:
        return request.user

    async def aof(self, request: HttpRequest) -> Any:
        return await request.auser()


_users = _Users()


def _sent(request: HttpRequest) -> Credential | None:
    # As Ninja's own classes read it, and its test client writes it.
    return bearer_of(request.headers.get("Authorization", ""))


def _explain(request: HttpRequest, sent: Credential | None) -> None:
    """Let the middleware say what a 401 asks for, since an error of Ninja's has no headers."""
    challenge = guard.challenge() if sent is None else guard.challenge(error="invalid_token")
    at_end(request, partial(_add_challenge, request, 401, challenge))


def _add_challenge(
    request: HttpRequest, status: int, challenge: str, response: HttpResponseBase | None
) -> Flow[None]:
    # Not to a view's own refusal, of which the credentials are not the cause.
    refused = not getattr(request, "auth", None)
    if refused and response is not None and response.status_code == status:
        response.headers.setdefault("WWW-Authenticate", challenge)
    yield from ()

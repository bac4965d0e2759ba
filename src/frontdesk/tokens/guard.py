"""Which requests ``@scope_required`` lets into a view, and what it tells the others (RFC 6750 section 3)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from frontdesk.core.flow import Flow, blocking
from frontdesk.http.middleware import at_end, set_user
from frontdesk.http.problems import problem
from frontdesk.http.session import SessionStore
from frontdesk.http.transport import bearer_in
from frontdesk.tokens.authentication import authenticating
from frontdesk.tokens.info import TokenInfo

CHALLENGE: Final = 'Bearer realm="api"'

INVALID: Final = "The API token is malformed, unknown, expired or ended."
INSUFFICIENT: Final = "The API token does not have the scope that this needs."

REPLACED: Final = ("user", "auser", "_cached_user", "_acached_user", "session")
"""What of a request belongs to the cookie: Django's names."""


def check_token(request: HttpRequest, scopes: Sequence[str]) -> Flow[TokenInfo | HttpResponse]:
    """Return the token of ``request`` if it has ``scopes``, and otherwise the response to send.

    A cookie is not looked at.
    """
    text = bearer_in(request)
    if text is None:
        # Without an error code, because nothing was sent that could be wrong.
        return _refusal(401, "token_required", "This needs an API token.")
    token = yield from authenticating(request, text)
    if token is None:
        return _refusal(401, "invalid_token", INVALID, error="invalid_token")
    if not token.allows(*scopes):
        return _refusal(403, "insufficient_scope", INSUFFICIENT, **insufficient_scope(scopes))
    return token


def challenge(**parameters: str) -> str:
    """Return a ``WWW-Authenticate`` with these parameters."""
    return ", ".join([CHALLENGE, *(f'{name}="{value}"' for name, value in parameters.items())])


def insufficient_scope(scopes: Iterable[str]) -> dict[str, str]:
    """Return the parameters of a challenge for a token that lacks one of ``scopes``."""
    return {"error": "insufficient_scope", "scope": " ".join(scopes)}


def _refusal(status: int, code: str, detail: str, **parameters: str) -> HttpResponse:
    return problem(status, code, detail, {"WWW-Authenticate": challenge(**parameters)})


@contextmanager
def use_token(request: HttpRequest, token: TokenInfo) -> Iterator[None]:
    """Inside the block, ``request`` is that of the token's user, with an empty session that is never stored.

    Outside of the view, nothing may take a token for a sign-in: a middleware could make a cookie of it.
    ``request.auth`` stays, for logs.
    """
    attributes: dict[str, Any] = vars(request)
    before: dict[str, Any] = {name: attributes.pop(name) for name in REPLACED if name in attributes}
    set_user(request, token.user)
    attributes["auth"] = token
    if "session" in before:
        # Not the cookie's, so re-authentication refuses a token.
        attributes["session"] = SessionStore()
    try:
        yield
    finally:
        for name in REPLACED:
            attributes.pop(name, None)
        attributes.update(before)


def finish(response: Any) -> Flow[Any]:
    """Return the response of a view, rendered while the token's user is still there, and kept apart."""
    if callable(getattr(response, "render", None)):
        yield blocking(response.render)
    return keep_apart(response)


def keep_apart(response: Any) -> Any:
    """Return ``response``, which no cache may give to others. A view may decide about storing it itself."""
    patch_vary_headers(response, ["Authorization"])
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def keep_apart_at_end(request: HttpRequest) -> None:
    """Let the middleware do the same with the response to ``request``, for views of other frameworks."""
    at_end(request, _keep_apart_later)


def _keep_apart_later(response: Any) -> Flow[None]:
    if response is not None:
        keep_apart(response)
    yield from ()

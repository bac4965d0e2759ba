"""How a session key travels between a browser and the desk: in a cookie."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest, get_str_from_wsgi
from django.http import HttpRequest, parse_cookie
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers

Finder = Callable[[dict[str, Any]], str | None]


def key_in(request: HttpRequest) -> str | None:
    """Return the key that came with ``request``."""
    return request.COOKIES.get(settings.SESSION_COOKIE_NAME)


def finder_of_key(request: HttpRequest) -> Finder:
    """Return what finds the key that came with ``request`` in its ``META``, once somebody wants it.

    It does not hold the request, which will hold the session: whatever is in a cycle waits for the garbage
    collector, and for a small request that costs more than all else in here.
    """
    # These two parse their cookies when they are first asked. That may be after others have changed them.
    find = None if "COOKIES" in request.__dict__ else _FINDERS.get(type(request))
    if find is None:
        key = key_in(request)
        return lambda _: key
    return find


def _key_in_environ(meta: dict[str, Any]) -> str | None:
    return _key_in_text(get_str_from_wsgi(meta, "HTTP_COOKIE", ""))


def _key_in_header(meta: dict[str, Any]) -> str | None:
    return _key_in_text(meta.get("HTTP_COOKIE", ""))


_FINDERS: dict[type, Finder] = {WSGIRequest: _key_in_environ, ASGIRequest: _key_in_header}


def _key_in_text(text: str) -> str | None:
    return parse_cookie(text).get(settings.SESSION_COOKIE_NAME)


def hand_out(response: HttpResponseBase, key: str, max_age: int | None) -> None:
    """Set the cookie, for ``max_age`` seconds or, with ``None``, until the browser closes.

    A shared cache must not store such a response (OWASP Session Management: web content caching).
    """
    response.set_cookie(
        settings.SESSION_COOKIE_NAME,
        key,
        max_age=max_age,
        domain=settings.SESSION_COOKIE_DOMAIN,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=settings.SESSION_COOKIE_HTTPONLY,
        samesite=settings.SESSION_COOKIE_SAMESITE,
    )
    depends_on_cookie(response)
    _keep_out_of_shared_caches(response)


def take_back(response: HttpResponseBase) -> None:
    """Clear the cookie in the browser."""
    response.delete_cookie(
        settings.SESSION_COOKIE_NAME,
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        samesite=settings.SESSION_COOKIE_SAMESITE,
    )
    depends_on_cookie(response)
    _keep_out_of_shared_caches(response)


def depends_on_cookie(response: HttpResponseBase) -> None:
    """Tell caches that another visitor may get another page."""
    if not _added(response, "Vary", "Cookie"):  # what the other would write, without its parsing
        patch_vary_headers(response, ("Cookie",))


def is_personal(response: HttpResponseBase) -> None:
    """Keep a signed-in person's page out of shared caches, unless the view said what it wants."""
    _added(response, "Cache-Control", "private")


def _added(response: HttpResponseBase, name: str, value: str) -> bool:
    """Set a header unless there is one of that name; return whether it says ``value`` now."""
    # The two headers of a page take a dozen calls by the methods of Django's headers.
    store: dict[str, tuple[str, str]] | None = getattr(response.headers, "_store", None)
    if store is None:
        response.headers.setdefault(name, value)
        return response.headers[name] == value
    return store.setdefault(name.lower(), (name, value)) == (name, value)


def _keep_out_of_shared_caches(response: HttpResponseBase) -> None:
    if "no-store" not in response.get("Cache-Control", "").lower():
        patch_cache_control(response, private=True)

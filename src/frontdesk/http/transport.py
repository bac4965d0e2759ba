"""How a session key travels between a browser and the server: in a cookie."""

import zlib

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers

from frontdesk.core.keys import Key


def key_in(request: HttpRequest) -> str | None:
    """Return the text that came as the key of a session, well-formed or not."""
    sent = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    return None if sent is None else Key(sent)


def cookie_attributes() -> str:
    """Return a short text that changes with the settings of the cookie, to notice that they changed."""
    attributes = (
        settings.SESSION_COOKIE_NAME,
        settings.SESSION_COOKIE_DOMAIN,
        settings.SESSION_COOKIE_PATH,
        settings.SESSION_COOKIE_SECURE,
        settings.SESSION_COOKIE_HTTPONLY,
        settings.SESSION_COOKIE_SAMESITE,
    )
    return f"cookie:{zlib.crc32(repr(attributes).encode()):08x}"


def set_cookie(response: HttpResponseBase, key: str, max_age: int | None) -> None:
    """Set the cookie for ``max_age`` seconds, or with ``None`` until the browser closes.

    Shared caches must not store such a response (OWASP Session Management, Web Content Caching).
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
    _keep_out_of_caches(response)


def clear_cookie(response: HttpResponseBase) -> None:
    """Delete the cookie in the browser."""
    response.delete_cookie(
        settings.SESSION_COOKIE_NAME,
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        samesite=settings.SESSION_COOKIE_SAMESITE,
    )
    _keep_out_of_caches(response)


def vary_on_cookie(response: HttpResponseBase, *, personal: bool) -> None:
    """Tell caches that the response depends on the cookie.

    A ``personal`` one, of a signed-in user, stays out of shared caches unless the view set Cache-Control.
    """
    patch_vary_headers(response, ("Cookie",))
    if personal:
        response.headers.setdefault("Cache-Control", "private")


def _keep_out_of_caches(response: HttpResponseBase) -> None:
    patch_vary_headers(response, ("Cookie",))
    if "no-store" not in response.get("Cache-Control", "").lower():
        patch_cache_control(response, private=True)

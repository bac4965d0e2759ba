"""How a session key travels between a browser and the desk: in a cookie."""

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers


def key_in(request: HttpRequest) -> str | None:
    """Return the key that came with ``request``."""
    return request.COOKIES.get(settings.SESSION_COOKIE_NAME)


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
    patch_vary_headers(response, ("Cookie",))


def is_personal(response: HttpResponseBase) -> None:
    """Keep a signed-in person's page out of shared caches, unless the view said what it wants."""
    if not response.has_header("Cache-Control"):
        patch_cache_control(response, private=True)


def _keep_out_of_shared_caches(response: HttpResponseBase) -> None:
    if "no-store" not in response.get("Cache-Control", "").lower():
        patch_cache_control(response, private=True)

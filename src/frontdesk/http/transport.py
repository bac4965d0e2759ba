"""How a session key travels between a client and the server: the carriers.

A session belongs to one carrier for life. Its key means nothing in another one, so a cookie that was stolen
is no credential for programs, and the key of a program is no cookie.
"""

import zlib
from abc import ABC, abstractmethod
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers

from frontdesk.conf import options
from frontdesk.core import credentials
from frontdesk.core.keys import Key
from frontdesk.core.record import Record


class Carrier(ABC):
    """Brings keys in and out."""

    name: str

    @abstractmethod
    def key_in(self, request: HttpRequest) -> str | None:
        """Return the text that came as the key of a session, well-formed or not."""

    @abstractmethod
    def send_key(self, response: HttpResponseBase, key: Key, max_age: int | None) -> None:
        """Let the client keep ``key`` for ``max_age`` seconds, or with ``None`` until the browser closes."""

    @abstractmethod
    def clear_key(self, response: HttpResponseBase) -> None:
        """Let the client forget its key."""

    @abstractmethod
    def finish(self, response: HttpResponseBase) -> None:
        """Take out of ``response`` what this carrier's clients do not need."""

    def described(self) -> str:
        """Return a short text for the record. It changes with what the client has to be told anew."""
        return self.name

    def owns(self, record: Record) -> bool:
        """Return whether the session of ``record`` belongs to this carrier. An ended one has none."""
        return record.ended is not None or record.carrier.partition(":")[0] == self.name


class CookieCarrier(Carrier):
    """The session cookie of a browser."""

    name = "cookie"

    def key_in(self, request: HttpRequest) -> str | None:
        sent = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        return None if sent is None else Key(sent)

    def described(self) -> str:
        """Return a text that changes with the settings of the cookie."""
        attributes = (
            settings.SESSION_COOKIE_NAME,
            settings.SESSION_COOKIE_DOMAIN,
            settings.SESSION_COOKIE_PATH,
            settings.SESSION_COOKIE_SECURE,
            settings.SESSION_COOKIE_HTTPONLY,
            settings.SESSION_COOKIE_SAMESITE,
        )
        return f"{self.name}:{zlib.crc32(repr(attributes).encode()):08x}"

    def send_key(self, response: HttpResponseBase, key: Key, max_age: int | None) -> None:
        """Set the cookie.

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

    def clear_key(self, response: HttpResponseBase) -> None:
        """Delete the cookie in the browser."""
        response.delete_cookie(
            settings.SESSION_COOKIE_NAME,
            path=settings.SESSION_COOKIE_PATH,
            domain=settings.SESSION_COOKIE_DOMAIN,
            samesite=settings.SESSION_COOKIE_SAMESITE,
        )
        _keep_out_of_caches(response)

    def finish(self, response: HttpResponseBase) -> None:
        pass


class HeaderCarrier(Carrier):
    """The header ``Authorization: Bearer fds_...`` of a program (RFC 6750 section 2.1).

    No cookie is read or set. A program gets its key in the body of the answer to its sign-in, once.
    """

    name = "header"

    def key_in(self, request: HttpRequest) -> str | None:
        return credentials.key_in(credentials.SESSION, bearer_in(request) or "") or ""

    def send_key(self, response: HttpResponseBase, key: Key, max_age: int | None) -> None:
        pass

    def clear_key(self, response: HttpResponseBase) -> None:
        pass

    def finish(self, response: HttpResponseBase) -> None:
        """Remove the cookie that Django's ``login()`` asks for."""
        response.cookies.pop(settings.CSRF_COOKIE_NAME, None)


COOKIE: Final = CookieCarrier()
HEADER: Final = HeaderCarrier()


def carrier_of(request: HttpRequest) -> Carrier:
    """Return the carrier of a request. If a session key is in the header, cookies are not looked at."""
    if options().header_carrier == "off":
        return COOKIE
    is_key = credentials.kind_of(bearer_in(request)) == credentials.SESSION
    return HEADER if is_key else COOKIE


def may_use_header(request: HttpRequest) -> bool:
    """Return whether the client of ``request`` may have a session of the header carrier.

    Browsers add these headers, and scripts cannot remove them (Fetch standard, forbidden request headers).
    With ``HEADER_CARRIER = "apps"``, no page can end up with a key in its ``localStorage``.
    """
    if options().header_carrier == "apps":
        return "Sec-Fetch-Site" not in request.headers and "Origin" not in request.headers
    return options().header_carrier == "anyone"


def vary(response: HttpResponseBase, *, personal: bool) -> None:
    """Tell caches that the response depends on the session.

    A ``personal`` one, of a signed-in user, stays out of shared caches unless the view set Cache-Control.
    """
    on_header = options().header_carrier != "off"
    patch_vary_headers(response, ("Cookie", "Authorization") if on_header else ("Cookie",))
    if personal:
        response.headers.setdefault("Cache-Control", "private")


def bearer_in(request: HttpRequest) -> credentials.Credential | None:
    """Return what ``Authorization: Bearer`` holds, unchecked; ``None`` without it (RFC 6750 section 2.1)."""
    return credentials.bearer_of(request.META.get("HTTP_AUTHORIZATION", ""))


def _keep_out_of_caches(response: HttpResponseBase) -> None:
    patch_vary_headers(response, ("Cookie",))
    if "no-store" not in response.get("Cache-Control", "").lower():
        patch_cache_control(response, private=True)

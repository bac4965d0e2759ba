"""Other devices of the guest, so that the page of sessions has something to show on the first day.

They sign in through the middleware and ``login()``, on requests that say what such devices say. The
addresses are for documentation only (RFC 5737). Nothing keeps the keys.
"""

from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from frontdesk import sessions
from frontdesk.middleware import SessionMiddleware
from frontdesk.testing import Clock


class Device(NamedTuple):
    agent: str
    ip: str
    signed_in: timedelta
    last_seen: timedelta


DEVICES = (
    Device(
        "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0",
        "203.0.113.24",
        timedelta(days=6, hours=3),
        timedelta(minutes=42),
    ),
    Device(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/26.0 Safari/605.1.15",
        "198.51.100.7",
        timedelta(days=2),
        timedelta(hours=5),
    ),
    Device(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
        "192.0.2.131",
        timedelta(days=11),
        timedelta(days=9),
    ),
)


def sign_in_elsewhere(name: str) -> int:
    """Sign that account in on each of the devices, unless it is signed in anywhere. Return how many."""
    user = get_user_model().objects.get_by_natural_key(name)
    if sessions.count(user):
        return 0

    def enter(request: HttpRequest) -> HttpResponse:
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return HttpResponse()

    def look(request: HttpRequest) -> HttpResponse:
        request.session.get("anything")
        return HttpResponse()

    for device in DEVICES:
        request = RequestFactory(REMOTE_ADDR=device.ip, HTTP_USER_AGENT=device.agent).get("/")
        with Clock() as clock:
            clock.advance(-device.signed_in)
            cookie = SessionMiddleware(enter)(request).cookies[settings.SESSION_COOKIE_NAME]
            request.COOKIES[settings.SESSION_COOKIE_NAME] = cookie.value
            clock.advance(device.signed_in - device.last_seen)
            SessionMiddleware(look)(request)
    return len(DEVICES)

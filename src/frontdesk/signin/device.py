"""Known devices: browsers in which a user of an account has signed in before.

A signed cookie names the device and its last accounts, by keyed hashes. Strangers have none, so they cannot
use up the attempts of a known device. Source: OWASP, Slow Down Online Guessing Attacks with Device Cookies,
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

import secrets
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

SALT: Final = "frontdesk.device"

MAX_AGE: Final = 365 * 86_400
"""Seconds."""

ACCOUNTS: Final = 5
"""How many accounts a device is known for: those of its last sign-ins."""

LONGEST: Final = 1024

LENGTH: Final = 32
"""How many characters of an account's hash the cookie has."""


class Device(NamedTuple):
    """A device: its random id, and the hashes of its accounts, the last one first."""

    id: str
    accounts: tuple[str, ...] = ()

    def knows(self, hashes: Sequence[str]) -> bool:
        """Return whether one of the hashes is that of an account of this device."""
        return any(each[:LENGTH] in self.accounts for each in hashes)

    def with_account(self, hashes: Sequence[str]) -> "Device":
        """Return this device with the account of ``hashes``. The first is with the current secret."""
        own = [each[:LENGTH] for each in hashes]
        others = [each for each in self.accounts if each not in own]
        return Device(self.id, (own[0], *others)[:ACCOUNTS])


def cookie_name() -> str:
    """Return the name of the cookie. Browsers refuse the prefix ``__Host-`` over plain HTTP (RFC 6265bis)."""
    return f"{'__Host-' if settings.SESSION_COOKIE_SECURE else ''}frontdesk_device"


def new() -> Device:
    """Return a device with a new id."""
    return Device(secrets.token_hex(16))


def device_of(request: HttpRequest) -> Device | None:
    """Return the device that the cookie names, or ``None`` without one that was signed here."""
    sent = request.COOKIES.get(cookie_name(), "")
    if not sent or len(sent) > LONGEST:
        return None
    try:
        id, *accounts = signing.loads(sent, salt=SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return None
    return Device(id, tuple(accounts))


def set_cookie(response: HttpResponseBase, device: Device) -> None:
    """Let the browser keep ``device``."""
    values: Any = [device.id, *device.accounts]
    response.set_cookie(
        cookie_name(),
        signing.dumps(values, salt=SALT),
        max_age=MAX_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )

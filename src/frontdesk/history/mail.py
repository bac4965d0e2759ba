"""A mail about a sign-in from a device that the user has not used before (OWASP ASVS 6.3.5).

A device was used before if one of the last sign-ins shows the same words for it, such as "Firefox on Linux".
This helps the user, and proves nothing: a client can send any words.
"""

import logging
from datetime import UTC
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sites.shortcuts import get_current_site
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation

from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.history import oldest
from frontdesk.models import HistoryEntry, What
from frontdesk.words.addresses import address_in_words
from frontdesk.words.devices import device_in_words
from frontdesk.words.mail import send
from frontdesk.words.places import place_of
from frontdesk.words.times import date_and_time

logger: logging.Logger = logging.getLogger("frontdesk")

SIGN_INS: Final = 1000
"""How many earlier sign-ins are compared with."""

USER_AGENTS: Final = 100
"""How many different ones of their user agents. Putting one into words can take a millisecond."""


def tell(
    entry: HistoryEntry, request: HttpRequest | None, user: AbstractBaseUser, language: str | None
) -> None:
    """Mail ``user`` about the sign-in ``entry`` if its device is a new one. Never raises.

    Sends nothing about the first sign-in in the history, nor about one that no network request made. Call
    it when the entry is committed: of two sign-ins at the same moment, the later one then finds the other.
    """
    try:
        address = getattr(user, user.get_email_field_name(), "")
        # A request that a program made up has no host to link to.
        if not address or request is None or "SERVER_NAME" not in request.META:
            return
        if options().client_info == "off":
            return
        with translation.override(language):
            if _is_new(entry):
                send("new_device", address, _facts(entry, request, user))
    except Exception as error:  # the user has signed in, whatever becomes of the mail
        logger.error(
            "The mail about a new device of user %s was not sent.", user.pk, exc_info=error
        )


def _is_new(entry: HistoryEntry) -> bool:
    earlier = HistoryEntry.objects.using(entry._state.db).filter(
        user=entry.user_id, what=What.SIGNED_IN, at__gte=oldest(), pk__lt=entry.pk
    )
    newest = earlier.order_by("-at").values_list("user_agent", flat=True)[:SIGN_INS]
    agents = list(dict.fromkeys(newest))
    if not agents or entry.user_agent in agents:
        return False
    device = device_in_words(entry.user_agent)
    return all(device_in_words(agent) != device for agent in agents[:USER_AGENTS])


def _facts(entry: HistoryEntry, request: HttpRequest, user: AbstractBaseUser) -> dict[str, Any]:
    """Return the context of the mail's templates."""
    site = get_current_site(request)
    root = f"{request.scheme}://{site.domain}"
    at = clock.to_datetime(entry.at)
    zone = timezone.get_default_timezone()
    return {
        "user": user,
        "site_name": site.name,
        "domain": site.domain,
        "protocol": request.scheme,
        "device": device_in_words(entry.user_agent),
        "place": place_of(entry.ip),
        "ip": address_in_words(entry.ip),
        "at": date_and_time(at.astimezone(UTC)),
        "at_local": date_and_time(at.astimezone(zone)),
        "time_zone": timezone.get_default_timezone_name(),
        "sessions_url": _link(root, request, "frontdesk_sessions"),
        # The reset first: it also helps after a thief has changed the password.
        "password_url": _link(root, request, "password_reset", "password_change"),
    }


def _link(root: str, request: HttpRequest, *names: str) -> str:
    """Return the address of the first of these pages that the project has, empty without any."""
    for name in names:
        try:
            return root + reverse(name, urlconf=getattr(request, "urlconf", None))
        except NoReverseMatch:
            pass
    return ""

"""A mail about a sign-in from a device that this person has not used (OWASP ASVS 6.3.5).

A device counts as used before if an earlier sign-in in the history shows the same words for it, such as
"Firefox on Linux". So it is a help to the person, not a proof: whoever knows the words can send them.
"""

import logging
from datetime import UTC
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sites.shortcuts import get_current_site
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import formats, timezone, translation

from frontdesk import clock, history
from frontdesk.conf import options
from frontdesk.devices import device_in_words
from frontdesk.models.history import HistoryEntry, What
from frontdesk.places import place_of

logger = logging.getLogger("frontdesk")


def tell(
    entry: HistoryEntry, request: HttpRequest | None, user: AbstractBaseUser, language: str | None
) -> None:
    """Mail ``user`` about the sign-in ``entry`` if its device is a new one. Never raises.

    Not about the first sign-in that the history knows, nor one that did not come over the network. Call
    it once the entry is committed: then of two that came at once, the later one finds the earlier one.
    """
    try:
        address = getattr(user, user.get_email_field_name(), "")
        # A request that a program has made up has no host that links could lead to.
        if not address or request is None or "SERVER_NAME" not in request.META:
            return
        if options().client_info == "off":
            return
        with translation.override(language):
            if _is_new(entry):
                _send(address, _facts(entry, request, user))
    except Exception as error:  # the person has signed in, whatever becomes of the mail
        logger.error(
            "The mail about a new device of user %s was not sent.", user.pk, exc_info=error
        )


def _is_new(entry: HistoryEntry) -> bool:
    earlier = HistoryEntry.objects.using(entry._state.db).filter(
        user=entry.user_id, what=What.SIGNED_IN, at__gte=history.oldest(), pk__lt=entry.pk
    )
    known = earlier.values_list("user_agent", flat=True).distinct()
    devices = {device_in_words(agent) for agent in known}
    return bool(devices) and device_in_words(entry.user_agent) not in devices


def _facts(entry: HistoryEntry, request: HttpRequest, user: AbstractBaseUser) -> dict[str, Any]:
    """Return the context of the mail's templates."""
    site = get_current_site(request)
    root = f"{request.scheme}://{site.domain}"
    moment = clock.to_datetime(entry.at)
    zone = timezone.get_default_timezone()
    return {
        "user": user,
        "site_name": site.name,
        "domain": site.domain,
        "protocol": request.scheme,
        "device": device_in_words(entry.user_agent),
        "place": place_of(entry.ip),
        "ip": entry.ip,
        "at": formats.date_format(moment.astimezone(UTC), "DATETIME_FORMAT"),
        "at_local": formats.date_format(moment.astimezone(zone), "DATETIME_FORMAT"),
        "time_zone": timezone.get_default_timezone_name(),
        "sessions_url": _link(root, request, "frontdesk_sessions"),
        # The reset comes first, as it helps also when the password has already been changed.
        "password_url": _link(root, request, "password_reset", "password_change"),
    }


def _link(root: str, request: HttpRequest, *names: str) -> str:
    """Return the address of the first of these pages that the project has; empty if it has none."""
    for name in names:
        try:
            return root + reverse(name, urlconf=getattr(request, "urlconf", None))
        except NoReverseMatch:
            pass
    return ""


def _send(address: str, facts: dict[str, Any]) -> None:
    subject = render_to_string("frontdesk/new_device_subject.txt", facts)
    body = render_to_string("frontdesk/new_device_email.txt", facts)
    EmailMessage("".join(subject.splitlines()), body, None, [address]).send()

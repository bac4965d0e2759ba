"""What a visitor is told while the session storage cannot answer."""

from django.conf import settings
from django.http import HttpResponse
from django.template.loader import render_to_string

RETRY_AFTER = "5"
"""Seconds (RFC 9110 section 10.2.3)."""


def unavailable(error: Exception) -> HttpResponse:
    """Return a 503 that leaves the visitor's cookie alone, so that nobody is signed out by an outage.

    The page is rendered without the request: its context processors would ask for the user again.
    """
    cause = str(error) if settings.DEBUG else ""
    response = HttpResponse(
        render_to_string("frontdesk/unavailable.html", {"cause": cause}),
        status=503,
        headers={"Retry-After": RETRY_AFTER, "Cache-Control": "no-store"},
    )
    # Django would log, and mail to ADMINS, one error for each request; the incident is logged once.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response

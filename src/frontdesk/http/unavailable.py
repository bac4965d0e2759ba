"""The response while the session storage cannot answer."""

from typing import Final

from django.conf import settings
from django.http import HttpResponse
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

TEMPLATE: Final = "frontdesk/unavailable.html"

RETRY_AFTER: Final = "5"
"""Seconds (RFC 9110 section 10.2.3)."""


def unavailable(error: Exception) -> HttpResponse:
    """Return a 503 that leaves the user's cookie alone, so that an outage signs no user out.

    The template is rendered without the request: its context processors would ask for the user again.
    A project without templates gets plain text.
    """
    context = {"cause": str(error) if settings.DEBUG else ""}
    headers = {"Retry-After": RETRY_AFTER, "Cache-Control": "no-store"}
    try:
        response = HttpResponse(render_to_string(TEMPLATE, context), status=503, headers=headers)
    except TemplateDoesNotExist:
        headers["Content-Type"] = "text/plain; charset=utf-8"
        response = HttpResponse(
            _(
                "We can't check your sign-in right now. You haven't been signed out. "
                "Try again in a few seconds."
            ),
            status=503,
            headers=headers,
        )
    # Django would log one error, and mail it to ADMINS, for each request. The outage is logged once.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response

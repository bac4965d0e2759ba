"""The response while the session storage cannot answer."""

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

TEMPLATE: Final = "frontdesk/unavailable.html"

RETRY_AFTER: Final = "5"
"""Seconds (RFC 9110 section 10.2.3)."""


def unavailable(error: Exception, request: HttpRequest | None = None) -> HttpResponse:
    """Return a 503 that leaves the user's cookie alone, so that an outage signs no user out.

    It is a page, unless the view of ``request`` has an attribute ``outage_response``: a function of the
    error that returns a response in the format of its clients.
    """
    match = request.resolver_match if request is not None else None
    render: Callable[[Exception], Any] = getattr(match and match.func, "outage_response", _page)
    response = render(error)
    response.status_code = 503
    response.headers["Retry-After"] = RETRY_AFTER
    response.headers["Cache-Control"] = "no-store"
    # Django would log one error, and mail it to ADMINS, for each request. The outage is logged once.
    response._has_been_logged = True
    return response  # type: ignore[no-any-return]


def in_words() -> str:
    """Return what to tell the user, in the active language."""
    return _(
        "We can't check your sign-in right now. You haven't been signed out. "
        "Try again in a few seconds."
    )


def _page(error: Exception) -> HttpResponse:
    """Return a page. A project without templates gets plain text.

    The template is rendered without the request: its context processors would ask for the user again.
    """
    try:
        context = {"cause": str(error) if settings.DEBUG else ""}
        return HttpResponse(render_to_string(TEMPLATE, context))
    except TemplateDoesNotExist:
        return HttpResponse(in_words(), headers={"Content-Type": "text/plain; charset=utf-8"})

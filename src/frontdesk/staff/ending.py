"""Ending sessions in the admin: the permission, the confirmation page and the message."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext

PERMISSIONS: Final = ("frontdesk.view_session", "frontdesk.end_session")

NAMED: Final = 20
"""How many sessions or users the confirmation page names."""


def may_end(request: HttpRequest) -> bool:
    """Return whether ``request.user`` may end sessions, which includes to see them."""
    return request.user.has_perms(PERMISSIONS)


def is_confirmed(request: HttpRequest) -> bool:
    """Return whether this is the answer "yes" of the confirmation page."""
    return request.method == "POST" and "confirmed" in request.POST


def confirmation(  # noqa: PLR0913 (what one page shows)
    model_admin: "ModelAdmin[Any]",
    request: HttpRequest,
    *,
    title: str,
    back: str,
    hidden: Iterable[tuple[str, str]] = (),
    rows: Sequence[Any] = (),
    users: Sequence[str] = (),
    count: int,
) -> TemplateResponse:
    """Return the page that asks before anything is ended. Its form is sent to the same address.

    ``rows`` are the first :data:`NAMED` sessions of ``count``, or ``users`` the names of users.
    ``hidden`` are further fields of the form.
    """
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "original": title,  # the last of the breadcrumbs
        "opts": model_admin.opts,
        "media": model_admin.media,
        "has_view_permission": model_admin.has_view_permission(request),
        "rows": rows,
        "users": users,
        "count": count,
        "more": max(0, count - NAMED),
        "hidden": list(hidden),
        "back": back,
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/frontdesk/end_confirmation.html", context)


def say_ended(model_admin: "ModelAdmin[Any]", request: HttpRequest, count: int) -> None:
    """Tell how many sessions have been ended."""
    if count:
        text = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", count) % {
            "count": count
        }
        model_admin.message_user(request, text, messages.SUCCESS)
    else:
        text = gettext("No session was ended, because none was live any more.")
        model_admin.message_user(request, text, messages.WARNING)

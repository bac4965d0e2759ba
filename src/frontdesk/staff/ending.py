"""Ending sessions in the admin: asked first, logged, and said."""

from collections.abc import Collection
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext

PERMISSION = "frontdesk.end_session"

SHOWN = 20
"""Names on the page that asks."""


def may_end(request: HttpRequest) -> bool:
    """Whether this member of staff may end sessions."""
    return request.user.has_perm(PERMISSION)


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the page that asks was answered with yes."""
    return "post" in request.POST


def question(
    model_admin: "ModelAdmin[Any]", request: HttpRequest, title: str, what: Collection[str]
) -> TemplateResponse:
    """Return the page that asks whether to end what was selected, before anything is ended."""
    across = request.POST.get("select_across") == "1"
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "what": [] if across else list(what)[:SHOWN],
        "more": 0 if across else max(0, len(what) - SHOWN),
        "across": across,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "checkbox": ACTION_CHECKBOX_NAME,
        "action": request.POST.getlist("action")[int(request.POST.get("index") or 0)],
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/frontdesk/end_confirmation.html", context)


def say_ended(model_admin: "ModelAdmin[Any]", request: HttpRequest, count: int) -> None:
    """Tell whoever asked for it."""
    if count:
        text = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", count)
        model_admin.message_user(request, text % {"count": count}, messages.SUCCESS)
    else:
        text = gettext("No session was ended: they had all ended before.")
        model_admin.message_user(request, text, messages.WARNING)

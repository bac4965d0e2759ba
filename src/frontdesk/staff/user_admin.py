"""What the admin of users says about their sessions: a link, and the action that ends them.

A mixin, since projects have admins of their own for users. :mod:`frontdesk.admin` puts it onto Django's
own where a project has left that in place.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from frontdesk import sessions
from frontdesk.models import Session
from frontdesk.signals import Reason
from frontdesk.staff.ending import SHOWN, is_confirmed, may_end, question, say_ended
from frontdesk.user_ids import user_id_of

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[AbstractBaseUser]
else:
    ModelAdmin = object

ACTION = "end_all_sessions"
FIELD = "live_sessions"


class SessionsUserAdminMixin(ModelAdmin):
    """For the project's admin of users, before the class that it extends::

        class MyUserAdmin(SessionsUserAdminMixin, UserAdmin): ...

    A user's page gets a section with a link to the user's live sessions, for staff with the permission
    ``frontdesk.view_session``; the list of users gets the action that ends all sessions of those who are
    selected, for staff with ``frontdesk.end_session`` (OWASP ASVS 7.4.5).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actions = [*(self.actions or ()), ACTION]

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Asked by the action."""
        return may_end(request)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not self._links_to_sessions(request):
            # An admin without fieldsets shows all read-only fields, and one with them may name this one.
            return [
                (name, {**options, "fields": _without_link(options["fields"])})
                for name, options in fieldsets
            ]
        if FIELD in flatten_fieldsets(fieldsets):
            return fieldsets
        return [*fieldsets, (_("Sessions"), {"fields": [FIELD]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), FIELD)

    def _links_to_sessions(self, request: HttpRequest) -> bool:
        site = self.admin_site
        return site.is_registered(Session) and site.get_model_admin(Session).has_view_permission(
            request
        )

    @admin.display(description=_("live sessions"))
    def live_sessions(self, user: AbstractBaseUser) -> str:
        """Return a link to the user's sessions, with their number: one query."""
        url = reverse(f"{self.admin_site.name}:frontdesk_session_changelist")
        query, count = urlencode({"user": user_id_of(user)}), sessions.count(user)
        text = ngettext("%(count)d session", "%(count)d sessions", count) % {"count": count}
        return format_html('<a href="{}?{}">{}</a>', url, query, text)

    @admin.action(permissions=["end"], description=_("End all sessions of selected users"))
    def end_all_sessions(self, request: HttpRequest, queryset: QuerySet[AbstractBaseUser]) -> Any:
        """End the sessions of those who were selected, after asking."""
        if not is_confirmed(request):
            total = queryset.count()
            title = ngettext(
                "End all sessions of %(count)d user?", "End all sessions of %(count)d users?", total
            )
            names = [user.get_username() for user in queryset[: SHOWN + 1]]
            return question(self, request, title % {"count": total}, names)
        count = 0
        for user in queryset.iterator():
            ended = sessions.end_all(user, reason=Reason.REVOKED_BY_STAFF)
            if ended:
                self.log_change(request, user, _("Ended all sessions."))
            count += ended
        say_ended(self, request, count)
        return None


def _without_link(fields: Sequence[Any]) -> list[Any]:
    """Return the fields of a fieldset, which are names and lines of names, but the link's."""
    lines = [_without_link(each) if isinstance(each, list | tuple) else each for each in fields]
    return [each for each in lines if each not in (FIELD, [])]

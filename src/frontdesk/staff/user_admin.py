"""What the admin of users offers about their sessions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import flatten_fieldsets, quote
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from frontdesk import sessions
from frontdesk.models import Session
from frontdesk.staff import operations
from frontdesk.staff.base import has_pages, linked, session_url, sessions_of_url
from frontdesk.staff.ending import NAMED, confirmation, is_confirmed, may_end, say_ended
from frontdesk.storages.rows import user_id_of

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[AbstractBaseUser]
else:
    ModelAdmin = object

ACTION: Final = "end_all_sessions"
FIELD: Final = "live_sessions"


class SessionsUserAdminMixin(ModelAdmin):
    """For the project's own admin of users, before the class that it extends::

        class MyUserAdmin(SessionsUserAdminMixin, UserAdmin): ...

    A user's page gets a section with a link to the user's live sessions, for staff with the permission
    ``frontdesk.view_session``. Staff who also have ``frontdesk.end_session`` get a link that ends them, and
    an action in the list of users (OWASP ASVS 7.4.5).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actions = [*(self.actions or ()), ACTION]

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Return whether this user may end sessions. The action asks."""
        return may_end(request)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not has_pages(Session, request, self.admin_site):
            # An admin without fieldsets shows all read-only fields, and one with fieldsets may name it.
            return [
                (name, {**options, "fields": _without_sessions(options["fields"])})
                for name, options in fieldsets
            ]
        obj.frontdesk_may_end = may_end(request)  # for the field, which does not get the request
        if FIELD in flatten_fieldsets(fieldsets):
            return fieldsets
        return [*fieldsets, (capfirst(Session._meta.verbose_name_plural), {"fields": [FIELD]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), FIELD)

    @admin.display(description=_("live sessions"))
    def live_sessions(self, user: Any) -> str:
        """Return links to the user's sessions, with their number, and to end them: one query."""
        count, user_id = sessions.count(user), user_id_of(user)
        text = ngettext("%(count)d session", "%(count)d sessions", count) % {"count": count}
        link = linked(sessions_of_url(self.admin_site, user_id), text)
        if not count or not user.frontdesk_may_end:
            return link
        end = session_url(self.admin_site, "end_user", quote(user_id))
        return format_html(
            "{} &nbsp; {}", link, linked(end, gettext("End all sessions of this user"))
        )

    @admin.action(permissions=["end"], description=_("End all sessions of selected users"))
    def end_all_sessions(self, request: HttpRequest, queryset: QuerySet[AbstractBaseUser]) -> Any:
        """End all sessions of the selected users, after a confirmation."""
        if not is_confirmed(request):
            return self._ask(request, queryset)
        count = 0
        for user in queryset.iterator():
            ended = operations.end_sessions_of(user_id_of(user))
            if ended:
                self.log_change(request, user, "Ended all sessions.")
            count += ended
        say_ended(self, request, count)
        return None

    def _ask(self, request: HttpRequest, queryset: QuerySet[AbstractBaseUser]) -> TemplateResponse:
        count = queryset.count()
        title = ngettext(
            "End all sessions of %(count)d user?", "End all sessions of %(count)d users?", count
        )
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        across = request.POST.get("select_across", "0")
        return confirmation(
            self,
            request,
            title=title % {"count": count},
            users=[user.get_username() for user in queryset[:NAMED]],
            count=count,
            hidden=[
                ("action", ACTION),
                ("select_across", across),
                *((ACTION_CHECKBOX_NAME, each) for each in selected),
            ],
            back=request.get_full_path(),
        )


def _without_sessions(fields: Sequence[Any]) -> list[Any]:
    """Return the fields of a fieldset, which are names and lines of names, without the field of ours."""
    lines = [_without_sessions(each) if isinstance(each, list | tuple) else each for each in fields]
    return [each for each in lines if each not in (FIELD, [])]

"""The filters of the list of sessions."""

from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from frontdesk.core import clock
from frontdesk.models import Session
from frontdesk.staff import operations

Rows = QuerySet[Session]


class OfUser(admin.SimpleListFilter):
    """The sessions of one user. The user's page links to it."""

    title = _("user")
    parameter_name = "user"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the user that was asked for, and with it the way back to all users."""
        user_id = self.value()
        if user_id is None:
            return []
        return [(user_id, operations.names_of([user_id]).get(user_id, gettext("deleted user")))]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        user_id = self.value()
        if user_id is None:
            return queryset
        return queryset.filter(user_id__in=operations.keys_of([user_id]))


class SignedIn(admin.SimpleListFilter):
    """Whether a user is signed in."""

    title = _("sign-in")
    parameter_name = "signed_in"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("yes", capfirst(pgettext("a session", "signed in"))),
            ("no", capfirst(gettext("anonymous"))),
        ]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        anonymous = {"yes": False, "no": True}.get(self.value() or "")
        return queryset if anonymous is None else queryset.filter(user_id__isnull=anonymous)


class Activity(admin.SimpleListFilter):
    """How long ago a session was used."""

    title = _("last use")
    parameter_name = "used"
    PERIODS: Final = {"hour": 60 * clock.MINUTE, "day": clock.DAY, "week": 7 * clock.DAY}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("hour", _("In the last hour")),
            ("day", _("In the last 24 hours")),
            ("week", _("In the last 7 days")),
            ("not-day", _("Not in the last 24 hours")),
            ("not-week", _("Not in the last 7 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        value = self.value() or ""
        period = self.PERIODS.get(value.removeprefix("not-"))
        if period is None:
            return queryset
        recent = Q(last_seen__gt=clock.now() - period)
        return queryset.filter(~recent if value.startswith("not-") else recent)

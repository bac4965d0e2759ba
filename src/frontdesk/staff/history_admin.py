"""The history in Django's admin: for staff to look at, and nothing else."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from frontdesk import clock, history
from frontdesk.conf import options
from frontdesk.models import HistoryEntry
from frontdesk.models.history import What


class WhyEnded(admin.SimpleListFilter):
    """Why sessions ended, in the words of the list."""

    title = _("reason")
    parameter_name = "reason"

    def lookups(
        self, request: HttpRequest, model_admin: "admin.ModelAdmin[HistoryEntry]"
    ) -> list[tuple[str, Any]]:
        return [(reason.value, words) for reason, words in history.ENDINGS.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[HistoryEntry]
    ) -> QuerySet[HistoryEntry]:
        reason = self.value()
        return queryset if reason is None else queryset.filter(what=What.ENDED, reason=reason)


class HistoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # a generic for type checkers only
    """A list to search by the exact user name, which finds the failed tries with it as well."""

    list_display = ("moment", "event", "person", "device", "ip")
    list_filter = ("what", WhyEnded)
    list_per_page = 50
    ordering = ("-at", "-pk")
    show_full_result_count = False  # counting all rows takes longer than showing some
    search_fields = ("session_id",)  # what there is a search box for; see get_search_results
    search_help_text = _("The exact user name, or the id of a session.")
    fields = ("moment", "event", "person", "device", "place", "ip", "user_agent", "session_id")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[HistoryEntry]:
        # Not by a join, as users may live in another database.
        return super().get_queryset(request).prefetch_related("user")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[HistoryEntry], search_term: str
    ) -> tuple[QuerySet[HistoryEntry], bool]:
        """Find by equality, along the indexes."""
        text = search_term.strip()
        if not text:
            return queryset, False
        model = get_user_model()
        theirs = list(model._default_manager.filter(**{model.USERNAME_FIELD: text}))
        found = Q(user__in=theirs) | Q(name_hash__in=history.hashes_of(text)) | Q(session_id=text)
        return queryset.filter(found), False

    @admin.display(description=_("when"), ordering="at")
    def moment(self, row: HistoryEntry) -> datetime:
        moment = clock.to_datetime(row.at)
        return moment if settings.USE_TZ else timezone.make_naive(moment)

    @admin.display(description=_("what"), ordering="what")
    def event(self, row: HistoryEntry) -> str:
        return history.entry_of(row).in_words

    @admin.display(description=_("user"))
    def person(self, row: HistoryEntry) -> str:
        if row.user_id is None:
            return gettext("unknown")
        return str(row.user) if row.user is not None else str(row.user_id)

    @admin.display(description=_("device"))
    def device(self, row: HistoryEntry) -> str:
        return history.entry_of(row).device

    @admin.display(description=_("place"))
    def place(self, row: HistoryEntry) -> str:
        return history.entry_of(row).place

    def has_module_permission(self, request: HttpRequest) -> bool:
        return options().history_retention is not None and super().has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: HistoryEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: HistoryEntry | None = None) -> bool:
        return False

"""The sign-in history in the admin, which staff can only read."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.history import entry_of, hashes_of
from frontdesk.models import HistoryEntry, Session, What
from frontdesk.staff import operations
from frontdesk.staff.base import ReadOnlyAdmin, has_pages, linked, name_users, session_url
from frontdesk.storages.rows import user_id_of
from frontdesk.words.devices import device_in_words
from frontdesk.words.methods import methods_in_words
from frontdesk.words.places import place_of
from frontdesk.words.times import exact_time


class Event(admin.SimpleListFilter):
    """What an entry is about."""

    title = _("event")
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return What.choices

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[HistoryEntry]
    ) -> QuerySet[HistoryEntry]:
        return queryset if self.value() is None else queryset.filter(what=self.value())


class HistoryAdmin(ReadOnlyAdmin):
    """A list, which can be searched for the exact user name or the id of a session."""

    list_title = _("Sign-in history")
    list_display = ["when", "event", "user_link", "device", "place", "ip", "session"]
    list_filter = [Event]
    list_per_page = 50
    ordering = ["-at", "-pk"]
    # get_search_results() decides what is searched.
    search_fields = ["session_id"]
    search_help_text = _(
        "Search for an exact user name, which also finds failed sign-in attempts, or for a session id."
    )
    fields = [
        "when",
        "event",
        "user_link",
        "device",
        "place",
        "ip",
        "session",
        "method",
        "user_agent",
    ]

    # Permissions.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return options().history_retention is not None and super().has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: HistoryEntry | None = None) -> bool:
        return False

    # The list, and the page of one entry.

    def described(self, rows: Iterable[Any], request: HttpRequest) -> list[Any]:
        """Add the user and ``session_url``, the address of a session that is live."""
        rows, site = list(rows), self.admin_site
        name_users(rows, [operations.user_id_in(row) for row in rows], request, site)
        ids = {row.session_id for row in rows} if has_pages(Session, request, site) else set()
        live = {record.id for record in operations.find(ids)}
        for row in rows:
            row.session_url = (
                session_url(site, "change", row.session_id) if row.session_id in live else None
            )
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[HistoryEntry], search_term: str
    ) -> tuple[QuerySet[HistoryEntry], bool]:
        """Search by equality, for which there are indexes. Users may be in another database."""
        term = search_term.strip()
        if not term:
            return queryset, False
        users = operations.keys_of(map(user_id_of, operations.users_called(term)))
        by_name = Q(user_id__in=users) | Q(name_hash__in=hashes_of(term))
        return queryset.filter(by_name | Q(session_id=term)), False

    # Columns and fields.

    @admin.display(description=_("when"), ordering="at")
    def when(self, row: HistoryEntry) -> str:
        return exact_time(clock.to_datetime(row.at if row.until is None else row.until))

    @admin.display(description=_("event"), ordering="what")
    def event(self, row: HistoryEntry) -> str:
        return entry_of(row).in_words

    @admin.display(description=_("user"))
    def user_link(self, row: Any) -> str:
        return "-" if row.user_id is None else linked(row.user_url, row.user_in_words)

    @admin.display(description=_("method"))
    def method(self, row: HistoryEntry) -> str:
        return methods_in_words(row.methods.split()) or "-"

    @admin.display(description=_("device"))
    def device(self, row: HistoryEntry) -> str:
        return device_in_words(row.user_agent) if row.user_agent else "-"

    @admin.display(description=_("place"))
    def place(self, row: HistoryEntry) -> str:
        return place_of(row.ip) or "-"

    @admin.display(description=_("session"))
    def session(self, row: Any) -> str:
        return linked(row.session_url, row.session_id or "-")

"""The sign-in history in the admin, which staff can only read."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.history import entry_of, hashes_of
from frontdesk.models import HistoryEntry, Session, What
from frontdesk.staff import operations
from frontdesk.staff.rows import STYLES, ReadOnlyMixin, has_places, linked, user_in_words, user_urls
from frontdesk.storages.rows import id_of_pk
from frontdesk.words.devices import device_in_words
from frontdesk.words.methods import methods_in_words
from frontdesk.words.places import place_of
from frontdesk.words.times import exact_time

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[HistoryEntry]
else:
    ModelAdmin = admin.ModelAdmin


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


class HistoryChangeList(ChangeList):
    """The list of entries. The users and the live sessions of a page are looked up together."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        site = self.model_admin.admin_site
        self.result_list = with_links(list(self.result_list), request, site)


def with_links(rows: list[Any], request: HttpRequest, site: admin.AdminSite) -> list[Any]:
    """Return the entries with ``user_in_words``, ``user_url`` and ``session_url``."""
    ids = {row.pk: None if row.user_id is None else id_of_pk(row.user_id) for row in rows}
    names = operations.names_of(ids.values())
    url_of = user_urls(request, site)
    live = _live_sessions({row.session_id for row in rows}, request, site)
    for row in rows:
        user_id = ids[row.pk]
        row.user_in_words = "-" if user_id is None else user_in_words(user_id, names)
        row.user_url = url_of(user_id) if user_id in names else None
        row.session_url = (
            reverse(f"{site.name}:frontdesk_session_change", args=[row.session_id])
            if row.session_id in live
            else None
        )
    return rows


def _live_sessions(ids: set[str], request: HttpRequest, site: admin.AdminSite) -> set[str]:
    """Return those of these sessions that have a page which ``request.user`` may view."""
    if not site.is_registered(Session):
        return set()
    if not site.get_model_admin(Session).has_view_permission(request):
        return set()
    return {record.id for record in operations.find(ids)}


class HistoryAdmin(ReadOnlyMixin, ModelAdmin):
    """A list, which can be searched for the exact user name or the id of a session."""

    list_display = [
        "when",
        "event",
        "user_link",
        "device",
        "place",
        "ip",
        "session",
    ]
    list_filter = [Event]
    list_per_page = 50
    ordering = ["-at", "-pk"]
    show_facets = admin.ShowFacets.NEVER  # each would be a query
    # get_search_results() decides what is searched.
    search_fields = ["session_id"]
    search_help_text = _(
        "Search for an exact user name, which also finds failed sign-in attempts, or for a session id."
    )
    fields = [
        *("when", "event", "user_link", "device", "place", "ip", "session", "method", "user_agent"),
    ]

    class Media:
        css = STYLES

    # Permissions.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return options().history_retention is not None and super().has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: HistoryEntry | None = None) -> bool:
        return False

    # The list, and the page of one entry.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return HistoryChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"title": gettext("Sign-in history"), **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_list_display(self, request: HttpRequest) -> Any:
        return [name for name in self.list_display if name != "place" or has_places()]

    def get_fields(self, request: HttpRequest, obj: HistoryEntry | None = None) -> Any:
        return [name for name in self.fields if name != "place" or has_places()]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> HistoryEntry | None:
        found = super().get_object(request, object_id, from_field)
        return found and with_links([found], request, self.admin_site)[0]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[HistoryEntry], search_term: str
    ) -> tuple[QuerySet[HistoryEntry], bool]:
        """Search by equality, for which there are indexes. Users may be in another database."""
        term = search_term.strip()
        if not term:
            return queryset, False
        users = [user.pk for user in operations.users_called(term)]
        by_name = Q(user_id__in=users) | Q(name_hash__in=hashes_of(term))
        return queryset.filter(by_name | Q(session_id=term)), False

    # Columns and fields. None has the name of a field of the model.

    @admin.display(description=_("when"), ordering="at")
    def when(self, row: HistoryEntry) -> str:
        return exact_time(clock.to_datetime(row.at if row.until is None else row.until))

    @admin.display(description=_("event"), ordering="what")
    def event(self, row: HistoryEntry) -> str:
        return entry_of(row).in_words

    @admin.display(description=_("user"))
    def user_link(self, row: Any) -> str:
        return linked(row.user_url, row.user_in_words)

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

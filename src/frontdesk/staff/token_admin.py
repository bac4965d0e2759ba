"""API tokens in the admin: staff see them without their secrets, and end them by deleting them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from frontdesk.conf import options
from frontdesk.core import keys
from frontdesk.models import ApiToken
from frontdesk.signals import Reason
from frontdesk.staff import operations
from frontdesk.staff.rows import STYLES, ReadOnlyMixin, has_places, linked, user_in_words, user_urls
from frontdesk.tokens import rows
from frontdesk.tokens.info import info_of, pk_for
from frontdesk.words.times import ago_in_words, exact_time, short_time

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[ApiToken]
else:
    ModelAdmin = admin.ModelAdmin

USERS: Final = 50
"""How many users a search takes into account."""


class TokenChangeList(ChangeList):
    """The list of tokens. The users of a page are looked up together."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        site = self.model_admin.admin_site
        self.result_list = with_users(self.result_list, request, site)


def with_users(found: Iterable[Any], request: HttpRequest, site: admin.AdminSite) -> list[Any]:
    """Return the rows with ``info``, ``user_in_words`` and ``user_url``."""
    found = list(found)
    for row in found:
        row.info = info_of(row)
    names = operations.names_of(row.info.user_id for row in found)
    url_of = user_urls(request, site)
    for row in found:
        row.user_in_words = user_in_words(row.info.user_id, names)
        row.user_url = url_of(row.info.user_id) if row.info.user_id in names else None
    return found


class TokenAdmin(ReadOnlyMixin, ModelAdmin):
    """The list of live tokens, a page for each, and their end."""

    list_display = ["name", "user_link", "allows", "used", "address", "ends"]
    list_per_page = 100
    ordering = ["-created", "-pk"]
    # get_search_results() decides what is searched.
    search_fields = ["user"]
    search_help_text = _("Search for a user name, a user id or a token id.")
    fields = [
        *("name", "user_link", "allows", "created_at", "ends_at", "used_at", "address", "place"),
        *("device", "user_agent", "known_networks", "id"),
    ]

    class Media:
        css = STYLES

    # Permissions.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(options().api_scopes) and super().has_module_permission(request)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Allow none, because one could find out a digest."""
        return False

    # The list, and the page of one token.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return TokenChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        return rows.live_rows().defer("secret").order_by(*self.ordering)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ApiToken], search_term: str
    ) -> tuple[QuerySet[ApiToken], bool]:
        """Look for users first, because they may be in another database."""
        term = search_term.strip()
        if not term:
            return queryset, False
        users = [pk_for(each) for each in operations.ids_of_users_like(term, USERS)]
        ids = [term] if keys.is_id(term) else []
        return queryset.filter(Q(user_id__in=users) | Q(pk__in=ids)), False

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Leave out the actions of the whole site but Django's own: one that exports rows shows digests."""
        location = () if action_location is None else (action_location,)  # since Django 6.1
        found = super().get_actions(request, *location)
        return {name: action for name, action in found.items() if name == "delete_selected"}

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return [name for name in self.fields if name != "place" or has_places()]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> ApiToken | None:
        found = super().get_object(request, object_id, from_field)
        return found and with_users([found], request, self.admin_site)[0]

    # Ending.

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        rows.end([obj], Reason.REVOKED_BY_STAFF)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        rows.end(queryset, Reason.REVOKED_BY_STAFF)

    # Columns and fields.

    @admin.display(description=_("user"))
    def user_link(self, row: Any) -> str:
        return linked(row.user_url, row.user_in_words)

    @admin.display(description=_("permissions"))
    def allows(self, row: Any) -> str:
        return ", ".join(row.info.scopes) or "-"

    @admin.display(description=_("last used"), ordering="last_used")
    def used(self, row: Any) -> str:
        return "-" if row.info.last_used is None else ago_in_words(row.info.last_used)

    @admin.display(description=_("last used"))
    def used_at(self, row: Any) -> str:
        return "-" if row.info.last_used is None else exact_time(row.info.last_used)

    @admin.display(description=_("address"))
    def address(self, row: Any) -> str:
        return row.ip or "-"

    @admin.display(description=_("place"))
    def place(self, row: Any) -> str:
        return row.info.place or "-"

    @admin.display(description=_("device"))
    def device(self, row: Any) -> str:
        return row.info.device or "-"

    @admin.display(description=_("networks"))
    def known_networks(self, row: ApiToken) -> str:
        return row.networks or "-"

    @admin.display(description=_("created"))
    def created_at(self, row: Any) -> str:
        return exact_time(row.info.created)

    @admin.display(description=_("ends"), ordering="expires")
    def ends(self, row: Any) -> str:
        return short_time(row.info.expires)

    @admin.display(description=_("ends"))
    def ends_at(self, row: Any) -> str:
        return exact_time(row.info.expires)

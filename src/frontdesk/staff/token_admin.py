"""API tokens in the admin: staff see them without their secrets, and end them by deleting them."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from frontdesk.conf import options
from frontdesk.models import ApiToken
from frontdesk.signals import Reason
from frontdesk.staff.base import OfUsersAdmin, linked, name_users
from frontdesk.tokens import rows as token_rows
from frontdesk.tokens.info import info_of
from frontdesk.words.times import ago_in_words, exact_time, short_time


class TokenAdmin(OfUsersAdmin):
    """The list of live tokens, a page for each, and their end."""

    list_display = ["name", "user_link", "allows", "used", "address", "ends"]
    list_per_page = 100
    ordering = ["-created", "-pk"]
    # get_search_results() decides what is searched.
    search_fields = ["user"]
    search_help_text = _("Search for a user name, a user id or a token id.")
    actions = ["delete_selected"]
    fields = [
        "name",
        "user_link",
        "allows",
        "created_at",
        "ends_at",
        "used_at",
        "address",
        "place",
        "device",
        "user_agent",
        "known_networks",
        "id",
    ]

    # Permissions.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(options().api_scopes) and super().has_module_permission(request)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Allow none, because one could find out a digest."""
        return False

    # The list, and the page of one token.

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        return token_rows.live_rows().defer("secret").order_by(*self.ordering)

    def described(self, rows: Iterable[Any], request: HttpRequest) -> list[Any]:
        """Add the user, and ``info``, a ``TokenInfo``."""
        rows = list(rows)
        for row in rows:
            row.info = info_of(row)
        name_users(rows, [row.info.user_id for row in rows], request, self.admin_site)
        return rows

    # Ending.

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        token_rows.end([obj], Reason.REVOKED_BY_STAFF)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        token_rows.end(queryset, Reason.REVOKED_BY_STAFF)

    # Columns and fields.

    @admin.display(description=_("user"))
    def user_link(self, row: Any) -> str:
        return linked(row.user_url, row.user_in_words)

    # With a capital letter, because Django's capfirst() makes "Izinler" of the Turkish "izinler".
    @admin.display(description=_("Permissions"))
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

"""What the pages of the admin have in common."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.text import capfirst

from frontdesk.core import keys
from frontdesk.staff import operations
from frontdesk.staff.filters import OfUser
from frontdesk.storages.rows import pk_of_id

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class DescribedChangeList(ChangeList):
    """A list whose rows are described together: the users of a page take one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        model_admin: Any = self.model_admin
        self.result_list = model_admin.described(self.result_list, request)


class ReadOnlyAdmin(ModelAdmin):
    """Rows that staff neither add nor change.

    Columns and fields are methods of a subclass. None has the name of a field of the model, because the
    admin would show the field.
    """

    list_title: Any = None
    """The title of the list; the plural name of the model if not given."""

    show_full_result_count = False  # to count all rows takes longer than to show some
    show_facets = admin.ShowFacets.NEVER  # each would be a query

    class Media:
        css = {"all": ["frontdesk/admin.css"]}

    def described(self, rows: Iterable[Any], request: HttpRequest) -> list[Any]:
        """Return the rows with the attributes that the columns and fields need."""
        return list(rows)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return DescribedChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = capfirst(self.list_title or self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_list_display(self, request: HttpRequest) -> Any:
        return _without_unknown_places(self.list_display)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return _without_unknown_places(self.fields)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        found = super().get_object(request, object_id, from_field)
        return found and self.described([found], request)[0]


def _without_unknown_places(names: Any) -> list[Any]:
    """Leave out the column of places if the project cannot look them up."""
    return [name for name in names if name != "place" or getattr(settings, "GEOIP_PATH", None)]


class OfUsersAdmin(ReadOnlyAdmin):
    """Rows that have an id and belong to users: sessions and API tokens. They hold digests."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look for users first, because they may be in another database."""
        term = search_term.strip()
        if not term:
            return queryset, False
        users = operations.keys_of(operations.ids_of_users_like(term))
        ids = [term] if keys.is_id(term) else []
        return queryset.filter(Q(user_id__in=users) | Q(pk__in=ids)), False

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Leave out the actions of the whole site: one that exports rows would export digests."""
        location = () if action_location is None else (action_location,)  # since Django 6.1
        found = super().get_actions(request, *location)
        return {name: action for name, action in found.items() if name in (self.actions or ())}


def name_users(
    rows: Sequence[Any], user_ids: Sequence[str | None], request: HttpRequest, site: admin.AdminSite
) -> None:
    """Set ``user_in_words`` and ``user_url`` of each row, by one query for all.

    The address is ``None`` if there is no such page, or ``request.user`` may not view it.
    """
    names = operations.names_of(user_ids)
    users = get_user_model()
    visible = has_pages(users, request, site)
    page = f"{site.name}:{users._meta.app_label}_{users._meta.model_name}_change"
    for row, user_id in zip(rows, user_ids, strict=True):
        row.user_in_words = operations.user_in_words(user_id, names)
        row.user_url = (
            reverse(page, args=[pk_of_id(user_id)]) if visible and user_id in names else None
        )


def has_pages(model: type[Model], request: HttpRequest, site: admin.AdminSite) -> bool:
    """Return whether the site has pages of ``model`` that ``request.user`` may view."""
    if not site.is_registered(model):
        return False
    return site.get_model_admin(model).has_view_or_change_permission(request)


def linked(url: str | None, text: str) -> str:
    """Return ``text`` as a link, if there is an address."""
    return format_html('<a href="{}">{}</a>', url, text) if url else text


def session_url(site: admin.AdminSite, name: str, *args: str) -> str:
    """Return the address of a page of the admin about sessions."""
    return reverse(f"{site.name}:frontdesk_session_{name}", args=args)


def sessions_of_url(site: admin.AdminSite, user_id: str) -> str:
    """Return the address of the list of a user's sessions."""
    return f"{session_url(site, 'changelist')}?{urlencode({OfUser.parameter_name: user_id})}"

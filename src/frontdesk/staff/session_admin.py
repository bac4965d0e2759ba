"""The admin's pages of sessions: who is in, and taking badges back, on any storage.

Nothing is added, changed or deleted here; what staff may do is end sessions, through the storage's verbs.
No page has a key, and none has a session's values unless ``FRONTDESK["ADMIN_SHOWS_DATA"]`` says so.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from frontdesk.accounts import ids_of_users_like, names_of
from frontdesk.asking import asked
from frontdesk.conf import options
from frontdesk.drive import run
from frontdesk.errors import UndecodableRecord
from frontdesk.everyone import TOGETHER, alive, end_owned, owners_of, sees_everybody
from frontdesk.models import Session
from frontdesk.signals import Reason
from frontdesk.staff.changelists import LIKE, RecordChangeList, TableChangeList, live_rows
from frontdesk.staff.columns import Columns
from frontdesk.staff.ending import is_confirmed, may_end, question, say_ended
from frontdesk.staff.filters import FILTERS
from frontdesk.staff.rows import rows_of
from frontdesk.storages import get_storage
from frontdesk.storages.base import HasTable
from frontdesk.storages.record import Record
from frontdesk.tokens import Digest, as_digest
from frontdesk.user_ids import key_of, owner_as_text

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Session]
else:
    ModelAdmin = admin.ModelAdmin

PAGE = 100
"""Sessions on a page of the list."""


class SessionAdmin(Columns, ModelAdmin):
    """The list of the live sessions, and a page for each."""

    list_display = ("user_link", "device", "address", "signed_in", "seen_at", "ends")
    list_display_links = ("device",)
    list_filter = FILTERS
    list_per_page = PAGE
    list_max_show_all = PAGE
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would be a query
    ordering = ("-last_seen",)
    search_fields = ("user",)  # what is searched is up to get_search_results()
    actions = ("end_selected",)
    fields = (
        "session_id",
        "user_link",
        "device",
        "browser",
        "address",
        "began",
        "signed_in",
        "last_seen_at",
        "idle_until",
        "ends_at",
    )
    readonly_fields = (*fields, "contents")

    # Who may do what. A member of staff with "view" sees, one with "end" ends.

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Asked by the action."""
        return may_end(request)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Allow the filters only: a lookup in the values would tell what they are."""
        return lookup in {one.parameter_name for one in FILTERS}

    # The list.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return TableChangeList if isinstance(get_storage(), HasTable) else RecordChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        return live_rows()

    def get_sortable_by(self, request: HttpRequest) -> Any:
        return super().get_sortable_by(request) if isinstance(get_storage(), HasTable) else ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        """Look for users first, as they may live in another database than their sessions."""
        if not search_term or not isinstance(get_storage(), HasTable):
            return queryset, False
        keys = [key_of(user_id) for user_id in ids_of_users_like(search_term, LIKE)]
        return queryset.filter(user_id__in=keys), False

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Leave the site's own actions out: one that exports rows would export values."""
        given = () if action_location is None else (action_location,)
        found = super().get_actions(request, *given)
        return {name: one for name, one in found.items() if name in self.actions}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        kept_by = gettext("kept by %(storage)s") % {"storage": type(get_storage()).__name__}
        context = {"title": gettext("Live sessions"), "subtitle": kept_by}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        found.search_help_text = self._search_help(found)
        return found

    def _search_help(self, found: Any) -> str:
        if not isinstance(get_storage(), HasTable) and not sees_everybody():
            return gettext(
                "This storage cannot list its sessions. Search for a user by username or id."
            )
        if found.partial:
            return gettext(
                "These are not all. Search for a user by username or id to see that user's sessions."
            )
        return gettext("Search for a user by username or id.")

    def user_urls(self, request: HttpRequest) -> Callable[[str], str] | None:
        """Return what gives the address of a user's page; nothing if the user may not see those."""
        model, site = get_user_model(), self.admin_site
        if not site.is_registered(model):
            return None
        if not site.get_model_admin(model).has_view_or_change_permission(request):
            return None
        name = f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_change"
        return lambda user_id: reverse(name, args=[user_id])

    # The page of one session.

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Session | None:
        """Read one session, from whatever storage; ``None`` unless it is alive."""
        digest = as_digest(object_id)
        if digest is None:
            return None
        try:
            found = run(asked(get_storage(), "read", digest))
        except UndecodableRecord:
            return None
        records = alive([found]) if isinstance(found, Record) else ()
        return next(iter(rows_of(records, request, self.user_urls(request))), None)

    def get_fields(self, request: HttpRequest, obj: Session | None = None) -> Any:
        return (*self.fields, "contents") if options().admin_shows_data else self.fields

    # Ending.

    @admin.action(permissions=["end"], description=_("End selected sessions"))
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Session]) -> Any:
        """End what was selected, after asking; all that the list shows, if that was selected."""
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        across = request.POST.get("select_across") == "1"
        if not is_confirmed(request):
            what = [] if across else _named(owners_of(selected[:PAGE]))
            return self._question(request, queryset.count() if across else len(selected), what)
        count = 0
        for owners in _pages(queryset) if across else [owners_of(selected[:PAGE])]:
            ended = end_owned(owners, Reason.REVOKED_BY_STAFF)
            self.log_deletions(request, cast(Any, [Session(digest=name) for name in ended]))
            count += len(ended)
        say_ended(self, request, count)
        return None

    def _question(self, request: HttpRequest, count: int, what: list[str]) -> HttpResponse:
        title = ngettext("End %(count)d session?", "End %(count)d sessions?", count)
        return question(self, request, title % {"count": count}, what)


def _named(owners: Mapping[Digest, str | None]) -> list[str]:
    """Say whose each session is, and the beginning of its id, as the list does."""
    names = names_of(owners.values())
    return [
        f"{names.get(user_id or '') or gettext('anonymous')}, {Session(digest=digest)}"
        for digest, user_id in owners.items()
    ]


def _pages(live: QuerySet[Session]) -> Iterator[dict[Digest, str | None]]:
    """Go through rows with whose they are; those that were ended meanwhile are not found again."""
    before: dict[Digest, str | None] = {}
    while True:
        rows = live.values_list("pk", "user_id")[:TOGETHER]
        page = {Digest(pk): owner_as_text(user_id) for pk, user_id in rows}
        if not page or page == before:
            return
        yield page
        before = page

"""The pages of the admin about sessions, on any storage.

Staff may view sessions and end them. No page shows a key. The values of a session are shown only with
``FRONTDESK["ADMIN_SHOWS_DATA"]``.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from frontdesk.conf import options
from frontdesk.core import keys
from frontdesk.core.record import Record
from frontdesk.models import Session
from frontdesk.staff import operations
from frontdesk.staff.base import DescribedChangeList, OfUsersAdmin, session_url, sessions_of_url
from frontdesk.staff.ending import NAMED, confirmation, is_confirmed, may_end, say_ended
from frontdesk.staff.filters import Activity, OfUser, SignedIn
from frontdesk.staff.rows import Columns, rows_of

PAGE: Final = 100
"""How many sessions a page of the list has."""

READ: Final = 1000
"""How many sessions are read for the list of a storage that has no table."""


class SessionChangeList(DescribedChangeList):
    """The list of sessions: filtered, sorted and paged by the table if there is one.

    Otherwise one page of those that the storage finds.
    """

    def get_results(self, request: HttpRequest) -> None:
        if operations.is_table():
            super().get_results(request)
            return
        found = list(islice(self._sessions(), READ + 1))
        newest = sorted(found, key=lambda record: record.last_seen, reverse=True)[:PAGE]
        self.result_list = rows_of(newest, request, self.model_admin.admin_site)
        self.result_count = len(newest)
        self.full_result_count = len(newest)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(newest)
        self.paginator = Paginator(newest, PAGE)
        self.page_num = 1
        if len(found) > len(newest):
            self.search_help_text = gettext(
                "These are not all sessions. Search for a user to see all sessions of that user."
            )

    def _sessions(self) -> Iterator[Record]:
        user_id = self.params.get(OfUser.parameter_name)
        if user_id is not None:
            yield from operations.sessions_of(user_id)
        elif self.query:
            yield from operations.find([self.query])
            for found in operations.ids_of_users_like(self.query):
                yield from operations.sessions_of(found)
        elif operations.can_list():
            yield from operations.all_sessions()
        else:
            self.search_help_text = gettext(
                "This storage cannot list its sessions. Search for a user to see that user's sessions."
            )


class SessionAdmin(Columns, OfUsersAdmin):
    """The list of live sessions, a page for each, and the ways to end them."""

    list_title = _("live sessions")
    list_display = ["user_link", "device", "ip", "used", "ends"]
    list_display_links = ["device"]
    list_filter = [OfUser, SignedIn, Activity]
    list_per_page = list_max_show_all = PAGE
    ordering = ["-last_seen"]
    # get_search_results() decides what is searched.
    search_fields = ["user"]
    search_help_text = _("Search for a user name, a user id or a session id.")
    actions = ["end_selected"]
    fields = [
        "user_link",
        "device",
        "ip",
        "place",
        "method",
        "signed_in_at",
        "began",
        "used_at",
        "idle_until",
        "ends_at",
        "user_agent",
        "id",
        "values",
    ]

    # Permissions.

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Return whether this user may end sessions. The action asks."""
        return may_end(request)

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Allow the filters only. Other look-ups could find out the values of a session."""
        return lookup in {each.parameter_name for each in self.get_list_filter(request)}

    # The list.

    def get_list_filter(self, request: HttpRequest) -> Any:
        return self.list_filter if operations.is_table() else [OfUser]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SessionChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        return operations.live_rows() if operations.is_table() else Session.objects.none()

    def get_sortable_by(self, request: HttpRequest) -> Any:
        return super().get_sortable_by(request) if operations.is_table() else ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        if not operations.is_table():
            return queryset, False  # SessionChangeList searches
        return super().get_search_results(request, queryset, search_term)

    def described(self, rows: Iterable[Any], request: HttpRequest) -> list[Any]:
        return rows_of(map(operations.record_of, rows), request, self.admin_site)

    # The page of one session.

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Session | None:
        return next(iter(rows_of(operations.find([object_id]), request, self.admin_site)), None)

    def get_fields(self, request: HttpRequest, obj: Session | None = None) -> Any:
        fields = super().get_fields(request, obj)
        return [name for name in fields if name != "values" or options().admin_shows_data]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {})}
        if may_end(request) and keys.is_id(object_id):
            context["end_url"] = session_url(self.admin_site, "end", object_id)
        return super().change_view(request, object_id, form_url, context)

    # Ending.

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<str:session_id>/end/", view(self.end_view), name="frontdesk_session_end"),
            path(
                "user/<str:user_id>/end/",
                view(self.end_user_view),
                name="frontdesk_session_end_user",
            ),
            *super().get_urls(),
        ]

    @admin.action(permissions=["end"], description=_("End selected sessions"))
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Session]) -> HttpResponse:
        """End the selected sessions, or all that the list shows, after a confirmation."""
        if operations.is_table() and request.POST.get("select_across") == "1":
            ids, hidden = list(queryset.values_list("pk", flat=True)), [("select_across", "1")]
        else:
            selected = request.POST.getlist(ACTION_CHECKBOX_NAME)[:PAGE]
            ids, hidden = [record.id for record in operations.find(selected)], []
        hidden.append(("action", "end_selected"))
        hidden += [(ACTION_CHECKBOX_NAME, each) for each in ids[:PAGE]]
        page = request.get_full_path()
        return self._end(request, ids, hidden=hidden, back=page, after=page)

    def end_view(self, request: HttpRequest, session_id: str) -> HttpResponse:
        """End one session, after a confirmation."""
        back = session_url(self.admin_site, "change", session_id)
        after = session_url(self.admin_site, "changelist")
        return self._end(request, [session_id], back=back, after=after)

    def end_user_view(self, request: HttpRequest, user_id: str) -> HttpResponse:
        """End all sessions of a user, after a confirmation."""
        wanted = unquote(user_id)
        page = sessions_of_url(self.admin_site, wanted)
        ids = [record.id for record in operations.sessions_of(wanted)]
        return self._end(request, ids, back=page, after=page)

    def _end(
        self,
        request: HttpRequest,
        ids: Sequence[str],
        *,
        hidden: Sequence[tuple[str, str]] = (),
        back: str,
        after: str,
    ) -> HttpResponse:
        """End these sessions if the user has confirmed it. Otherwise ask."""
        if not may_end(request):
            raise PermissionDenied
        named = operations.find(ids[:NAMED])
        if named and not is_confirmed(request):
            title = ngettext("End %(count)d session?", "End %(count)d sessions?", len(ids))
            return confirmation(
                self,
                request,
                title=title % {"count": len(ids)},
                rows=rows_of(named, request, self.admin_site),
                count=len(ids),
                hidden=hidden,
                back=back,
            )
        count = 0
        for ended in operations.end_sessions(ids if is_confirmed(request) else ()):
            self.log_deletions(request, [Session(pk=record.id) for record in ended])  # type: ignore[arg-type]
            count += len(ended)
        say_ended(self, request, count)
        return HttpResponseRedirect(after)

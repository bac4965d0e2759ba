"""The throttle in the admin: staff see what is refused, and clear it."""

from django.contrib import admin
from django.contrib.admin.actions import delete_selected
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from frontdesk.models import Throttle
from frontdesk.staff import buckets
from frontdesk.staff.base import ReadOnlyAdmin
from frontdesk.words.times import exact_time


class ThrottleAdmin(ReadOnlyAdmin):
    """A list, which can be searched for an exact user name, e-mail address or network."""

    list_display = ["counted_for", "which", "failures", "state", "window_end"]
    actions = ["delete_selected"]
    list_per_page = 50
    ordering = ["-until", "-attempts"]
    # get_search_results() decides what is searched.
    search_fields = ["bucket"]
    search_help_text = _(
        "Search for an exact user name, email address or network. Names are stored as hashes."
    )
    fields = ["counted_for", "which", "failures", "state", "window_end"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Throttle]:
        """Leave out what counts no failures, such as the rows of users who sign in at once."""
        return super().get_queryset(request).filter(Q(attempts__gt=0) | Q(before__gt=0))

    @admin.action(description=_("Clear selected counts"), permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[Throttle]
    ) -> TemplateResponse | None:
        """Do what Django's action does, which this one replaces for the sake of its name."""
        return delete_selected(self, request, queryset)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Throttle], search_term: str
    ) -> tuple[QuerySet[Throttle], bool]:
        term = search_term.strip()
        return (queryset.filter(buckets.matching(term)) if term else queryset), False

    # Columns and fields.

    @admin.display(description=_("counted for"))
    def counted_for(self, row: Throttle) -> str:
        return buckets.shown(row).in_words

    @admin.display(description=_("network, or start of the hash"))
    def which(self, row: Throttle) -> str:
        return buckets.shown(row).label

    @admin.display(description=_("attempts"), ordering="attempts")
    def failures(self, row: Throttle) -> str:
        return buckets.shown(row).share

    @admin.display(description=_("state"))
    def state(self, row: Throttle) -> str:
        found = buckets.shown(row)
        if found.refuses:
            return gettext("refused")
        return gettext("counting") if found.is_open else gettext("expired")

    @admin.display(description=_("until"), ordering="until")
    def window_end(self, row: Throttle) -> str:
        return exact_time(buckets.shown(row).until)

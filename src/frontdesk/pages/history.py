"""The page with the sign-in history of the user."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from django.http import Http404

from frontdesk.conf import options
from frontdesk.history import Entry, recent
from frontdesk.models import What
from frontdesk.pages.base import OwnPage, never_stored

ENTRIES: Final = 50
"""How many entries the page shows."""


@never_stored
class HistoryView(OwnPage):
    """Show the sign-in history of the user, newest first: one query. A 404 if none is kept.

    ``history`` in the context is what :func:`frontdesk.history.recent` returns, with failed attempts that
    follow each other as one entry.
    """

    template_name = "frontdesk/history_page.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if options().history_retention is None:
            raise Http404("FRONTDESK['HISTORY_RETENTION'] is None.")
        entries = recent(self.request.user, ENTRIES)  # type: ignore[arg-type]
        return {"history": with_failures_joined(entries), **super().get_context_data(**kwargs)}


def with_failures_joined(entries: Iterable[Entry]) -> list[Entry]:
    """Return ``entries`` with failed attempts that follow each other as one entry."""
    joined: list[Entry] = []
    for entry in entries:
        if joined and entry.what is joined[-1].what is What.FAILED:
            last = joined[-1]
            first = min(entry.at, last.at)
            joined[-1] = replace(last, at=first, count=last.count + entry.count)
        else:
            joined.append(entry)
    return joined

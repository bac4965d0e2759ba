"""Sessions as the admin shows them."""

from collections.abc import Iterable
from datetime import datetime
from pprint import pformat
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN
from django.http import HttpRequest
from django.middleware.csrf import CSRF_SESSION_KEY
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.debug import SafeExceptionReporterFilter

from frontdesk.core.record import Record
from frontdesk.http.values import serializer_in_force
from frontdesk.models import Session
from frontdesk.sessions import info_of
from frontdesk.staff.base import linked, name_users
from frontdesk.words.methods import methods_in_words
from frontdesk.words.times import ago_in_words, exact_time, short_time

SECRETS: Final = {HASH_SESSION_KEY, CSRF_SESSION_KEY, INTERNAL_RESET_SESSION_TOKEN}
"""Values that are never shown, because they help to take over a session or an account."""


def rows_of(records: Iterable[Record], request: HttpRequest, site: admin.AdminSite) -> list[Any]:
    """Return an instance of the model for each record, of any storage. One query finds the user names.

    Each has more attributes: ``record``, ``info`` (a ``SessionInfo``), ``used`` (how long ago),
    ``is_current``, and those of :func:`name_users`.
    """
    serializer = serializer_in_force()
    rows = []
    for record in records:
        row: Any = Session(pk=record.id, ip=record.ip, user_agent=record.user_agent)
        row.record, row.info = record, info_of(record, serializer)
        row.used = ago_in_words(row.info.last_seen)
        row.is_current = row.info.is_current(request)
        rows.append(row)
    name_users(rows, [row.record.user_id for row in rows], request, site)
    return rows


def values_shown(record: Record) -> str:
    """Return the values of ``record`` as text, one line for each key.

    Hides :data:`SECRETS`, and what Django hides in error reports: keys that contain "token" and the like.
    """
    try:
        decoded = record.decoded(serializer_in_force())
    except Exception:  # noqa: BLE001 (a project's serializer may raise anything)
        return gettext("The data cannot be read.")
    guard = SafeExceptionReporterFilter()
    shown = {
        key: guard.cleansed_substitute if key in SECRETS else guard.cleanse_setting(key, value)
        for key, value in decoded.items()
    }
    return "\n".join(f"{key}: {pformat(value, width=100)}" for key, value in sorted(shown.items()))


class Columns:
    """Columns and fields of a row that :func:`rows_of` made."""

    @admin.display(description=_("user"), ordering="user_id")
    def user_link(self, row: Any) -> str:
        return linked(row.user_url, row.user_in_words)

    @admin.display(description=_("device"), ordering="user_agent")
    def device(self, row: Any) -> str:
        words: str = row.info.device
        return gettext("%(device)s (this session)") % {"device": words} if row.is_current else words

    @admin.display(description=_("place"))
    def place(self, row: Any) -> str:
        return row.info.place or "-"

    @admin.display(description=_("method"))
    def method(self, row: Any) -> str:
        return methods_in_words(row.info.methods) or "-"

    @admin.display(description=_("last used"), ordering="last_seen")
    def used(self, row: Any) -> str:
        return ago_in_words(row.info.last_seen)

    @admin.display(description=_("last used"))
    def used_at(self, row: Any) -> str:
        return exact_time(row.info.last_seen)

    @admin.display(description=_("Signed in"))
    def signed_in_at(self, row: Any) -> str:
        return _exact(row.info.authenticated)

    @admin.display(description=_("ends"), ordering="expires")
    def ends(self, row: Any) -> str:
        return "-" if row.info.ends is None else short_time(row.info.ends)

    @admin.display(description=_("created"))
    def began(self, row: Any) -> str:
        return exact_time(row.info.created)

    @admin.display(description=_("ends if not used before"))
    def idle_until(self, row: Any) -> str:
        return _exact(row.info.idle_until)

    @admin.display(description=_("ends at the latest"))
    def ends_at(self, row: Any) -> str:
        return _exact(row.info.ends_at)

    @admin.display(description=_("data"))
    def values(self, row: Any) -> str:
        return format_html("<pre>{}</pre>", values_shown(row.record))


def _exact(when: datetime | None) -> str:
    return "-" if when is None else exact_time(when)

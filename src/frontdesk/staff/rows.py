"""Sessions as the admin shows them."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pprint import pformat
from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import HASH_SESSION_KEY, get_user_model
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN
from django.http import HttpRequest
from django.middleware.csrf import CSRF_SESSION_KEY
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.debug import SafeExceptionReporterFilter

from frontdesk.core.record import Record
from frontdesk.http.values import serializer_in_force
from frontdesk.models import Session
from frontdesk.sessions import info_of
from frontdesk.staff import operations
from frontdesk.storages.rows import pk_of_id
from frontdesk.words.methods import methods_in_words
from frontdesk.words.times import ago_in_words, exact_time, short_time

STYLES: Final = {"all": ["frontdesk/admin.css"]}
"""For the ``Media`` of an admin with a list."""

SECRETS: Final = {HASH_SESSION_KEY, CSRF_SESSION_KEY, INTERNAL_RESET_SESSION_TOKEN}
"""Values that are never shown, because they help to take over a session or an account."""


def rows_of(records: Iterable[Record], request: HttpRequest, site: admin.AdminSite) -> list[Any]:
    """Return an instance of the model for each record, of any storage. One query finds the user names.

    Each has more attributes: ``record``, ``info`` (a ``SessionInfo``), ``user_in_words``, ``user_url``
    (``None`` if there is no such page, or ``request.user`` may not view it), ``used`` (how long ago) and
    ``is_current``.
    """
    records = list(records)
    names = operations.names_of(record.user_id for record in records)
    url_of = user_urls(request, site)
    serializer = serializer_in_force()
    rows = []
    for record in records:
        row: Any = Session(pk=record.id, ip=record.ip, user_agent=record.user_agent)
        row.record, row.info = record, info_of(record, serializer)
        row.user_in_words = user_in_words(record.user_id, names)
        row.user_url = url_of(record.user_id) if record.user_id in names else None
        row.used = ago_in_words(row.info.last_seen)
        row.is_current = row.info.is_current(request)
        rows.append(row)
    return rows


def user_in_words(user_id: str | None, names: dict[str, str]) -> str:
    """Return the name of a user, whose session it is."""
    if user_id is None:
        return gettext("anonymous")
    return names.get(user_id) or gettext("deleted user %(id)s") % {"id": user_id}


def user_urls(request: HttpRequest, site: admin.AdminSite) -> Callable[[Any], str | None]:
    """Return a function from a user id to the address of the user's page in the admin."""
    model = get_user_model()
    visible = site.is_registered(model) and site.get_model_admin(
        model
    ).has_view_or_change_permission(request)
    name = f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_change"
    return lambda user_id: reverse(name, args=[pk_of_id(user_id)]) if visible else None


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


class ReadOnlyMixin:
    """An admin of rows that staff neither add nor change."""

    show_full_result_count = False  # to count all rows takes longer than to show some

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Columns:
    """Columns and fields of a row that :func:`rows_of` made.

    None has the name of a field of the model, because the admin would show the field.
    """

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
        return _short(row.info.ends)

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


def linked(url: str | None, text: str) -> str:
    """Return ``text`` as a link, if there is an address."""
    return format_html('<a href="{}">{}</a>', url, text) if url else text


def has_places() -> bool:
    """Return whether places are worth a column, because the project can look them up."""
    return bool(getattr(settings, "GEOIP_PATH", None))


def _short(when: datetime | None) -> str:
    return "-" if when is None else short_time(when)


def _exact(when: datetime | None) -> str:
    return "-" if when is None else exact_time(when)

"""What the admin shows of a session, for the columns of the list and the fields of its page.

None has the name of a field of the model, since the admin would show that instead.
"""

from datetime import datetime

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from frontdesk.models import Session
from frontdesk.moments import ago_in_words, exactly_in_short
from frontdesk.staff.data import data_shown
from frontdesk.staff.rows import seen


class Columns:
    """Columns of rows that ``rows_of`` made."""

    @admin.display(description=_("user"), ordering="user_id")
    def user_link(self, row: Session) -> str:
        _record, info, name, url, _own = seen(row)
        if info.user_id is None:
            return gettext("anonymous")
        if name is None:
            return gettext("a user who is gone")
        return format_html('<a href="{}">{}</a>', url, name) if url else name

    @admin.display(description=_("device"), ordering="user_agent")
    def device(self, row: Session) -> str:
        words = seen(row).info.device
        return gettext("%(device)s (this one)") % {"device": words} if seen(row).own else words

    @admin.display(description=_("address"), ordering="ip", empty_value="-")
    def address(self, row: Session) -> str:
        return seen(row).info.ip

    @admin.display(description=_("signed in"), ordering="authenticated", empty_value="-")
    def signed_in(self, row: Session) -> str:
        return _moment(seen(row).info.authenticated)

    @admin.display(description=_("last seen"), ordering="last_seen")
    def seen_at(self, row: Session) -> str:
        return ago_in_words(seen(row).info.last_seen)

    @admin.display(description=_("ends"), ordering="expires", empty_value="-")
    def ends(self, row: Session) -> str:
        return _moment(seen(row).info.ends)

    @admin.display(description=_("session id"))
    def session_id(self, row: Session) -> str:
        return row.digest

    @admin.display(description=_("user agent"))
    def browser(self, row: Session) -> str:
        return seen(row).info.user_agent

    @admin.display(description=_("created"))
    def began(self, row: Session) -> str:
        return _moment(seen(row).info.created)

    @admin.display(description=_("last seen"))
    def last_seen_at(self, row: Session) -> str:
        return _moment(seen(row).info.last_seen)

    @admin.display(description=_("ends unless it is used before"), empty_value="-")
    def idle_until(self, row: Session) -> str:
        return _moment(seen(row).info.idle_until)

    @admin.display(description=_("ends for good"), empty_value="-")
    def ends_at(self, row: Session) -> str:
        return _moment(seen(row).info.ends_at)

    @admin.display(description=_("data"))
    def contents(self, row: Session) -> str:
        return format_html("<pre>{}</pre>", data_shown(seen(row).record))


def _moment(at: datetime | None) -> str:
    return "" if at is None else exactly_in_short(at)

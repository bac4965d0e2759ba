"""The filters of the list of sessions. Each says the same twice: to a table, and of a record."""

from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from frontdesk import clock
from frontdesk.accounts import names_of
from frontdesk.client import FAMILIES, family_of
from frontdesk.models import Session
from frontdesk.storages.record import Record
from frontdesk.user_ids import key_of

Choices = list[tuple[str, Any]]


class SessionFilter(SimpleListFilter):
    """A filter for records as well, where there is no table."""

    def chosen(self) -> Q | None:
        """Return the condition on the table; ``None`` if nothing, or nonsense, was chosen."""
        raise NotImplementedError

    def matches(self, record: Record) -> bool:
        """Return whether a record meets the condition; asked only if there is one."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        """Apply the condition."""
        condition = self.chosen()
        return queryset if condition is None else queryset.filter(condition)


class OfUser(SessionFilter):
    """One user's sessions: where the links from the user's page lead."""

    title = _("user")
    parameter_name = "user"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        """Offer only who was asked for, and so a way back to all."""
        user_id = self.value()
        if user_id is None:
            return []
        name = names_of([user_id]).get(user_id)
        return [(user_id, name or gettext("a user who is gone"))]

    def chosen(self) -> Q | None:
        user_id = self.value()
        if user_id is None:
            return None
        key = key_of(user_id)
        return Q(pk__in=()) if key is None else Q(user_id=key)

    def matches(self, record: Record) -> bool:
        return record.user_id == self.value()


class SignedIn(SessionFilter):
    """Whether anybody is signed in."""

    title = _("sign-in")
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return [("user", _("signed in")), ("nobody", _("anonymous"))]

    def chosen(self) -> Q | None:
        nobody = {"user": False, "nobody": True}.get(self.value() or "")
        return None if nobody is None else Q(user_id__isnull=nobody)

    def matches(self, record: Record) -> bool:
        return (record.user_id is None) == (self.value() == "nobody")


class Activity(SessionFilter):
    """How long ago it was used."""

    title = _("activity")
    parameter_name = "activity"
    SINCE = {"hour": clock.DAY // 24, "day": clock.DAY, "week": 7 * clock.DAY}

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return [
            ("hour", _("used within an hour")),
            ("idle-hour", _("idle for an hour")),
            ("idle-day", _("idle for a day")),
            ("idle-week", _("idle for a week")),
        ]

    def _moment(self) -> int | None:
        since = self.SINCE.get((self.value() or "").removeprefix("idle-"))
        return None if since is None else clock.now() - since

    def _idle(self) -> bool:
        return (self.value() or "").startswith("idle-")

    def chosen(self) -> Q | None:
        moment = self._moment()
        if moment is None:
            return None
        return Q(last_seen__lte=moment) if self._idle() else Q(last_seen__gt=moment)

    def matches(self, record: Record) -> bool:
        moment = self._moment()
        return moment is None or (record.last_seen <= moment) == self._idle()


class Browser(SessionFilter):
    """The family of the browser, which ``CLIENT_INFO = "masked"`` keeps too."""

    title = _("browser")
    parameter_name = "browser"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        names = sorted({family for _, family in FAMILIES})
        return [*((name, name) for name in names), ("other", _("others"))]

    def chosen(self) -> Q | None:
        """Say in SQL what ``family_of`` says: the first mark that is found names the family."""
        wanted = self.value()
        if wanted not in {value for value, _ in self.lookup_choices}:
            return None
        found, before = Q(user_agent=wanted), Q(pk__in=())
        for mark, family in FAMILIES:
            has = Q(user_agent__contains=mark)
            if family == wanted:
                found |= has & ~before
            before |= has
        masked = Q(user_agent__in={family for _, family in FAMILIES})
        return ~before & ~masked if wanted == "other" else found

    def matches(self, record: Record) -> bool:
        agent = record.user_agent
        names = {value for value, _ in self.lookup_choices}
        family = agent if agent in names else family_of(agent)
        return (family or "other") == self.value()


FILTERS = (OfUser, SignedIn, Activity, Browser)

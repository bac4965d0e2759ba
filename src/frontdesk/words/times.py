"""Times in words, in the active language and in Django's current time zone."""

from datetime import datetime
from typing import Any

from django.conf import global_settings
from django.utils.formats import date_format, get_format, time_format
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import npgettext_lazy

from frontdesk.core import clock
from frontdesk.words.lists import joined

# Django translates "3 days" alone: "3 Tage". With "ago", some languages inflect it: "vor 3 Tagen".
UNITS: dict[str, Any] = {
    "year": npgettext_lazy("ago", "%(num)d year", "%(num)d years", "num"),
    "month": npgettext_lazy("ago", "%(num)d month", "%(num)d months", "num"),
    "week": npgettext_lazy("ago", "%(num)d week", "%(num)d weeks", "num"),
    "day": npgettext_lazy("ago", "%(num)d day", "%(num)d days", "num"),
    "hour": npgettext_lazy("ago", "%(num)d hour", "%(num)d hours", "num"),
    "minute": npgettext_lazy("ago", "%(num)d minute", "%(num)d minutes", "num"),
}


def ago_in_words(when: datetime) -> str:
    """Return how long ago an aware datetime was, in one unit: "2 minutes ago"."""
    now = clock.to_datetime(clock.now())
    if (now - when).total_seconds() < 60:
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(when, now, time_strings=UNITS, depth=1)}


def ago_between(first: datetime, last: datetime) -> str:
    """Return how long ago a period was, from ``first`` to ``last``: "2 to 3 minutes ago"."""
    older, newer = ago_in_words(first), ago_in_words(last)
    if older == newer:
        return older
    (many, unit), (few, same) = _age(first), _age(last)
    if few and unit == same:
        return _("%(few)d to %(time)s ago") % {"few": few, "time": UNITS[unit] % {"num": many}}
    return _("%(newer)s to %(older)s") % {"newer": newer, "older": older}


def _age(when: datetime) -> tuple[int, str]:
    """Return the number and the unit, a key of ``UNITS``, in which :func:`ago_in_words` says it."""
    plain = {unit: f"%(num)d {unit}" for unit in UNITS}
    now = clock.to_datetime(clock.now())
    number, unit = timesince(when, now, time_strings=plain, depth=1).split()
    return int(number), unit


def exact_time(when: datetime) -> str:
    """Return an aware datetime in full: "Nov. 24, 2026, 3:31 p.m."."""
    return date_and_time(localtime(when))


def short_time(when: datetime) -> str:
    """Return an aware datetime for a column of a table: "11/24/2026 3:31 p.m."."""
    return date_and_time(localtime(when), "SHORT_")


def date_and_time(when: datetime, kind: str = "") -> str:
    """Return an aware datetime in its own time zone, in Django's format for the active language.

    Django has formats for dates and for times in Arabic, but none for both, and falls back to that of
    English.
    """
    both, date = f"{kind}DATETIME_FORMAT", f"{kind}DATE_FORMAT"
    if _is_english(both) and not _is_english(date):
        return joined([date_format(when, date), time_format(when.timetz(), "TIME_FORMAT")])
    return date_format(when, both)


def _is_english(name: str) -> bool:
    return bool(get_format(name) == getattr(global_settings, name))

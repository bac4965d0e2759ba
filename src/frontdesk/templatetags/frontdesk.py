"""``{% load frontdesk %}``: moments as people read them."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from frontdesk import clock

register = template.Library()


@register.simple_tag
def moment(when: datetime) -> SafeString:
    """Return an aware moment, in Django's current time zone: "Nov. 24, 2026, 3:31 p.m."."""
    return _time(when, _exactly(when))


@register.simple_tag
def ago(when: datetime) -> SafeString:
    """Return how long ago an aware moment was: "2 minutes ago". Its title says when exactly."""
    now = clock.to_datetime(clock.now())
    if (now - when).total_seconds() < 60:
        return _time(when, _("just now"), _exactly(when))
    words = _("%(time)s ago") % {"time": timesince(when, now, depth=1)}
    return _time(when, words, _exactly(when))


def _time(when: datetime, words: str, title: str = "") -> SafeString:
    given = format_html(' title="{}"', title) if title else ""
    return format_html(
        '<time datetime="{}"{}>{}</time>', when.isoformat(timespec="seconds"), given, words
    )


def _exactly(when: datetime) -> str:
    return date_format(timezone.localtime(when), "DATETIME_FORMAT")

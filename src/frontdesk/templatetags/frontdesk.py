"""``{% load frontdesk %}``: moments as people read them."""

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from frontdesk.moments import ago_in_words, exactly

register = template.Library()


@register.simple_tag
def moment(when: datetime) -> SafeString:
    """Return an aware moment, in Django's current time zone: "Nov. 24, 2026, 3:31 p.m."."""
    return _time(when, exactly(when))


@register.simple_tag
def ago(when: datetime) -> SafeString:
    """Return how long ago an aware moment was: "2 minutes ago". Its title says when exactly."""
    return _time(when, ago_in_words(when), exactly(when))


def _time(when: datetime, words: str, title: str = "") -> SafeString:
    given = format_html(' title="{}"', title) if title else ""
    return format_html(
        '<time datetime="{}"{}>{}</time>', when.isoformat(timespec="seconds"), given, words
    )

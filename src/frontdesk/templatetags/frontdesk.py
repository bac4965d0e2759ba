"""``{% load frontdesk %}``: tags that show times as ``<time>`` elements."""

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from frontdesk.words.times import ago_in_words, exact_time

register = template.Library()


@register.simple_tag
def moment(when: datetime) -> SafeString:
    """Return an aware datetime in full: "Nov. 24, 2026, 3:31 p.m."."""
    return _time(when, exact_time(when))


@register.simple_tag
def ago(when: datetime) -> SafeString:
    """Return how long ago an aware datetime was: "2 minutes ago". The title is the exact time."""
    return _time(when, ago_in_words(when), exact_time(when))


def _time(when: datetime, words: str, title: str = "") -> SafeString:
    attribute = format_html(' title="{}"', title) if title else ""
    iso = when.isoformat(timespec="seconds")
    return format_html('<time datetime="{}"{}>{}</time>', iso, attribute, words)

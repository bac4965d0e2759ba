"""``{% load frontdesk %}``: times as ``<time>`` elements, and text that keeps its own direction."""

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone_name

from frontdesk.words.times import ago_between, ago_in_words, exact_time

register = template.Library()


@register.simple_tag
def moment(when: datetime) -> SafeString:
    """Return an aware datetime in full: "Nov. 24, 2026, 3:31 p.m.".

    ``frontdesk/times.js`` replaces it by the time in the browser's time zone.
    """
    html = '<bdi><time datetime="{}" data-fd-moment>{}</time></bdi>'
    return format_html(html, when.isoformat(timespec="seconds"), exact_time(when))


@register.simple_tag
def ago(when: datetime, until: datetime | None = None) -> SafeString:
    """Return how long ago an aware datetime was, or a period: "2 minutes ago", "2 to 3 minutes ago"."""
    words = ago_between(when, until) if until else ago_in_words(when)
    return format_html(
        '<bdi><time datetime="{}">{}</time></bdi>',
        (until or when).isoformat(timespec="seconds"),
        words,
    )


@register.filter
def bdi(text: object, css_class: str = "") -> SafeString:
    """Return ``text`` in a ``<bdi>`` element, which keeps its direction apart from that of its sentence.

    For the variables of ``blocktranslate``, so that messages hold no HTML.
    """
    if css_class:
        return format_html('<bdi class="{}">{}</bdi>', css_class, text)
    return format_html("<bdi>{}</bdi>", text)


@register.simple_tag
def time_zone() -> SafeString:
    """Return the name of the time zone that :func:`moment` shows times of."""
    return format_html("<span data-fd-zone>{}</span>", get_current_timezone_name())

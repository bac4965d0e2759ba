"""Times in words, and the template tags that show them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import engines
from django.utils import timezone, translation

from frontdesk.core import clock
from frontdesk.words.times import ago_between, ago_in_words, exact_time, short_time

NOW = datetime(2026, 11, 24, 15, 31, tzinfo=UTC)
MINUTE, DAY = clock.MINUTE, clock.DAY
HOUR = 60 * MINUTE


@pytest.fixture(autouse=True)
def now(monkeypatch):
    now = clock.from_datetime(NOW)
    monkeypatch.setattr(clock, "now", lambda: now)
    return now


@pytest.mark.parametrize(
    ("age", "english", "german"),
    [
        (-MINUTE, "just now", "gerade eben"),
        (MINUTE - 1, "just now", "gerade eben"),
        (MINUTE, "1 minute ago", "vor 1 Minute"),
        (3 * MINUTE, "3 minutes ago", "vor 3 Minuten"),
        (2 * HOUR, "2 hours ago", "vor 2 Stunden"),
        (DAY, "1 day ago", "vor 1 Tag"),
        (3 * DAY + HOUR, "3 days ago", "vor 3 Tagen"),
        (15 * DAY, "2 weeks ago", "vor 2 Wochen"),
        (70 * DAY, "2 months ago", "vor 2 Monaten"),
        (800 * DAY, "2 years ago", "vor 2 Jahren"),
    ],
)
def test_an_age_is_told_in_one_unit(now, age, english, german):
    when = clock.to_datetime(now - age)
    for language, words in (("en", english), ("de", german)):
        with translation.override(language):
            assert ago_in_words(when).replace("\xa0", " ") == words


@pytest.mark.parametrize(
    ("first", "last", "english", "german"),
    [
        (3 * MINUTE, 2 * MINUTE, "2 to 3 minutes ago", "vor 2 bis 3 Minuten"),
        (2 * HOUR, HOUR, "1 to 2 hours ago", "vor 1 bis 2 Stunden"),
        (3 * MINUTE, 0, "just now to 3 minutes ago", "gerade eben bis vor 3 Minuten"),
        (2 * HOUR, 5 * MINUTE, "5 minutes ago to 2 hours ago", "vor 5 Minuten bis vor 2 Stunden"),
        (3 * MINUTE + 1, 3 * MINUTE, "3 minutes ago", "vor 3 Minuten"),
        (9, 0, "just now", "gerade eben"),
    ],
)
def test_a_period_is_told_by_its_two_ends(now, first, last, english, german):
    ends = clock.to_datetime(now - first), clock.to_datetime(now - last)
    for language, words in (("en", english), ("de", german)):
        with translation.override(language):
            assert ago_between(*ends).replace("\xa0", " ") == words


@pytest.mark.parametrize(
    ("language", "exact", "short"),
    [
        ("en", "Nov. 25, 2026, 12:31 a.m.", "11/25/2026 12:31 a.m."),
        ("de", "25. November 2026 00:31", "25.11.2026 00:31"),
        # Django has no format for both there.
        ("ar", "25 نوفمبر، 2026، 12:31 ص", "25\u200f/11\u200f/2026، 12:31 ص"),
    ],
)
def test_a_time_is_in_the_current_time_zone(language, exact, short):
    with translation.override(language), timezone.override("Asia/Tokyo"):
        assert exact_time(NOW) == exact
        assert short_time(NOW) == short


@pytest.mark.parametrize(
    ("tag", "html"),
    [
        (
            "moment when",
            '<bdi><time datetime="{iso}" data-fd-moment>Nov. 24, 2026, 3:31 p.m.</time></bdi>',
        ),
        ("ago when", '<bdi><time datetime="{iso}">just now</time></bdi>'),
        (
            "ago earlier when",
            '<bdi><time datetime="{iso}">just now to 3\xa0minutes ago</time></bdi>',
        ),
        ("time_zone", "<span data-fd-zone>UTC</span>"),
    ],
)
def test_a_tag_shows_a_time_element(tag, html):
    template = engines["django"].from_string(f"{{% load frontdesk %}}{{% {tag} %}}")
    context = {"when": NOW, "earlier": NOW - timedelta(minutes=3)}
    assert template.render(context) == html.format(iso="2026-11-24T15:31:00+00:00")


@pytest.mark.parametrize(
    ("tag", "html"),
    [
        ("{{ text|bdi }}", "<bdi>1 &lt; 2</bdi>"),
        ('{{ text|bdi:"fd-name" }}', '<bdi class="fd-name">1 &lt; 2</bdi>'),
    ],
)
def test_a_filter_keeps_the_direction_of_a_text_apart(tag, html):
    template = engines["django"].from_string(f"{{% load frontdesk %}}{tag}")
    assert template.render({"text": "1 < 2"}) == html

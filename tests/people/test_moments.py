"""How long ago something was, in words."""

import pytest
from django.utils import translation

from frontdesk import clock
from frontdesk.moments import ago_in_words
from frontdesk.testing import Clock

MINUTE, HOUR, DAY = 60 * clock.SECOND, 3600 * clock.SECOND, clock.DAY


@pytest.mark.parametrize(
    ("ago", "english", "german"),
    [
        (0, "just now", "gerade eben"),
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
def test_how_long_ago_it_was_is_said_as_people_say_it(ago, english, german):
    with Clock() as now:
        then = clock.to_datetime(now.now() - ago)
        for language, words in (("en", english), ("de", german)):
            with translation.override(language):
                assert ago_in_words(then).replace("\xa0", " ") == words

"""The page with a user's sign-in history."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from frontdesk.history import Entry
from frontdesk.models import What
from frontdesk.pages.history import with_failures_joined
from tests.pages.catalogue import FIREFOX, page, sign_in

URL = "/accounts/sessions/history/"
NOW = datetime(2026, 11, 24, 15, 31, tzinfo=UTC)


def entry(what, minutes, count=1, until=None, ip=""):
    at = NOW - timedelta(minutes=minutes)
    last = at if until is None else NOW - timedelta(minutes=until)
    return Entry(what, at, last, count, "", "", (), ip, "")


@pytest.fixture
def failing(stranger, user, django_capture_on_commit_callbacks):
    """Fail to sign in as the user so many times."""

    def fail(times):
        for _ in range(times):
            with django_capture_on_commit_callbacks(execute=True):
                credentials = {"username": user.username, "password": "wrong"}
                agent = {"User-Agent": FIREFOX}
                stranger.post(reverse("login"), credentials, headers=agent, REMOTE_ADDR="192.0.2.1")

    return fail


def test_it_shows_sign_ins_of_the_user_only(user, other_user, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        browser = sign_in(user, ip="203.0.113.7")
        sign_in(other_user, ip="192.0.2.66")
    words = page(browser.get(URL)).words
    assert "Signed in with password" in words
    assert "203.0.113.7" in words
    assert "192.0.2.66" not in words


def test_failed_attempts_that_follow_each_other_are_one_entry(member, failing, clock):
    for _ in range(2):
        failing(5)
        clock.move(minutes=1)
    clock.move(minutes=1, seconds=1)
    text = page(member.get(URL)).text
    assert "10 failed sign-in attempts Firefox on Android 192.0.2.1 2 to 3 minutes ago" in text


def test_joined_attempts_keep_their_number_and_their_period():
    entries = [
        entry(What.SIGNED_IN, 1),
        entry(What.FAILED, 9, count=3, until=2, ip="192.0.2.2"),
        entry(What.FAILED, 20, count=4, until=11, ip="192.0.2.1"),
        entry(What.SIGNED_IN, 30),
        entry(What.FAILED, 40),
    ]
    joined = with_failures_joined(entries)
    assert [each.count for each in joined] == [1, 7, 1, 1]
    assert (joined[1].at, joined[1].until) == (entries[2].at, entries[1].until)
    assert joined[1].ip == "192.0.2.2"


def test_it_shows_relative_and_exact_times_as_text(member, failing, clock):
    failing(1)
    clock.move(hours=2)
    found = page(member.get(URL))
    assert "2 hours ago" in found.words
    assert [time for time in found.all("time") if "data-fd-moment" in time]
    assert not [attrs for _, attrs in found.tags if "title" in attrs]


def test_without_a_history_there_is_neither_a_page_nor_a_link(user, configure):
    configure(HISTORY_RETENTION=None)
    browser = sign_in(user)
    assert browser.get(URL).status_code == 404
    assert URL not in browser.get("/accounts/sessions/").content.decode()


def test_the_sessions_page_links_to_it(member):
    assert {"href": URL} in page(member.get("/accounts/sessions/")).all("a")


def test_an_empty_history_says_so(member):
    assert "There is nothing here yet." in page(member.get(URL)).words

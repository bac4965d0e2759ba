"""The sign-in history in the admin."""

import os
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from frontdesk.core import clock as frontdesk_clock
from frontdesk.history import hashes_of
from frontdesk.models import HistoryEntry, What
from frontdesk.signals import Reason
from tests.staff.conftest import SAFARI, enter, frontdesk, in_memory, in_the_database, is_live

pytestmark = pytest.mark.django_db

LIST = "/admin/frontdesk/historyentry/"
SESSIONS = "/admin/frontdesk/session/"


def remember(what, user=None, **fields):
    """Write an entry."""
    pk = user and user.pk
    return HistoryEntry.objects.create(
        what=what, at=frontdesk_clock.now(), user_id=pk, **{"user_agent": SAFARI, **fields}
    )


def rows_in(page) -> list[str]:
    """Return the words of each row of the list."""
    body = page.text.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


@in_memory
def test_entries_say_what_happened_to_whom(storage, admin, user):
    HistoryEntry.objects.all().delete()
    remember(What.SIGNED_IN, user, methods="password otp", ip="192.0.2.7", session_id="a" * 15)
    (row,) = rows_in(admin.get(LIST))
    for words in (
        "Signed in",
        "ada",
        "password and one-time code",
        "Safari on iPhone",
        "192.0.2.7",
        "a" * 15,
    ):
        assert words in row


WORDS = {
    Reason.LOGOUT: "Signed out",
    Reason.REVOKED: "Session ended by the user",
    Reason.REVOKED_BY_STAFF: "Session ended by staff",
    Reason.PASSWORD_CHANGE: "Session ended because the password was changed",
    Reason.IDLE: "Session ended because it was not used",
    "of a later release": "Session ended",
}


@in_memory
@pytest.mark.parametrize(("reason", "words"), WORDS.items(), ids=str)
def test_ends_speak_of_the_user_and_of_staff(storage, admin, user, reason, words):
    HistoryEntry.objects.all().delete()
    remember(What.ENDED, user, reason=reason)
    (row,) = rows_in(admin.get(LIST))
    assert f"{words} ada" in row
    assert "you" not in row.split()


@in_memory
def test_user_and_live_session_are_linked(storage, admin, user):
    HistoryEntry.objects.all().delete()
    session = enter(user)
    session_id = session.session_id
    entry = remember(What.SIGNED_IN, user, session_id=session_id)
    link = f'<a href="/admin/frontdesk/session/{session_id}/change/">'
    for address in (LIST, f"{LIST}{entry.pk}/change/"):
        page = admin.get(address).text
        assert f'<a href="/admin/auth/user/{user.pk}/change/">ada</a>' in page
        assert link in page
    session.flush()
    page = admin.get(LIST).text
    assert session_id in page
    assert link not in page


@in_memory
def test_failed_attempts_are_counted(storage, admin, user):
    HistoryEntry.objects.all().delete()
    remember(What.FAILED, name_hash=hashes_of("ada")[0], count=10)
    (row,) = rows_in(admin.get(f"{LIST}?q=ada"))
    assert "10 failed sign-in attempts" in row


@in_memory
def test_search_by_user_name_or_session_id(storage, admin, user, other_user):
    HistoryEntry.objects.all().delete()
    remember(What.SIGNED_IN, user, session_id="a" * 15)
    remember(What.FAILED, name_hash=hashes_of("ada")[0])
    remember(What.SIGNED_IN, other_user)
    assert len(rows_in(admin.get(f"{LIST}?q=ada"))) == 2
    assert len(rows_in(admin.get(f"{LIST}?q={'a' * 15}"))) == 1
    assert rows_in(admin.get(f"{LIST}?q=ad")) == []


@in_memory
@pytest.mark.parametrize(
    ("language", "title", "count"),
    [
        ("en", "Sign-in history", ["1 sign-in history entry", "2 sign-in history entries"]),
        ("de", "Anmeldeverlauf", ["1 Eintrag im Anmeldeverlauf", "2 Einträge im Anmeldeverlauf"]),
    ],
)
def test_the_title_and_the_count_read_well(storage, admin, user, language, title, count):
    HistoryEntry.objects.all().delete()
    for words in count:
        remember(What.SIGNED_IN, user)
        with translation.override(language):
            page = admin.get(LIST).text
        assert re.search(f"<h1>{title}</h1>", page)
        assert words in page


@in_memory
def test_filter_by_event(storage, admin, user):
    HistoryEntry.objects.all().delete()
    remember(What.SIGNED_IN, user)
    remember(What.ENDED, user, reason=Reason.LOGOUT)
    (row,) = rows_in(admin.get(f"{LIST}?event=ended"))
    assert "Signed out" in row


@in_memory
def test_dates_are_in_the_time_zone_of_the_site(storage, admin, clock, user, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    HistoryEntry.objects.all().delete()
    entry = remember(What.SIGNED_IN, user)
    HistoryEntry.objects.filter(pk=entry.pk).update(at=1_777_636_800_000_000)  # noon in UTC
    (row,) = rows_in(admin.get(LIST))
    assert "May 1, 2026, 9 p.m." in row


@in_memory
def test_history_is_read_only(storage, admin, user):
    entry = remember(What.SIGNED_IN, user)
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.get(f"{LIST}{entry.pk}/delete/").status_code == 403
    assert admin.post(f"{LIST}{entry.pk}/change/", {"what": "failed"}).status_code == 403


@in_memory
def test_staff_without_the_permission_see_no_history(storage, staff, user):
    entry = remember(What.SIGNED_IN, user)
    client = staff("view_session")
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{entry.pk}/change/").status_code == 403


@in_memory
def test_no_link_to_what_staff_may_not_see(storage, staff, user):
    session = enter(user)
    remember(What.SIGNED_IN, user, session_id=session.session_id)
    page = staff("view_historyentry").get(f"{LIST}?q=ada").text
    assert "ada" in page
    assert "/admin/auth/user/" not in page
    assert "/admin/frontdesk/session/" not in page


@in_the_database
def test_page_of_50_takes_no_more_queries_than_of_one(storage, admin, user, other_user):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            rows = rows_in(admin.get(LIST))
        return len(rows), len(seen)

    HistoryEntry.objects.all().delete()
    remember(What.SIGNED_IN, user, session_id=enter(user).session_id)
    queries()
    few, before = queries()
    for number in range(49):
        who = user if number % 2 else other_user
        remember(What.SIGNED_IN, who, session_id=enter(who).session_id)
    many, after = queries()
    assert (few, many) == (1, 50)
    # The session with its user, the count, the entries, the users, the live sessions.
    assert before == after == 5


# --- tables in a database of their own ----------------------------------------------------------


class FrontdeskElsewhere:
    """A router that keeps the tables of frontdesk in another database than those of the users."""

    def db_for_read(self, model, **hints):
        return "postgresql" if model._meta.app_label == "frontdesk" else "default"

    db_for_write = db_for_read


@pytest.mark.needs("postgresql")
@pytest.mark.skipif(
    os.environ.get("FRONTDESK_TEST_DB") == "postgresql", reason="the default is this database"
)
@pytest.mark.django_db(databases=["default", "postgresql"])
@in_the_database
def test_tables_in_a_database_of_their_own(storage, settings, staff, user):
    settings.DATABASE_ROUTERS = ["tests.staff.test_history_admin.FrontdeskElsewhere"]
    admin = staff(superuser=True)
    session = enter(user)
    entry = remember(What.SIGNED_IN, user, session_id=session.session_id)
    for address in (
        LIST,
        f"{LIST}?q=ada",
        f"{LIST}{entry.pk}/change/",
        SESSIONS,
        f"{SESSIONS}?q=ada",
        f"{SESSIONS}?user={user.pk}",
        f"{SESSIONS}{session.session_id}/change/",
    ):
        assert ">ada</a>" in admin.get(address).text
    assert "ada" in frontdesk("list").out
    admin.post(f"{SESSIONS}{session.session_id}/end/", {"confirmed": "yes"})
    assert not is_live(session)

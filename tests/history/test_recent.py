"""A person's own history: what is in it, in which order, and in which words."""

import pytest
from django.contrib import auth
from django.utils import translation

from frontdesk import history
from frontdesk.clock import from_datetime, now
from frontdesk.models import HistoryEntry
from tests.history.conftest import FIREFOX, SAFARI, known_as, leave, sign_in
from tests.requests.conftest import create

pytestmark = pytest.mark.django_db(transaction=True)


def words(user, **options):
    with translation.override("en"):
        return [entry.in_words for entry in history.recent(user, **options)]


def fail(name="ada", times=1):
    for _ in range(times):
        auth.authenticate(username=known_as(name), password="wrong")


# --- what is in it -----------------------------------------------------------------------------------------


def test_it_holds_sign_ins_failed_tries_and_ends_the_newest_first(device, user, clock):
    visitor = device()
    fail()
    clock.move(minutes=1)
    sign_in(visitor)
    clock.move(minutes=1)
    visitor.do(leave)
    assert words(user) == ["Signed out", "Signed in with password", "Failed try to sign in"]


async def test_async_code_reads_the_same(user):
    await auth.aauthenticate(username=known_as("ada"), password="wrong")
    (entry,) = await history.arecent(user)
    assert entry.what == "failed"
    assert entry.at.tzinfo is not None


def test_an_entry_knows_all_but_the_hash_of_the_name(device, user, clock):
    visitor = device(SAFARI)
    sign_in(visitor)
    (entry,) = history.recent(user)
    assert from_datetime(entry.at) == clock.now()
    assert (entry.what, entry.reason, entry.methods) == ("signed_in", "", ("password",))
    assert (entry.ip, entry.user_agent) == ("127.0.0.1", SAFARI)
    assert (entry.device, entry.place) == ("Safari on iPhone", "")
    assert not hasattr(entry, "name_hash")


def test_an_end_shows_the_device_whose_sign_in_it_ends(device, user):
    phone, desktop = device(SAFARI), device(FIREFOX)
    sign_in(phone)
    sign_in(desktop)
    phone.do(leave)
    entry = history.recent(user)[0]
    assert (entry.in_words, entry.device) == ("Signed out", "Safari on iPhone")


def test_it_holds_nothing_of_others(device, user, other_user):
    sign_in(device(), "bob")
    fail("bob")
    fail("nobody")
    assert words(user) == []


# --- names -------------------------------------------------------------------------------------------------


def test_a_try_with_a_name_in_other_letters_is_somebody_elses(user):
    """To Django, "Ada" may be another person, whose address is none of ada's business."""
    fail("Ada")
    assert words(user) == []


def test_a_try_with_a_name_in_another_normal_form_is_the_same_persons(db):
    jose = create("jos\u00e9")
    fail("jose\u0301")
    assert words(jose) == ["Failed try to sign in"]


def test_tries_from_before_the_secret_was_changed_are_found_by_its_fallbacks(user, settings):
    fail()
    settings.SECRET_KEY_FALLBACKS = ["an older one", settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one"
    fail()
    assert words(user) == ["Failed try to sign in"] * 2
    settings.SECRET_KEY_FALLBACKS = []
    assert words(user) == ["Failed try to sign in"]


def test_of_a_person_who_is_renamed_tries_with_the_old_name_are_not_found(user):
    fail()
    setattr(user, user.USERNAME_FIELD, "lovelace@desk.example")
    user.save()
    assert words(user) == []


# --- how much ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [-1, 0, 1, 2, 3, 7, 20])
def test_it_is_never_longer_than_its_limit(device, user, limit):
    for _ in range(4):
        sign_in(device())
        fail()
    assert len(words(user, limit=limit)) == min(max(limit, 0), 8)


def test_whoever_fails_often_does_not_push_the_sign_ins_out_of_sight(device, user):
    sign_in(device())
    sign_in(device())
    fail(times=50)
    found = words(user)
    assert found == ["Failed try to sign in"] * 18 + ["Signed in with password"] * 2


def test_many_sign_ins_leave_half_of_the_list_to_failed_tries(device, user):
    fail(times=30)
    HistoryEntry.objects.bulk_create(
        HistoryEntry(what="signed_in", user=user, at=now()) for _ in range(30)
    )
    found = words(user)
    assert found == ["Signed in"] * 10 + ["Failed try to sign in"] * 10


def test_what_is_older_than_the_retention_is_not_shown_although_it_is_there(device, user, clock):
    sign_in(device())
    clock.move(days=90)
    assert len(words(user)) == 1
    clock.move(microseconds=1)
    assert words(user) == []
    assert HistoryEntry.objects.count() == 1


def test_nothing_is_shown_once_nothing_is_kept(device, user, settings, django_assert_num_queries):
    sign_in(device())
    settings.FRONTDESK = {"HISTORY_RETENTION": None}
    with django_assert_num_queries(0):
        assert words(user) == []


# --- purge and forget --------------------------------------------------------------------------------------


def test_the_purge_takes_the_oldest_first_and_no_more_than_its_limit(user, clock):
    for _ in range(5):
        fail()
        clock.move(days=1)
    clock.move(days=89)
    assert [history.purge(2) for _ in range(3)] == [2, 2, 0]
    assert HistoryEntry.objects.count() == 1


def test_the_purge_takes_all_once_nothing_is_kept(user, settings, clock):
    fail(times=3)
    settings.FRONTDESK = {"HISTORY_RETENTION": None}
    clock.move(microseconds=1)
    assert history.purge() == 3


async def test_async_code_purges_and_forgets(user):
    await auth.aauthenticate(username=known_as("ada"), password="wrong")
    assert await history.apurge() == 0
    assert await history.aforget(user) == 1


def test_a_person_can_be_forgotten_on_request(device, user, other_user):
    sign_in(device())
    fail()
    sign_in(device(), "bob")
    assert history.forget(user) == 2
    assert words(user) == []
    assert len(words(other_user)) == 1


# --- words -------------------------------------------------------------------------------------------------

WORDS = {
    "Signed in": {"what": "signed_in"},
    "Signed in with password and one-time code": {"what": "signed_in", "methods": "password otp"},
    "Failed try to sign in": {"what": "failed"},
    "Entered the password again": {"what": "reentered"},
    "The password was changed": {"what": "password"},
    "Signed out": {"what": "ended", "reason": "logout"},
    "Ended by you": {"what": "ended", "reason": "revoked"},
    "Ended by the staff of this site": {"what": "ended", "reason": "revoked_by_staff"},
    "Ended because the password was changed": {"what": "ended", "reason": "password_change"},
    "Ended after a long time without use": {"what": "ended", "reason": "idle"},
    "Ended because its time was over": {"what": "ended", "reason": "absolute"},
    "Ended because of too many devices": {"what": "ended", "reason": "limit"},
    "Ended with the account": {"what": "ended", "reason": "user_gone"},
}


@pytest.mark.parametrize(("expected", "facts"), WORDS.items(), ids=WORDS)
def test_each_entry_is_told_in_words(user, expected, facts):
    hashed = history.hashes_of(user.get_username())[0] if facts["what"] == "failed" else ""
    HistoryEntry.objects.create(user=user, at=now(), name_hash=hashed, **facts)
    assert words(user)[0] == expected

"""The history of a user: which entries, in which order, in which words."""

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from frontdesk import history
from frontdesk.core import clock as time
from frontdesk.core.clock import DAY, MINUTE, from_datetime
from frontdesk.models import HistoryEntry, What
from frontdesk.signals import Reason
from tests.fixtures import create, sign_out
from tests.history.conftest import FIREFOX, SAFARI, log_in

pytestmark = pytest.mark.django_db


def record(user, what="signed_in", **facts):
    """Write an entry without a request."""
    given = {"what": what, "user": user, "at": time.now(), "ip": "192.0.2.7"} | facts
    if what == "failed":
        hashed = history.hashes_of(facts.pop("name", user.get_username()))[0]
        given = {**given, "user": None, "name_hash": hashed, "period": given["at"]}
        given.pop("name", None)
    return HistoryEntry.objects.create(**given)


def words(user, **options):
    with translation.override("en"):
        return [entry.in_words for entry in history.recent(user, **options)]


# --- which entries --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_it_has_sign_ins_failed_attempts_and_ends_newest_first(device, user, clock):
    browser = device()
    log_in(browser, password="wrong")
    clock.move(minutes=1)
    log_in(browser)
    clock.move(minutes=1)
    sign_out(browser)
    assert words(user) == ["Signed out", "Signed in with password", "Failed sign-in attempt"]


@pytest.mark.django_db(transaction=True)
def test_an_entry_has_all_but_the_hash_of_the_name(device, user, clock):
    log_in(device(SAFARI))
    (entry,) = history.recent(user)
    assert from_datetime(entry.at) == from_datetime(entry.until) == clock.now()
    assert (entry.what, entry.reason, entry.count) == (What.SIGNED_IN, "", 1)
    assert (entry.ip, entry.user_agent, entry.methods) == ("127.0.0.1", SAFARI, ("password",))
    assert (entry.device, entry.place) == ("Safari on iPhone", "")
    assert not hasattr(entry, "name_hash")


def test_an_entry_without_a_client_has_no_device(user):
    record(user, ip="")
    (entry,) = history.recent(user)
    assert (entry.device, entry.place) == ("", "")


def test_it_has_nothing_of_other_users(user, other_user):
    record(other_user)
    record(other_user, "failed")
    record(user, "failed", name="nobody")
    assert words(user) == []


def test_several_failed_attempts_are_one_entry(user):
    at = time.now()
    record(user, "failed", at=at, until=at + MINUTE, count=10)
    (entry,) = history.recent(user)
    assert (entry.in_words, entry.count) == ("10 failed sign-in attempts", 10)
    assert (entry.until - entry.at).seconds == 60


def test_failed_attempts_are_placed_by_the_last_of_them(user):
    at = time.now()
    record(user, "failed", at=at, until=at + 2 * MINUTE, count=2)
    record(user, at=at + MINUTE)
    assert words(user) == ["2 failed sign-in attempts", "Signed in"]


@pytest.mark.django_db(transaction=True)
async def test_async_code_reads_purges_and_forgets(db):
    ada = await User.objects.acreate(username="ada")
    await HistoryEntry.objects.acreate(what="signed_in", user=ada, at=time.now())
    (entry,) = await history.arecent(ada)
    assert entry.at.tzinfo is not None
    assert await history.apurge() == 0
    assert await history.aforget(ada) == 1


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["ada", "ada@example.com", "Ada@Example.COM"])
def test_attempts_with_the_name_or_the_address_are_found(user, typed):
    record(user, "failed", name=typed)
    assert words(user) == ["Failed sign-in attempt"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("field", ["email", "username"])
def test_attempts_by_e_mail_are_found(rf, user, field):
    """django-allauth passes ``email``. Some backends take an address as the user name."""
    from django.contrib.auth.signals import user_login_failed

    given = {"credentials": {field: "ada@example.com"}, "request": rf.get("/")}
    for _ in range(3):
        user_login_failed.send(sender=None, **given)
    assert words(user) == ["3 failed sign-in attempts"]


def test_a_name_in_other_letters_is_another_users(user):
    """To Django, "Ada" may be another user."""
    record(user, "failed", name="Ada")
    assert words(user) == []


def test_a_name_in_another_normal_form_is_the_same(db):
    jose = create("jos\u00e9")
    record(jose, "failed", name="jose\u0301")
    assert words(jose) == ["Failed sign-in attempt"]


def test_attempts_of_before_a_new_secret_are_found_by_its_fallbacks(user, settings):
    record(user, "failed")
    settings.SECRET_KEY_FALLBACKS = ["an older one", settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one"
    record(user, "failed")
    assert words(user) == ["Failed sign-in attempt"] * 2
    settings.SECRET_KEY_FALLBACKS = []
    assert words(user) == ["Failed sign-in attempt"]


def test_a_user_without_any_name_has_no_failed_attempts(user):
    record(user, "failed")
    user.username = user.email = ""
    assert words(user) == []


# --- how many -------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [-1, 0, 1, 2, 3, 7, 20])
def test_it_is_not_longer_than_its_limit(user, limit):
    for place in range(4):
        record(user)
        record(user, "failed", at=time.now() - place)
    assert len(words(user, limit=limit)) == min(max(limit, 0), 8)


def test_many_failed_attempts_do_not_push_out_the_sign_ins(user):
    record(user, at=time.now() - DAY)
    record(user, at=time.now() - DAY)
    for place in range(50):
        record(user, "failed", at=time.now() - place)
    assert words(user) == ["Failed sign-in attempt"] * 18 + ["Signed in"] * 2


def test_many_sign_ins_leave_half_of_the_list_to_failed_attempts(user):
    for place in range(30):
        record(user, "failed", at=time.now() - DAY - place)
        record(user)
    assert words(user) == ["Signed in"] * 10 + ["Failed sign-in attempt"] * 10


def test_entries_older_than_the_retention_are_not_shown(user, clock):
    record(user)
    record(user, "failed")
    clock.move(days=90)
    assert len(words(user)) == 2
    clock.move(microseconds=1)
    assert words(user) == []
    assert HistoryEntry.objects.count() == 2


def test_without_a_retention_nothing_is_shown(user, set_options, django_assert_num_queries):
    record(user)
    set_options(HISTORY_RETENTION=None)
    with django_assert_num_queries(0):
        assert words(user) == []


# --- purge and forget -----------------------------------------------------------------------------


def test_a_purge_deletes_the_oldest_first_up_to_its_limit(user, clock):
    for _ in range(5):
        record(user)
        clock.move(days=1)
    clock.move(days=89)
    assert [history.purge(2) for _ in range(3)] == [2, 2, 0]
    assert HistoryEntry.objects.count() == 1


def test_a_purge_deletes_all_without_a_retention(user, set_options, clock):
    for _ in range(3):
        record(user)
    set_options(HISTORY_RETENTION=None)
    clock.move(microseconds=1)
    assert history.purge() == 3


def test_a_user_can_be_forgotten(user, other_user):
    record(user)
    record(user, "failed")
    record(user, "failed", name="ada@example.com")
    record(other_user)
    assert history.forget(user) == 3
    assert (words(user), len(words(other_user))) == ([], 1)


# --- words ----------------------------------------------------------------------------------------

WORDS = {
    "Signed in": {},
    "Signed in with password and one-time code": {"methods": "password otp"},
    "Signed in with retina": {"methods": "retina"},
    "Staff signed in as the user": {"methods": "impersonation"},
    "Failed sign-in attempt": {"what": "failed"},
    "2 failed sign-in attempts": {"what": "failed", "count": 2},
    "Entered the password again": {"what": "reauthenticated"},
    "Password changed": {"what": "password"},
    "Signed out": {"reason": "logout"},
    "Session ended by the user": {"reason": "revoked"},
    "Session ended by staff": {"reason": "revoked_by_staff"},
    "Session ended because the password was changed": {"reason": "password_change"},
    "Session ended because it was not used": {"reason": "idle"},
    "Session ended because the sign-in was too long ago": {"reason": "absolute"},
    "Session ended because of too many sessions": {"reason": "limit"},
    "Session ended because the user was deleted": {"reason": "user_gone"},
    "Session ended": {"reason": "of another version"},
}


@pytest.mark.parametrize(("expected", "facts"), WORDS.items(), ids=WORDS)
def test_each_entry_has_its_words(user, expected, facts):
    record(user, **{"what": "ended" if "reason" in facts else "signed_in", **facts})
    assert words(user) == [expected]


def test_each_reason_has_its_words():
    assert set(history.ENDINGS) == set(Reason) - {Reason.EXPIRED}  # only of API tokens


def test_the_words_are_in_the_active_language(user):
    record(user, user_agent=FIREFOX)
    with translation.override("de"):
        (entry,) = history.recent(user)
        assert entry.device == "Firefox auf Linux"

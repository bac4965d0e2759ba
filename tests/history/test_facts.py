"""What is remembered: sign-ins, failed tries, re-entries and ends, each once and as it was."""

import pytest
from django.contrib import auth
from django.contrib.auth.signals import user_logged_in
from django.core.management import call_command
from django.db import transaction
from django.test import RequestFactory

from frontdesk import conf, sessions
from frontdesk.clock import from_datetime
from frontdesk.engine import SessionStore
from frontdesk.models import HistoryEntry
from frontdesk.signals import End, Reason, sessions_ended, user_reauthenticated
from frontdesk.tokens import digest_of
from tests.history.conftest import FIREFOX, SAFARI, known_as, leave, sign_in, told
from tests.requests.conftest import PASSWORD
from tests.requests.site import Asked, step

# The database storage tells of ends after the commit, which the usual test never comes to.
pytestmark = pytest.mark.django_db(transaction=True)


class Sent:
    """A signal as a step: sent in the colour of the view."""

    def __init__(self, signal):
        self.send, self.asend = signal.send, signal.asend


# --- sign-ins -------------------------------------------------------------------------------------------


def test_a_sign_in_is_remembered_with_its_time_device_address_method_and_session(
    storage_setting, device, user, clock
):
    visitor = device()
    sign_in(visitor)
    (entry,) = HistoryEntry.objects.all()
    assert (entry.what, entry.user_id, entry.at) == ("signed_in", user.pk, clock.now())
    assert (entry.ip, entry.user_agent, entry.methods) == ("127.0.0.1", FIREFOX, "password")
    assert entry.session_id == digest_of(visitor.key)
    assert (entry.name_hash, entry.reason) == ("", "")


def test_a_visitor_who_has_a_session_signs_in_under_the_key_that_it_gets(
    storage_setting, device, user
):
    visitor = device()
    visitor.keep(cart=1)
    sign_in(visitor)
    assert told() == ["signed_in"]
    assert HistoryEntry.objects.get().session_id == digest_of(visitor.key)


def test_somebody_who_signs_in_again_does_so_under_the_new_key(storage_setting, device, user):
    visitor = device()
    sign_in(visitor)
    old = visitor.key
    sign_in(visitor)
    assert told() == ["signed_in", "signed_in"]
    assert visitor.key != old
    assert HistoryEntry.objects.last().session_id == digest_of(visitor.key)


def test_a_sign_in_as_somebody_else_ends_the_first_ones_session(
    storage_setting, device, user, other_user
):
    visitor = device()
    sign_in(visitor)
    sign_in(visitor, "bob")
    assert told(user=user) == ["signed_in", "ended: logout"]
    assert told(user=other_user) == ["signed_in"]
    assert HistoryEntry.objects.last().session_id == digest_of(visitor.key)


def test_a_sign_in_whose_view_fails_was_none(storage_setting, new_browser, user):
    """It is not stored, and the cookie does not reach the browser."""
    visitor = new_browser(raise_request_exception=False)

    def task(request):
        found = yield step(
            auth, "authenticate", request, username=known_as("ada"), password=PASSWORD
        )
        yield step(auth, "login", request, found)
        raise ZeroDivisionError

    assert visitor.do(task).status_code == 500
    assert told() == []


def test_a_sign_in_that_is_taken_back_by_its_view_was_none(storage_setting, new_browser, user):
    def task(request):
        found = yield step(
            auth, "authenticate", request, username=known_as("ada"), password=PASSWORD
        )
        yield step(auth, "login", request, found)
        yield step(auth, "logout", request)

    new_browser().do(task)
    assert told() == []


def test_a_sign_in_that_the_limit_refuses_was_none(storage_setting, device, user, settings):
    settings.FRONTDESK |= {"MAX_SESSIONS_PER_USER": 1, "AT_MAX_SESSIONS": "refuse"}
    conf.options.cache_clear()
    sign_in(device())
    sign_in(device())
    assert told() == ["signed_in", "ended: limit"]


def test_a_sign_in_that_the_limit_lets_in_is_remembered_with_its_session(
    storage_setting, device, user, settings
):
    settings.FRONTDESK |= {"MAX_SESSIONS_PER_USER": 1}
    conf.options.cache_clear()
    sign_in(device())
    visitor = device()
    sign_in(visitor)
    assert told() == ["signed_in", "ended: limit", "signed_in"]
    assert HistoryEntry.objects.last().session_id == digest_of(visitor.key)


def test_the_test_clients_sign_in_is_one_without_an_address(new_browser, user):
    new_browser().force_login(user)
    (entry,) = HistoryEntry.objects.all()
    assert (entry.what, entry.ip, entry.user_agent) == ("signed_in", "", "")
    assert entry.session_id


def test_a_sign_in_for_a_token_is_remembered_and_touches_no_session(user, journal):
    """Some packages send Django's signal when they hand out a token."""
    request = RequestFactory().get("/", headers={"user-agent": FIREFOX})
    request.session = SessionStore("a1" * 16)
    user_logged_in.send(sender=None, request=request, user=user)
    (entry,) = HistoryEntry.objects.all()
    assert (entry.session_id, entry.methods, entry.user_agent) == ("", "", FIREFOX)
    assert journal == []


def test_a_sign_in_for_a_token_in_somebody_elses_browser_does_not_name_their_session(
    storage_setting, member, user, other_user
):
    def task(request):
        yield step(Asked(request), "user")
        yield step(Sent(user_logged_in), "send", None, request=request, user=other_user)

    member.do(task)
    assert HistoryEntry.objects.get(user=other_user).session_id == ""


def test_a_sign_in_on_djangos_own_engine_is_remembered(user, new_browser, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    sign_in(new_browser())
    (entry,) = HistoryEntry.objects.all()
    assert (entry.what, entry.session_id, entry.methods) == ("signed_in", "", "password")


@pytest.mark.parametrize(
    ("client_info", "kept"),
    [("full", ("127.0.0.1", FIREFOX)), ("masked", ("127.0.0.0", "Firefox")), ("off", ("", ""))],
)
def test_of_address_and_browser_as_much_is_kept_as_client_info_says(
    device, user, settings, client_info, kept
):
    settings.FRONTDESK = {"CLIENT_INFO": client_info}
    sign_in(device())
    sign_in(device(), password="wrong")
    assert [(entry.ip, entry.user_agent) for entry in HistoryEntry.objects.all()] == [kept, kept]


# --- failed tries ---------------------------------------------------------------------------------------


def test_a_failed_try_is_remembered_without_a_user(storage_setting, device, user, clock):
    sign_in(device(), password="wrong")
    (entry,) = HistoryEntry.objects.all()
    assert (entry.what, entry.user_id, entry.at) == ("failed", None, clock.now())
    assert (entry.ip, entry.user_agent, entry.session_id) == ("127.0.0.1", FIREFOX, "")
    assert (entry.methods, entry.reason) == ("", "")
    assert len(entry.name_hash) == 64


def test_a_failed_try_with_a_name_of_nobody_is_remembered_too(device, user):
    sign_in(device(), "nobody")
    assert told() == ["failed"]


STRANGE = ["", "\ud800", "a" * 100_000, None, 7, ["ada"], {"ada": 1}, "ada\0"]


@pytest.mark.parametrize("name", STRANGE, ids=lambda name: ascii(name)[:12])
def test_whatever_is_given_as_a_name_is_a_failed_try(user, name):
    auth.signals.user_login_failed.send(sender=None, credentials={"username": name}, request=None)
    assert told() == ["failed"]


def test_credentials_without_a_name_are_a_failed_try_of_nobody(db):
    auth.signals.user_login_failed.send(sender=None, credentials={"token": "x"}, request=None)
    assert HistoryEntry.objects.get().name_hash == ""


# --- re-entries -----------------------------------------------------------------------------------------


def test_a_re_entry_is_remembered_under_the_key_that_the_session_gets(
    storage_setting, member, user
):
    HistoryEntry.objects.all().delete()

    def task(request):
        found = yield step(Asked(request), "user")
        request.session.renew_sign_in()
        yield step(Sent(user_reauthenticated), "send", None, request=request, user=found)

    member.do(task)
    (entry,) = HistoryEntry.objects.all()
    assert (entry.what, entry.user_id, entry.methods) == ("reentered", user.pk, "password")
    assert entry.session_id == digest_of(member.key)


# --- passwords ------------------------------------------------------------------------------------------


def test_a_new_password_is_remembered_whoever_set_it_and_whatever_it_ended(user):
    HistoryEntry.objects.all().delete()
    user.set_password("another one")
    assert not HistoryEntry.objects.exists()
    user.save()
    user.save()
    (entry,) = HistoryEntry.objects.all()
    assert (entry.what, entry.user_id) == ("password", user.pk)
    assert (entry.session_id, entry.name_hash, entry.ip, entry.user_agent) == ("", "", "", "")


def test_neither_a_new_user_nor_an_old_password_hashed_anew_is_a_change(user, settings):
    usual = "django.contrib.auth.hashers.MD5PasswordHasher"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher", usual]
    HistoryEntry.objects.all().delete()
    user.set_password("kept back")
    user.save(update_fields=["last_login"])
    user.refresh_from_db()
    before = user.password
    assert user.check_password(PASSWORD)
    user.refresh_from_db()
    assert user.password != before
    auth.get_user_model().objects.create_user("newcomer", password="a password")
    assert not HistoryEntry.objects.exists()


# --- ends -----------------------------------------------------------------------------------------------


def test_signing_out_is_remembered_as_an_end(storage_setting, member, user, clock):
    session_id = digest_of(member.key)
    clock.move(minutes=1)
    member.do(leave)
    entry = HistoryEntry.objects.last()
    assert (entry.what, entry.reason, entry.user_id) == ("ended", "logout", user.pk)
    assert (entry.session_id, entry.at) == (session_id, clock.now())


def test_a_sign_out_is_remembered_with_its_browser_though_the_session_has_another_key_by_then(
    storage_setting, device, user
):
    """A password change gives it one; the sign-in is remembered under the id of before."""
    visitor = device(SAFARI)
    sign_in(visitor)
    visitor.do(lambda request: request.session.cycle_key())
    visitor.do(leave)
    (entry,) = HistoryEntry.objects.filter(what="ended")
    assert entry.user_agent == SAFARI
    assert entry.ip == "127.0.0.1"


REASONS = [reason for reason in Reason if reason is not Reason.USER_GONE]


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_for_an_end_is_remembered(member, user, reason):
    sessions.end_all(user, reason=reason)
    assert told() == ["signed_in", f"ended: {reason}"]


def test_the_end_of_an_anonymous_session_is_nobodys_history(storage_setting, browser, user):
    browser.keep(cart=1)
    browser.do(lambda request: request.session.flush())
    assert told() == []


def test_a_session_that_went_unused_has_ended_when_its_time_was_over_not_when_it_was_found(
    storage_setting, member, user, clock, limits
):
    if storage_setting in {"cache", "redis", "redis cluster"}:
        pytest.skip("a cache, or Redis, drops it without a word")
    (session,) = sessions.for_user(user)
    clock.move(days=15)
    SessionStore.clear_expired()
    assert told() == ["signed_in", "ended: idle"]
    (entry,) = HistoryEntry.objects.filter(what="ended")
    assert entry.at == from_datetime(session.idle_until)
    assert entry.session_id == session.id


def test_a_session_that_is_found_long_after_its_end_is_not_remembered(member, user, clock):
    clock.move(days=14 + 90 + 1)
    SessionStore.clear_expired()
    assert told() == []


def test_the_end_of_a_session_whose_user_can_be_none_is_passed_over(user):
    ends = [
        End(digest_of("a1" * 16), "nobody", Reason.IDLE),
        End(digest_of("b1" * 16), str(user.pk), Reason.IDLE),
    ]
    sessions_ended.send(sender=None, ends=ends)
    assert told(what="ended") == ["ended: idle"]


# --- people who leave -----------------------------------------------------------------------------------


def test_of_a_person_who_is_deleted_nothing_is_remembered(
    storage_setting, device, user, other_user
):
    """Their failed tries, and the ends that their deletion brings, included."""
    sign_in(device())
    sign_in(device(), password="wrong")
    sign_in(device(), "bob")
    sign_in(device(), "bob", password="wrong")
    user.delete()
    assert told() == ["signed_in", "failed"]


def test_a_deletion_that_is_rolled_back_forgets_nothing(device, user):
    sign_in(device())
    with transaction.atomic():
        user.delete()
        transaction.set_rollback(True)
    assert told() == ["signed_in"]


# --- nothing --------------------------------------------------------------------------------------------


def test_without_a_retention_nothing_is_remembered(
    storage_setting, device, user, settings, django_assert_num_queries
):
    settings.FRONTDESK |= {"HISTORY_RETENTION": None}
    conf.options.cache_clear()
    visitor = device()
    sign_in(visitor, password="wrong")
    sign_in(visitor)
    visitor.do(leave)
    request = RequestFactory().get("/")
    with django_assert_num_queries(0):
        user_reauthenticated.send(sender=None, request=request, user=user)
        auth.signals.user_login_failed.send(sender=None, credentials={"username": "ada"})
    user.delete()
    assert HistoryEntry.objects.count() == 0


def test_clearsessions_forgets_what_is_older_than_the_retention(member, user, clock):
    clock.move(days=15)
    call_command("clearsessions")
    assert told() == ["signed_in", "ended: idle"]
    clock.move(days=75, seconds=1)
    call_command("clearsessions")
    assert told() == ["ended: idle"]
    clock.move(days=14)
    call_command("clearsessions")
    assert told() == []

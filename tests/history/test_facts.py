"""What is recorded: sign-ins, failed attempts, re-authentications, new passwords and ends."""

import pytest
from django.contrib import auth
from django.contrib.auth.signals import user_logged_in
from django.core.management import call_command
from django.db import transaction
from django.test import RequestFactory

from frontdesk import history, sessions
from frontdesk.core import clock as time
from frontdesk.core.keys import Key
from frontdesk.http.session import SessionStore
from frontdesk.models import HistoryEntry
from frontdesk.signals import End, Reason, sessions_ended, user_reauthenticated
from tests.fixtures import sign_in, sign_out
from tests.history.conftest import FIREFOX, SAFARI, log_in, recorded
from tests.requests.site import current_user, meanwhile, step

pytestmark = pytest.mark.django_db(transaction=True)


def id_of(browser):
    return Key(browser.key).id


def client_of(entry):
    return entry.ip, entry.user_agent


# --- sign-ins -------------------------------------------------------------------------------------


def test_a_sign_in_is_recorded_with_time_device_method_and_session(device, user, clock):
    browser = device()
    log_in(browser)
    (entry,) = HistoryEntry.objects.all()
    assert (entry.what, entry.user_id, entry.at) == ("signed_in", user.pk, clock.now())
    assert client_of(entry) == ("127.0.0.1", FIREFOX)
    assert (entry.methods, entry.session_id) == ("password", id_of(browser))
    assert (entry.name_hash, entry.reason, entry.count, entry.period) == ("", "", 1, None)


def test_signing_in_again_is_recorded_with_the_same_session(device, user):
    browser = device()
    log_in(browser)
    log_in(browser)
    assert recorded(session_id=id_of(browser)) == ["signed_in", "signed_in"]


def test_signing_in_as_another_user_ends_the_session_of_the_first(device, user, other_user):
    browser = device()
    log_in(browser)
    log_in(browser, "bob")
    assert recorded(user=user) == ["signed_in", "ended: logout"]
    assert recorded(user=other_user, session_id=id_of(browser)) == ["signed_in"]


@pytest.mark.parametrize("undone", ["error", "logout"])
def test_a_sign_in_that_is_not_stored_is_not_recorded(device, user, undone):
    def task(request):
        found = yield step(
            auth, "authenticate", request, username="ada", password="a lantern in the hall"
        )
        yield step(auth, "login", request, found)
        if undone == "error":
            raise ZeroDivisionError
        yield step(auth, "logout", request)

    device(raise_request_exception=False).do(task)
    assert recorded() == []


@pytest.mark.parametrize("at", ["refuse", "end_oldest"])
def test_at_the_maximum_only_what_happened_is_recorded(device, user, set_options, at):
    set_options(MAX_SESSIONS_PER_USER=1, AT_MAX_SESSIONS=at)
    log_in(device())
    log_in(device())
    assert (
        recorded()
        == {
            "refuse": ["signed_in"],
            "end_oldest": ["signed_in", "ended: limit", "signed_in"],
        }[at]
    )


def test_the_test_clients_sign_in_is_one_without_an_address(new_browser, user):
    new_browser().force_login(user)
    (entry,) = HistoryEntry.objects.all()
    assert (entry.what, *client_of(entry)) == ("signed_in", "", "")
    assert entry.session_id


def test_a_sign_in_for_a_token_names_no_session_and_reads_none(user, journal):
    """Some packages send Django's signal when they hand out a token."""
    request = RequestFactory().get("/", headers={"user-agent": FIREFOX})
    request.session = SessionStore("a1" * 20)
    user_logged_in.send(sender=None, request=request, user=user)
    (entry,) = HistoryEntry.objects.all()
    assert (entry.session_id, entry.methods, entry.user_agent) == ("", "", FIREFOX)
    assert journal == []


def test_a_sign_in_for_a_token_does_not_name_another_users_session(member, other_user):
    def task(request):
        yield current_user(request)
        yield meanwhile(lambda: user_logged_in.send(None, request=request, user=other_user))

    member.do(task)
    assert HistoryEntry.objects.get(user=other_user).session_id == ""


def test_a_sign_in_on_djangos_own_engine_is_recorded(user, device, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    log_in(device())
    (entry,) = HistoryEntry.objects.all()
    assert (entry.what, entry.session_id, entry.methods) == ("signed_in", "", "password")


@pytest.mark.parametrize(
    ("client_info", "kept"),
    [("full", ("127.0.0.1", FIREFOX)), ("masked", ("127.0.0.0", "Firefox")), ("off", ("", ""))],
)
def test_as_much_of_the_client_is_kept_as_the_setting_says(
    device, user, set_options, client_info, kept
):
    set_options(CLIENT_INFO=client_info)
    browser = device()
    log_in(browser)
    log_in(browser, password="wrong")
    sign_out(browser)
    assert [client_of(entry) for entry in HistoryEntry.objects.all()] == [kept] * 3


def test_staff_who_act_as_a_user_are_recorded_as_staff(device, user, other_user):
    """As django-hijack does it."""

    def hijack(request):
        yield current_user(request)
        yield meanwhile(
            lambda: auth.login(request, user, "django.contrib.auth.backends.ModelBackend")
        )
        request.session["hijack_history"] = [str(other_user.pk)]

    staff = device()
    log_in(staff, "bob")
    staff.do(hijack)
    (entry,) = history.recent(user)
    assert (entry.what, entry.methods) == ("signed_in", ("impersonation",))
    assert recorded(user=other_user) == ["signed_in", "ended: logout"]


# --- failed attempts ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_a_failed_attempt_is_recorded_without_a_user(device, user, clock, name):
    log_in(device(), name, "wrong")
    (entry,) = HistoryEntry.objects.all()
    assert (entry.what, entry.user_id, entry.at) == ("failed", None, clock.now())
    assert client_of(entry) == ("127.0.0.1", FIREFOX)
    assert (entry.session_id, entry.methods, entry.reason) == ("", "", "")
    assert (len(entry.name_hash), entry.count) == (64, 1)


def test_failed_attempts_of_one_name_are_one_row_for_a_period(device, user, clock):
    clock.set(1_800_000 * time.SECOND)
    began = clock.now()
    for agent in (FIREFOX, FIREFOX, SAFARI):
        log_in(device(agent), password="wrong")
        clock.move(minutes=1)
    (entry,) = HistoryEntry.objects.all()
    assert (entry.count, entry.at) == (3, began)
    assert entry.until == began + 2 * time.MINUTE
    assert entry.user_agent == SAFARI


def test_another_name_or_another_period_is_another_row(device, user, clock):
    clock.set(1_800_000 * time.SECOND)
    log_in(device(), password="wrong")
    log_in(device(), "bob", password="wrong")
    clock.move(minutes=15)
    log_in(device(), password="wrong")
    assert [entry.count for entry in HistoryEntry.objects.all()] == [1, 1, 1]


STRANGE = ["", "\ud800", "a" * 100_000, None, 7, ["ada"], {"ada": 1}, "ada\0"]


@pytest.mark.parametrize("name", STRANGE, ids=lambda name: ascii(name)[:12])
def test_whatever_was_typed_as_a_name_is_a_failed_attempt(rf, db, name):
    given = {"credentials": {"username": name}, "request": rf.get("/")}
    auth.signals.user_login_failed.send(sender=None, **given)
    assert recorded() == ["failed"]


def test_credentials_without_a_name_are_a_failed_attempt(rf, db):
    given = {"credentials": {"token": "x"}, "request": rf.get("/")}
    auth.signals.user_login_failed.send(sender=None, **given)
    assert HistoryEntry.objects.get().name_hash == ""


def test_without_a_request_no_failed_attempt_is_recorded(user, django_assert_num_queries):
    with django_assert_num_queries(1):  # that of the user
        auth.authenticate(username="ada", password="wrong")
    assert recorded() == []


def test_a_view_need_not_hand_its_request_to_authenticate(device, user):
    def task(request):
        yield step(auth, "authenticate", username="ada", password="wrong")

    device(SAFARI).do(task)
    assert HistoryEntry.objects.get().user_agent == SAFARI


# --- re-authentications and passwords -------------------------------------------------------------


def test_a_re_authentication_is_recorded_with_its_session(member, user):
    def task(request):
        found = yield current_user(request)
        request.session.renew_sign_in()
        yield meanwhile(lambda: user_reauthenticated.send(None, request=request, user=found))

    member.do(task)
    entry = HistoryEntry.objects.last()
    assert (entry.what, entry.user_id, entry.methods) == ("reauthenticated", user.pk, "password")
    assert entry.session_id == id_of(member)


@pytest.fixture
def set_password(user):
    """Set a password of ``user`` in a view."""

    def change(browser, **save):
        def task(request):
            assert (yield current_user(request)).pk  # so the session has been read
            user.set_password("another one")
            yield meanwhile(lambda: [user.save(**save), user.save()])

        browser.do(task)

    return change


def test_a_new_password_is_recorded_once_and_with_its_device(device, user, set_password):
    browser = device(SAFARI)
    log_in(browser)
    set_password(browser)
    entry = HistoryEntry.objects.last()
    assert recorded() == ["signed_in", "password"]
    assert (entry.user_id, *client_of(entry)) == (user.pk, "127.0.0.1", SAFARI)
    assert (entry.session_id, entry.name_hash) == ("", "")


def test_a_password_set_by_staff_does_not_show_their_device(device, user, other_user, set_password):
    staff = device()
    log_in(staff, "bob")
    set_password(staff)
    assert client_of(HistoryEntry.objects.get(user=user)) == ("", "")


def test_a_password_that_is_not_saved_is_not_recorded(device, user):
    def task(request):
        user.set_password("another one")
        yield meanwhile(lambda: user.save(update_fields=["last_login"]))

    device().do(task)
    assert recorded() == []


def test_neither_a_new_user_nor_an_upgraded_hash_is_a_new_password(
    device, user, settings, monkeypatch
):
    def task(request):
        users = auth.get_user_model().objects
        yield meanwhile(lambda: users.create_user("newcomer", password="a password"))
        yield meanwhile(lambda: user.check_password("a lantern in the hall"))

    monkeypatch.setattr("django.contrib.auth.hashers.PBKDF2PasswordHasher.iterations", 10)
    usual = "django.contrib.auth.hashers.MD5PasswordHasher"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", usual]
    before = user.password
    device().do(task)
    user.refresh_from_db()
    assert (user.password != before, recorded()) == (True, [])


def test_a_script_that_sets_a_password_records_nothing(user, django_assert_num_queries):
    user.set_password("another one")
    with django_assert_num_queries(1):
        user.save()
    assert recorded() == []


# --- ends -----------------------------------------------------------------------------------------


def test_an_end_is_recorded_with_device_address_and_session(device, user, clock):
    browser = device(SAFARI)
    log_in(browser)
    session_id = id_of(browser)
    clock.move(minutes=1)
    sign_out(browser)
    entry = HistoryEntry.objects.last()
    assert (entry.what, entry.reason, entry.user_id) == ("ended", "logout", user.pk)
    assert (entry.session_id, entry.at) == (session_id, clock.now())
    assert client_of(entry) == ("127.0.0.1", SAFARI)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason != Reason.USER_GONE])
@pytest.mark.parametrize("mode", ["sync"], indirect=True)
def test_each_reason_of_an_end_is_recorded(member, user, reason):
    sessions.end_all(user, reason=reason)
    assert recorded() == ["signed_in", f"ended: {reason}"]


def test_the_end_of_an_anonymous_session_is_not_recorded(browser, db):
    browser.put(cart=1)
    browser.do(lambda request: request.session.flush())
    assert recorded() == []


def test_an_unused_session_ended_when_its_time_was_over(member, user, clock):
    """Not when the purge found it."""
    (session,) = sessions.for_user(user)
    clock.move(days=15)
    SessionStore.clear_expired()
    assert recorded() == ["signed_in", "ended: idle"]
    (entry,) = HistoryEntry.objects.filter(what="ended")
    assert entry.at == time.from_datetime(session.idle_until)
    assert entry.session_id == session.id


def test_an_end_of_long_ago_is_not_recorded(member, user, clock):
    clock.move(days=14 + 90 + 1)
    SessionStore.clear_expired()
    assert recorded() == []


def test_an_end_whose_user_cannot_exist_is_left_out(user):
    ends = [
        End("a" * 15, "no number", Reason.IDLE),
        End("b" * 15, str(user.pk), Reason.IDLE),
    ]
    sessions_ended.send(sender=None, ends=ends)
    assert recorded(session_id="b" * 15) == recorded() == ["ended: idle"]


# --- deleted users --------------------------------------------------------------------------------


def test_nothing_is_remembered_of_a_deleted_user(device, user, other_user):
    """Neither the failed attempts nor the ends that the deletion brings."""
    for name in ("ada", "bob"):
        log_in(device(), name)
        log_in(device(), name, password="wrong")
    user.delete()
    assert recorded() == ["signed_in", "failed"]


def test_a_deletion_that_is_rolled_back_forgets_nothing(device, user):
    log_in(device())
    with transaction.atomic():
        user.delete()
        transaction.set_rollback(True)
    assert recorded() == ["signed_in"]


# --- retention ------------------------------------------------------------------------------------


def test_without_a_retention_nothing_is_recorded(device, user, set_options):
    set_options(HISTORY_RETENTION=None)
    browser = device()
    log_in(browser, password="wrong")
    sign_in(browser, user)
    sign_out(browser)
    user.delete()
    assert HistoryEntry.objects.count() == 0


def test_clearsessions_deletes_what_is_older_than_the_retention(member, user, clock):
    clock.move(days=15)
    call_command("clearsessions")
    assert recorded() == ["signed_in", "ended: idle"]
    clock.move(days=75, seconds=1)
    call_command("clearsessions")
    assert recorded() == ["ended: idle"]
    clock.move(days=14)
    call_command("clearsessions")
    assert recorded() == []

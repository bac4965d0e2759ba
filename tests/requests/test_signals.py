"""What is told: each beginning, each new key, each end with its reason; once, after the commit."""

import pytest
from django.contrib import auth
from django.core.management import call_command
from django.db import transaction

from frontdesk import sessions
from frontdesk.engine import SessionStore
from frontdesk.signals import Reason, session_ended, session_rotated, session_started
from frontdesk.storages import get_storage
from frontdesk.tokens import digest_of
from tests.requests.conftest import PASSWORD
from tests.requests.site import step
from tests.requests.steps import Login, many

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(storage_setting, monkeypatch):
    """Collect what is told, as (signal, facts); commit at once, as there is no view's transaction."""
    monkeypatch.setattr(type(get_storage()), "after_commit", lambda self, function: function())
    heard = []
    names = {
        "started": session_started,
        "rotated": session_rotated,
        "ended": session_ended,
    }
    receivers = []
    for name, signal in names.items():

        def receive(sender, signal=None, name=name, **facts):
            heard.append((name, facts))

        receivers.append((signal, receive))
        signal.connect(receive)
    yield heard
    for signal, receive in receivers:
        signal.disconnect(receive)


def test_a_new_session_is_told_with_whose_it_is(told, member, user):
    ((name, facts),) = told
    assert name == "started"
    assert facts["session_id"] == digest_of(member.key)
    assert facts["user_id"] == str(user.pk)
    assert facts["ip"] == "127.0.0.1"


def test_an_anonymous_session_is_told_too(told, browser):
    browser.keep(cart=["lamp"])
    ((name, facts),) = told
    assert (name, facts["user_id"]) == ("started", None)


def test_a_new_key_is_told_with_the_old_one(told, member, user):
    before = digest_of(member.key)
    told.clear()
    member.do(lambda request: request.session.cycle_key())
    after = digest_of(member.key)
    assert told == [("rotated", {"session_id": after, "old_id": before, "user_id": str(user.pk)})]


def test_a_page_that_only_reads_or_writes_tells_nothing(told, member):
    told.clear()
    member.get("/home/")
    member.keep(cart=["lamp"])
    assert told == []


def test_a_sign_out_is_told(told, member, user):
    key = digest_of(member.key)
    told.clear()
    member.do(auth.logout)
    assert told == [ended(key, user, Reason.LOGOUT)]


def ended(session_id, user, reason):
    facts = {"session_id": session_id, "user_id": str(user.pk), "reason": reason}
    return "ended", facts


@pytest.mark.parametrize("reason", Reason)
def test_an_end_by_code_is_told_with_its_reason(told, member, user, reason):
    key = digest_of(member.key)
    told.clear()

    def task(request):
        return (yield step(sessions, "end", user, key, reason=reason))

    member.do(task)
    assert told == [ended(key, user, reason)]


def test_an_end_of_what_has_ended_is_not_told(told, member, user):
    key = digest_of(member.key)
    sessions.end(user, key)
    told.clear()
    sessions.end(user, key)
    sessions.end_all(user)
    member.do(auth.logout)
    assert told == []


def test_an_end_of_all_is_told_one_by_one(told, member, new_browser, user):
    other = new_browser()
    other.post("/login/", {"username": "ada", "password": PASSWORD})
    keys = {digest_of(member.key), digest_of(other.key)}
    told.clear()
    sessions.end_all(user, reason=Reason.REVOKED_BY_STAFF)
    assert {facts["session_id"] for _, facts in told} == keys
    assert {facts["reason"] for _, facts in told} == {Reason.REVOKED_BY_STAFF}


@pytest.mark.parametrize(
    ("limit", "reason"), [("idle", Reason.IDLE), ("absolute", Reason.ABSOLUTE)]
)
def test_a_session_whose_time_was_over_is_told_by_the_clean_up(
    told, clock, limits, browser, user, limit, reason, storage_setting
):
    if storage_setting in {"cache", "redis", "redis cluster"}:
        pytest.skip("a cache drops what has expired by itself, and tells nobody")
    limits(**{"idle": 7200, "absolute": 7200, limit: 3600})
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    key = digest_of(browser.key)
    told.clear()
    clock.move(hours=3)
    SessionStore.clear_expired()
    assert told == [ended(key, user, reason)]


def test_a_deleted_user_is_told(told, member, user, django_capture_on_commit_callbacks):
    key = digest_of(member.key)
    facts = ended(key, user, Reason.USER_GONE)
    told.clear()
    with django_capture_on_commit_callbacks(execute=True):
        user.delete()
    assert told == [facts]


def test_a_receiver_that_fails_harms_no_sign_in(storage_setting, browser, user):
    def fail(sender, **facts):
        raise RuntimeError("nobody at the phone")

    session_started.connect(fail)
    try:
        browser.do(lambda request: Login(request).login(user))
    finally:
        session_started.disconnect(fail)
    assert browser.who() == "ada"


# --- transactions ---------------------------------------------------------------------------------------


@pytest.fixture
def heard():
    reasons = []

    def hear(sender, reason, **facts):
        reasons.append(reason)

    session_ended.connect(hear)
    yield reasons
    session_ended.disconnect(hear)


@pytest.mark.django_db(transaction=True)
def test_an_end_is_told_once_it_is_committed(heard, user):
    many(user, 1)
    with transaction.atomic():
        sessions.end_all(user)
        assert heard == []
    assert heard == [Reason.REVOKED]


@pytest.mark.django_db(transaction=True)
def test_an_end_that_was_rolled_back_is_not_told(heard, user):
    many(user, 1)
    with transaction.atomic():
        sessions.end_all(user)
        transaction.set_rollback(True)
    assert heard == []
    assert sessions.count(user) == 1


def test_clearsessions_is_the_clean_up(heard, user, clock, settings):
    many(user, 2)
    clock.move(days=2)
    with transaction.atomic():
        call_command("clearsessions")
    assert get_storage().of_user(str(user.pk)) == []

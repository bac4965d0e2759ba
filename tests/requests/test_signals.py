"""What the signals report: each start, each new key, and each end with its reason, once."""

import pytest
from django.contrib import auth

from frontdesk import sessions
from frontdesk.engine import SessionStore
from frontdesk.signals import (
    Reason,
    expired_purged,
    session_ended,
    session_rotated,
    session_started,
    sessions_ended,
)
from frontdesk.storages import get_storage
from tests.fixtures import sign_in, sign_out
from tests.requests.site import step

pytestmark = pytest.mark.django_db

SIGNALS = {
    "started": session_started,
    "rotated": session_rotated,
    "ended": session_ended,
    "all ended": sessions_ended,
    "purged": expired_purged,
}


@pytest.fixture
def reports():
    """The reports of the signals, as (name, facts)."""
    seen, receivers = [], []
    for name, signal in SIGNALS.items():

        def receive(sender, signal=None, name=name, **facts):
            assert sender is type(get_storage())
            seen.append((name, facts))

        receivers.append((signal, receive))
        signal.connect(receive)
    yield seen
    for signal, receive in receivers:
        signal.disconnect(receive)


def of(reports, name):
    return [facts for each, facts in reports if each == name]


def id_of(browser):
    return browser.key[:15]


def ended(session_id, user, reason):
    return {"session_id": session_id, "user_id": str(user.pk), "reason": reason}


def test_a_new_session_is_reported_with_its_user(reports, member, user):
    ((name, facts),) = reports
    assert name == "started"
    assert facts == {
        "session_id": id_of(member),
        "user_id": str(user.pk),
        "ip": "127.0.0.1",
        "user_agent": "",
    }


def test_a_session_without_a_user_is_reported_too(reports, browser):
    browser.put(cart=["lamp"])
    ((name, facts),) = reports
    assert (name, facts["user_id"]) == ("started", None)


def test_a_new_key_is_reported_under_the_same_id(reports, member, user):
    session_id = id_of(member)
    reports.clear()
    member.do(lambda request: request.session.cycle_key())
    assert id_of(member) == session_id
    assert reports == [("rotated", {"session_id": session_id, "user_id": str(user.pk)})]


def test_a_sign_in_with_a_session_is_reported_as_a_rotation(reports, browser, user):
    browser.put(cart=1)
    session_id = id_of(browser)
    reports.clear()
    sign_in(browser, user)
    assert {name for name, _ in reports} == {"rotated"}
    assert {facts["session_id"] for _, facts in reports} == {session_id}


def test_a_page_that_reads_or_writes_reports_nothing(reports, member, clock):
    reports.clear()
    clock.move(minutes=5)
    member.get("/home/")
    member.put(cart=["lamp"])
    assert reports == []


def test_a_sign_out_is_reported_once(reports, member, user):
    session_id = id_of(member)
    reports.clear()
    sign_out(member)
    sign_out(member)
    assert of(reports, "ended") == [ended(session_id, user, Reason.LOGOUT)]


@pytest.mark.parametrize("reason", Reason)
def test_an_end_by_code_is_reported_with_its_reason(reports, member, user, reason):
    session_id = id_of(member)
    reports.clear()

    def task(request):
        return (yield step(sessions, "end", user, session_id, reason=reason))

    assert member.do(task).answer is True
    assert of(reports, "ended") == [ended(session_id, user, reason)]


def test_an_end_of_an_ended_session_is_not_reported(reports, member, user):
    sessions.end(user, id_of(member))
    reports.clear()
    assert sessions.end(user, id_of(member)) is False
    assert sessions.end_all(user) == 0
    member.do(auth.logout)
    assert reports == []


def test_all_ends_of_a_call_are_reported_together_first(reports, member, new_browser, user):
    other = new_browser()
    sign_in(other, user)
    reports.clear()

    def task(request):
        return (yield step(sessions, "end_all", user, reason=Reason.REVOKED_BY_STAFF))

    assert new_browser().do(task).answer == 2
    assert [name for name, _ in reports] == ["all ended", "ended", "ended"]
    (together,) = of(reports, "all ended")
    expected = {(id_of(each), str(user.pk), Reason.REVOKED_BY_STAFF) for each in (member, other)}
    assert {each[:3] for each in together["ends"]} == expected
    assert {tuple(facts.values()) for facts in of(reports, "ended")} == expected


@pytest.mark.parametrize(
    ("limit", "reason"), [("idle", Reason.IDLE), ("absolute", Reason.ABSOLUTE)]
)
def test_an_expired_session_is_reported_when_it_is_purged(
    reports, clock, limits, browser, user, limit, reason
):
    limits(**{"idle": 7200, "absolute": 7200, limit: 3600})
    sign_in(browser, user)
    reports.clear()
    clock.move(hours=3)
    SessionStore.clear_expired()
    assert of(reports, "ended") == [ended(id_of(browser), user, reason)]
    assert of(reports, "purged") == [{}]
    (together,) = of(reports, "all ended")
    assert together["ends"][0].at == clock.now() - 2 * 3_600_000_000


def test_an_ended_session_is_not_reported_again_by_the_purge(reports, clock, member):
    sign_out(member)
    reports.clear()
    clock.move(hours=3)
    SessionStore.clear_expired()
    assert [name for name, _ in reports] == ["purged"]


def test_an_error_of_a_receiver_is_logged_and_harms_nothing(browser, user, caplog):
    def fail(sender, **facts):
        raise RuntimeError("no connection")

    session_started.connect(fail)
    try:
        sign_in(browser, user)
    finally:
        session_started.disconnect(fail)
    assert browser.username() == "ada"
    assert "no connection" in caplog.text


def test_an_async_receiver_works(browser, user):
    seen = []

    async def receive(sender, **facts):
        seen.append(facts["user_id"])

    session_started.connect(receive)
    try:
        sign_in(browser, user)
    finally:
        session_started.disconnect(receive)
    assert seen == [str(user.pk)]

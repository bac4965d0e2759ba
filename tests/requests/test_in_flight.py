"""Requests that overlap: one request of a browser does another one while it runs."""

import logging

import pytest
from django.contrib import auth
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpResponse

from frontdesk import sessions
from frontdesk.core.flow import run
from frontdesk.engine import SessionStore
from frontdesk.storages import get_storage
from tests.fixtures import is_anonymous, sign_in, sign_out
from tests.requests.browsers import clears, cookie

pytestmark = pytest.mark.django_db

BACKEND = "django.contrib.auth.backends.ModelBackend"


def rotate(browser):
    return browser.do(lambda request: request.session.cycle_key())


def change_password(browser):
    def change(request):
        request.user.set_password("another one")
        request.user.save()
        auth.update_session_auth_hash(request, request.user)

    return browser.do(change)


def during(happening, **values):
    """Return a task that reads the session, calls ``happening()``, and writes ``values``."""

    def task(request):
        request.session.get("cart")
        happening()
        request.session.update(values)
        return HttpResponse("thank you", status=202)

    return task


# --- ended while a request runs -----------------------------------------------------------------

ENDS = {
    "signed out": lambda tab, user: sign_out(tab),
    "ended by id": lambda tab, user: [
        sessions.end(user, info.id) for info in sessions.for_user(user)
    ],
    "all ended": lambda tab, user: sessions.end_all(user),
}


@pytest.fixture(params=ENDS)
def interrupted(request, member, user, tab, caplog):
    """The response of a request whose session ends before it writes."""
    other, end = tab(member), ENDS[request.param]
    with caplog.at_level(logging.INFO):
        return member.do(during(lambda: end(other, user), cart=["late"]))


def test_a_response_goes_out_though_its_session_has_ended(interrupted):
    """Django answers with a 400. But the user has just signed out, and the response is for them."""
    assert interrupted.status_code == 202
    assert interrupted.content == b"thank you"
    assert cookie(interrupted) is None


def test_a_late_write_does_not_revive_a_session(interrupted, member, new_browser, user):
    """OWASP ASVS 7.4.1."""
    assert is_anonymous(new_browser, member.key)
    assert sessions.count(user) == 0


def test_a_lost_write_is_one_line_in_the_log(interrupted, member, caplog):
    lines = caplog.get_records("setup")
    (line,) = [each for each in lines if each.name == "frontdesk"]
    assert line.levelname == "INFO"
    assert member.key[:15] in line.getMessage()
    assert member.key not in line.getMessage()


@pytest.mark.parametrize(
    "late",
    [
        lambda request: request.session.get("cart"),  # records activity
        lambda request: request.session.cycle_key(),
        lambda request: request.session.modify("visits", lambda visits: 1),
        lambda request: request.session.set_expiry(600),
        lambda request: request.session.clear(),
        lambda request: request.session.flush(),
    ],
    ids=["activity", "cycle_key", "modify", "set_expiry", "clear", "flush"],
)
def test_nothing_revives_a_session_that_has_ended(
    member, tab, user, clock, new_browser, late, mode
):
    other, key = tab(member), member.key
    clock.move(minutes=5)

    def task(request):
        request.session["cart"] = "of the old session"
        sign_out(other)
        late(request)

    response = member.do(task)
    assert cookie(response) is None or clears(response)
    assert is_anonymous(new_browser, key)
    assert sessions.count(user) == 0


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_new_password_does_not_revive_an_ended_session(member, user, tab, end):
    other = tab(member)

    def task(request):
        request.user.set_password("another one")
        request.user.save()
        end(other, user)
        auth.update_session_auth_hash(request, request.user)

    response = member.do(task)
    assert response.status_code == 200
    assert cookie(response) is None
    assert member.username() == ""


def test_signing_in_again_brings_nothing_of_an_ended_session(member, tab, user, new_browser):
    other, key = tab(member), member.key

    def task(request):
        request.session["cart"] = "of the old session"
        sign_out(other)
        auth.login(request, user, BACKEND)

    member.do(task)
    assert member.values() == {}
    assert is_anonymous(new_browser, key)


def test_load_finds_an_ended_session_and_keeps_nothing(member):
    session = SessionStore(member.key)
    session["cart"] = "of the old session"
    SessionStore(member.key).delete()
    assert session.load() == {}
    with pytest.raises(UpdateError):
        session.save()
    assert session.session_key is None


def test_create_makes_a_session_without_a_user(member):
    """Only ``login()`` signs in."""
    session = SessionStore(member.key)
    session["cart"] = 1
    session.create()
    assert dict(SessionStore(session.session_key).items()) == {"cart": 1}


def test_create_brings_nothing_of_an_ended_session(member):
    session = SessionStore(member.key)
    session["cart"] = 1
    SessionStore(member.key).delete()
    with pytest.raises(UpdateError):
        session.save()
    session.create()
    assert dict(SessionStore(session.session_key).items()) == {}


# --- overtaken by a rotation --------------------------------------------------------------------


@pytest.fixture
def overtaken(browser, user, tab):
    """A tab that still has the key from before the sign-in in ``browser``."""
    browser.put(cart=["lamp"])
    late = tab(browser)
    sign_in(browser, user)
    return late


LATE = {
    "reads": lambda request: request.session.get("cart"),
    "writes": lambda request: request.session.update({"cart": ["sofa"]}),
    "removes": lambda request: request.session.pop("cart", None),
    "clears": lambda request: request.session.clear(),
    "rotates": lambda request: request.session.cycle_key(),
    "asks for the user": lambda request: request.user.is_authenticated,
    "modifies": lambda request: request.session.modify("cart", lambda cart: ["sofa"]),
    "reads and writes": lambda request: request.session.setdefault("cart", []).append("sofa"),
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_an_overtaken_request_is_anonymous_and_harmless(overtaken, browser, late, journal):
    """It neither writes nor touches the cookie, which may be the new one by now."""
    response = overtaken.do(lambda request: (late(request), request.user.is_authenticated)[1])
    assert response.answer is False
    assert cookie(response) is None
    assert journal.writes == []
    assert browser.username() == "ada"
    assert browser.values() == {"cart": ["lamp"]}


@pytest.mark.parametrize(
    "late",
    [
        lambda request: request.session.save(),
        lambda request: request.session.get("cart") or request.session.create(),
    ],
    ids=["save", "create"],
)
def test_an_overtaken_request_that_saves_sets_no_cookie(overtaken, late):
    assert cookie(overtaken.do(late)) is None


def test_an_overtaken_request_may_sign_in(overtaken, user):
    before = overtaken.key
    sign_in(overtaken, user)
    assert overtaken.username() == "ada"
    assert overtaken.key != before


def test_an_overtaken_sign_out_leaves_the_next_user_alone(overtaken, browser):
    """It was sent when nobody was signed in."""
    response = sign_out(overtaken)
    assert browser.username() == "ada"
    assert cookie(response) is None or clears(response)


@pytest.mark.parametrize("rotation", [rotate, change_password])
def test_an_overtaken_sign_out_of_the_same_user_signs_out(member, tab, rotation):
    late, other = tab(member), tab(member)
    rotation(other)
    assert other.username() == "ada"
    assert clears(sign_out(late))
    assert other.username() == ""


def test_a_sign_out_that_was_overtaken_long_ago_ends_nothing(member, tab, clock):
    late, other = tab(member), tab(member)
    rotate(other)
    clock.move(seconds=31)
    sign_out(late)
    assert other.username() == "ada"


@pytest.mark.parametrize("rotation", [rotate, change_password])
def test_a_sign_out_amid_a_rotation_signs_out(member, tab, rotation):
    first, other = tab(member), tab(member)

    def leave(request):
        assert request.user.is_authenticated
        rotation(other)
        auth.logout(request)

    assert clears(first.do(leave))
    assert other.username() == ""


def test_a_write_after_a_sign_in_elsewhere_is_lost(browser, tab, user):
    """The request read an anonymous session, so what it writes is not that of the user."""
    browser.put(cart=["lamp"])
    first = tab(browser)
    response = first.do(during(lambda: sign_in(browser, user), cart=["sofa"]))
    assert response.status_code == 202
    assert cookie(response) is None
    assert browser.username() == "ada"
    assert browser.values() == {"cart": ["lamp"]}


def test_two_tabs_that_sign_in_at_once_are_both_in(browser, tab, user, other_user):
    browser.put(cart=["lamp"])
    first, second = tab(browser), tab(browser)

    def task(request):
        request.session.get("cart")
        sign_in(second, user)
        auth.login(request, other_user, BACKEND)

    first.do(task)
    assert first.username() == "bob"
    assert second.username() == "ada"
    assert first.key[:15] != second.key[:15]


# --- a new password, and a request between its two steps ----------------------------------------


def new_hash_only(request, user):
    request.session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()


@pytest.mark.parametrize("renew", [auth.update_session_auth_hash, new_hash_only])
def test_a_request_amid_a_password_change_does_no_harm(member, tab, clock, renew):
    """The hash does not fit for a moment. That must not end the session that changes the password."""
    other, responses = tab(member), []

    def change(request):
        request.user.set_password("another one")
        request.user.save()
        responses.append(other.do(lambda request: request.user.is_authenticated))
        renew(request, request.user)

    member.do(change)
    assert responses[0].answer is False
    assert cookie(responses[0]) is None
    for _ in range(10):
        assert member.username() == "ada"
        clock.move(seconds=29)


def test_a_session_of_an_old_password_ends_for_good(member, user, clock):
    """Also if other requests use the session without reading the user."""
    key = member.key
    user.set_password("another one")
    user.save()
    assert member.username() == ""
    clock.move(seconds=20)
    SessionStore(key).modify("visits", lambda visits: visits + 1, default=0)
    clock.move(seconds=11)
    assert not SessionStore().exists(key)
    assert run(get_storage().read(key[:15])) is None


def test_a_session_of_an_old_password_gains_nothing_by_a_longer_expiry(member, tab, user, clock):
    """In a request that began before the change, and in later ones that do not ask for the user."""
    thief, key = tab(member), member.key

    def extend(request):
        assert request.user.is_authenticated
        user.set_password("another one")
        user.save()
        assert tab(member).username() == ""
        request.session.set_expiry(90 * 86_400)

    thief.do(extend)
    for days in (80, 70, 60):
        assert thief.username() == ""
        thief.do(lambda request, days=days: request.session.set_expiry(days * 86_400))
        assert (thief.key, thief.username()) == (key, "")
        clock.move(seconds=20)
    clock.move(seconds=11)
    assert not SessionStore().exists(key)

"""Requests that overlap: two requests of one browser, interleaved by hand.

The page in flight does the other one's request while it runs.
"""

import logging

import pytest
from django.contrib import auth
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpResponse

from frontdesk.engine import SessionStore
from frontdesk.storages import get_storage
from frontdesk.tokens import digest_of
from tests.requests.browsers import clears, cookie
from tests.requests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("storage_setting")]


@pytest.fixture
def tab(new_browser):
    """Open another tab: the same cookies, as they are now."""

    def open_tab(browser):
        other = new_browser()
        other.key = browser.key
        return other

    return open_tab


def sign_out(browser):
    return browser.do(auth.logout)


def sign_in(browser):
    return browser.post("/login/", {"username": "ada", "password": PASSWORD})


def during(happening, **values):
    """A task that reads the session, lets ``happening`` happen, and then keeps ``values``."""

    def task(request):
        request.session.get("cart")
        happening()
        request.session.update(values)
        return HttpResponse("thank you", status=202)

    return task


# --- ended while a request runs -----------------------------------------------------------------------


def end_by_signing_out(browser, key):
    sign_out(browser)


def end_by_removing(browser, key):
    get_storage().remove([digest_of(key)])


def end_all_of_the_user(browser, key):
    record = get_storage().read(digest_of(key))
    get_storage().remove_of_user(record.user_id)


ENDS = pytest.mark.parametrize("end", [end_by_signing_out, end_by_removing, end_all_of_the_user])


@pytest.fixture
def interrupted(member, tab, caplog):
    """Sign out while another page is being made; return that page's response."""

    def interrupt(end):
        elsewhere, key = tab(member), member.key
        with caplog.at_level(logging.INFO):
            return member.do(during(lambda: end(elsewhere, key), cart=["late"]))

    return interrupt


@ENDS
def test_an_answer_goes_out_though_its_session_has_ended(interrupted, end):
    """Django answers 400."""
    response = interrupted(end)
    assert response.status_code == 202
    assert response.content == b"thank you"


@ENDS
def test_an_answer_whose_session_has_ended_sets_no_cookie(interrupted, end):
    assert cookie(interrupted(end)) is None


@ENDS
def test_a_session_that_has_ended_is_not_brought_back(interrupted, member, new_browser, end):
    """ASVS 7.4.1."""
    key = member.key
    interrupted(end)
    late = new_browser()
    late.key = key
    assert late.who() == ""
    assert late.kept() == {}


@ENDS
def test_an_interrupted_request_is_one_line_in_the_log(interrupted, member, caplog, end):
    key = member.key
    interrupted(end)
    (line,) = [record for record in caplog.records if record.name == "frontdesk"]
    assert line.levelname == "INFO"
    assert digest_of(key) in line.getMessage()
    assert key not in line.getMessage()


def test_activity_does_not_bring_back_what_has_ended(member, tab, clock, new_browser):
    elsewhere, key = tab(member), member.key
    clock.move(minutes=5)
    response = member.do(during(lambda: sign_out(elsewhere)))
    assert response.status_code == 202
    assert cookie(response) is None
    late = new_browser()
    late.key = key
    assert late.who() == ""


def test_cycling_the_key_does_not_bring_back_what_has_ended(member, tab, new_browser):
    """A page that rotates while its user signs out in another tab must not hand out a key to what was."""
    elsewhere = tab(member)

    def task(request):
        request.session["secret"] = "kept while signed in"
        sign_out(elsewhere)
        request.session.cycle_key()
        return HttpResponse("thank you")

    response = member.do(task)
    assert cookie(response) is None
    assert member.who() == ""


@ENDS
def test_a_password_change_does_not_bring_back_what_has_ended(member, tab, end):
    elsewhere, key = tab(member), member.key

    def task(request):
        request.user.set_password("another one")
        request.user.save()
        end(elsewhere, key)
        auth.update_session_auth_hash(request, request.user)

    response = member.do(task)
    assert response.status_code == 200
    assert cookie(response) is None
    assert member.who() == ""


def test_signing_in_again_while_signing_out_elsewhere_keeps_nothing_of_the_old_session(
    member, tab, user, new_browser
):
    elsewhere, key = tab(member), member.key

    def task(request):
        request.session["secret"] = "of the old session"
        sign_out(elsewhere)
        auth.login(request, user, "django.contrib.auth.backends.ModelBackend")

    member.do(task)
    assert member.kept() == {}
    old = new_browser()
    old.key = key
    assert old.who() == ""


# --- stragglers: requests that left the browser before it took its new key ------------------------------


@pytest.fixture
def straggler(browser, user, tab):
    """A tab that still has the key from before the sign-in."""
    browser.keep(cart=["lamp"])
    left_behind = tab(browser)
    sign_in(browser)
    return left_behind


def test_a_straggler_is_anonymous(straggler):
    assert straggler.who() == ""
    assert straggler.kept() == {}


STRAGGLES = {
    "reads": lambda request: request.session.get("cart"),
    "writes": lambda request: request.session.update({"cart": ["sofa"]}),
    "removes": lambda request: request.session.pop("cart", None),
    "clears": lambda request: request.session.clear(),
    "rotates": lambda request: request.session.cycle_key(),
    "asks for the user": lambda request: request.user.is_authenticated,
    "reads and writes": lambda request: request.session.setdefault("cart", []).append("sofa"),
}


SAVES = {
    "saves": lambda request: request.session.save(),
    "creates": lambda request: request.session.get("cart") or request.session.create(),
}


@pytest.mark.parametrize("task", [*STRAGGLES.values(), *SAVES.values()], ids=[*STRAGGLES, *SAVES])
def test_a_straggler_neither_sets_nor_clears_the_cookie(straggler, task):
    assert cookie(straggler.do(task)) is None


@pytest.mark.parametrize("task", STRAGGLES.values(), ids=STRAGGLES)
def test_a_straggler_writes_nothing(straggler, task, journal):
    straggler.do(task)
    assert journal.writes == []


def test_a_straggler_that_signs_in_is_signed_in(straggler):
    before = straggler.key
    sign_in(straggler)
    assert straggler.who() == "ada"
    assert straggler.key != before


def test_a_straggler_that_signs_out_does_not_clear_the_cookie_of_the_newcomer(straggler, browser):
    response = sign_out(straggler)
    assert browser.who() == "ada"
    assert cookie(response) is None or clears(response)


def change_password(browser):
    def change(request):
        request.user.set_password("a lantern in the attic")
        request.user.save()
        auth.update_session_auth_hash(request, request.user)

    return browser.do(change)


def test_a_sign_out_amid_a_password_change_signs_out(member, tab):
    """It came with the key of a session that has another one by the time it is carried out."""
    first, other = tab(member), tab(member)

    def leave(request):
        assert request.user.is_authenticated
        change_password(other)
        auth.logout(request)

    response = first.do(leave)
    assert clears(response)
    assert other.who() == ""


def test_a_sign_out_that_comes_after_a_password_change_signs_out(member, tab):
    late, other = tab(member), tab(member)
    change_password(other)
    assert other.who() == "ada"
    assert clears(sign_out(late))
    assert other.who() == ""


def test_a_sign_out_long_after_a_password_change_ends_nothing(member, tab, clock):
    late, other = tab(member), tab(member)
    change_password(other)
    clock.move(seconds=31)
    sign_out(late)
    assert other.who() == "ada"


def test_a_request_that_overlaps_the_sign_in_does_not_disturb_it(browser, tab, user):
    """It read the anonymous session before the sign-in, and writes after it."""
    browser.keep(cart=["lamp"])
    first = tab(browser)
    response = first.do(during(lambda: sign_in(browser), cart=["sofa"]))
    assert response.status_code == 202
    assert cookie(response) is None
    assert browser.who() == "ada"
    assert browser.kept() == {"cart": ["lamp"]}


def test_two_tabs_that_sign_in_at_once_are_both_signed_in(browser, tab, user, other_user):
    browser.keep(cart=["lamp"])
    first, second = tab(browser), tab(browser)

    def task(request):
        request.session.get("cart")
        sign_in(second)
        auth.login(request, other_user, "django.contrib.auth.backends.ModelBackend")

    first.do(task)
    assert first.who() == "bob"
    assert second.who() == "ada"
    assert first.key != second.key


# --- a password change, and a straggler between its two steps --------------------------------------------


def test_a_straggler_amid_a_password_change_does_not_sign_out_the_changer(member, tab, clock):
    elsewhere = tab(member)

    def change(request):
        request.user.set_password("another one")
        request.user.save()
        assert elsewhere.who() == ""  # the hash no longer fits
        auth.update_session_auth_hash(request, request.user)

    member.do(change)
    assert member.who() == "ada"
    for _ in range(10):
        clock.move(seconds=29)
        assert member.who() == "ada"


def test_a_straggler_amid_a_password_change_keeps_its_hands_off_the_cookie(member, tab):
    elsewhere, answers = tab(member), []

    def change(request):
        request.user.set_password("another one")
        request.user.save()
        answers.append(elsewhere.do(lambda request: request.user.is_authenticated))
        auth.update_session_auth_hash(request, request.user)

    member.do(change)
    assert answers[0].answer is False
    assert cookie(answers[0]) is None


def test_a_session_whose_password_was_changed_elsewhere_ends_for_good(member, user, clock, tab):
    user.set_password("another one")
    user.save()
    key = member.key
    assert member.who() == ""
    clock.move(seconds=31)
    assert get_storage().read(digest_of(key)) is None


# --- merging ------------------------------------------------------------------------------------------


def overlap(browser, other, first, second):
    """Make two changes in overlapping requests; ``second`` is stored first."""

    def task(request):
        request.session.get("cart")
        other.do(second)
        first(request)

    return browser.do(task)


def setting(**values):
    return lambda request: request.session.update(values)


def test_overlapping_requests_that_change_different_keys_both_count(browser, tab):
    browser.keep(start=1)
    overlap(browser, tab(browser), setting(cart=["lamp"]), setting(language="de"))
    assert browser.kept() == {"start": 1, "cart": ["lamp"], "language": "de"}


def test_overlapping_requests_that_change_the_same_key_end_with_the_later_answer(browser, tab):
    browser.keep(cart=[])
    overlap(browser, tab(browser), setting(cart=["lamp"]), setting(cart=["sofa"]))
    assert browser.kept() == {"cart": ["lamp"]}


def test_a_removal_does_not_undo_what_another_request_changed(browser, tab):
    browser.keep(cart=1, language="en")
    overlap(
        browser,
        tab(browser),
        lambda request: request.session.pop("cart"),
        setting(language="de"),
    )
    assert browser.kept() == {"language": "de"}


def test_a_change_does_not_undo_what_another_request_removed(browser, tab):
    browser.keep(cart=1, language="en")
    overlap(
        browser,
        tab(browser),
        setting(language="de"),
        lambda request: request.session.pop("cart"),
    )
    assert browser.kept() == {"language": "de"}


def test_values_that_were_not_changed_are_not_written(browser, tab):
    browser.keep(cart=["lamp"], language="en")

    def touch_all(request):
        request.session["cart"] = list(request.session["cart"])
        request.session.modified = True

    overlap(browser, tab(browser), touch_all, setting(cart=["sofa"]))
    assert browser.kept()["cart"] == ["sofa"]


def test_clearing_takes_what_others_have_added_meanwhile(browser, tab):
    browser.keep(cart=1)

    def start_over(request):
        request.session.clear()
        request.session["cart"] = 2

    overlap(browser, tab(browser), start_over, setting(language="de"))
    assert browser.kept() == {"cart": 2}


def test_what_is_kept_while_the_key_is_rotated_elsewhere_is_left_behind(browser, tab):
    """The rotated session is the newer one; a write to the old key finds nothing to write to."""
    browser.keep(cart=1)
    other = tab(browser)
    response = other.do(
        during(lambda: browser.do(lambda request: request.session.cycle_key()), cart=2)
    )
    assert response.status_code == 202
    assert cookie(response) is None
    assert browser.kept() == {"cart": 1}


def test_what_was_read_before_an_end_is_not_stored_again_after_a_second_look(
    member, storage_setting
):
    """load() found the session gone, and the next save() put what had been read under a new key."""
    session = SessionStore(member.key)
    session["secret"] = "of the old session"
    SessionStore(member.key).delete()
    assert session.load() == {}
    with pytest.raises(UpdateError):
        session.save()
    assert session.session_key is None


def test_a_disowned_session_ends_though_others_use_it(member, user, clock, storage_setting):
    """A page that reads the session and not the user wrote the old limit back."""
    key = member.key
    user.set_password("another one")
    user.save()
    assert member.who() == ""
    member.key = key
    clock.move(seconds=20)
    SessionStore(key).modify("visits", lambda visits: visits + 1, default=0)
    clock.move(seconds=11)
    assert not SessionStore().exists(key)


def test_creating_a_session_from_a_live_one_signs_nobody_in(member, storage_setting):
    session = SessionStore(member.key)
    session["cart"] = 1
    session.create()
    assert dict(SessionStore(session.session_key).items()) == {"cart": 1}


def test_creating_a_session_from_one_that_has_ended_brings_nothing_back(member, storage_setting):
    session = SessionStore(member.key)
    session["cart"] = 1
    SessionStore(member.key).delete()
    with pytest.raises(UpdateError):
        session.save()
    session.create()
    assert dict(SessionStore(session.session_key).items()) == {}


@pytest.mark.parametrize(
    "take_away", [lambda session: session.clear(), lambda session: session.pop("cart")]
)
def test_modify_starts_anew_from_what_this_request_took_away(db, storage_setting, take_away):
    stored = SessionStore()
    stored["cart"] = ["lamp"]
    stored.save()
    session = SessionStore(stored.session_key)
    take_away(session)
    assert session.modify("cart", lambda cart: [*cart, "sofa"], default=[]) == ["sofa"]

"""What a new password, and a sign-in too many, mean for the sessions of their user."""

from contextlib import contextmanager

import pytest
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.forms import PasswordChangeForm as DjangosForm
from django.contrib.auth.tokens import default_token_generator
from django.urls import path
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from frontdesk import conf, passwords, sessions
from frontdesk.signals import Reason, session_ended
from frontdesk.storages import get_storage
from frontdesk.storages.record import Changes
from frontdesk.views import PasswordChangeView
from tests.pages.catalogue import Page
from tests.requests import desk_site
from tests.requests.browsers import clears
from tests.requests.conftest import PASSWORD
from tests.requests.steps import is_anonymous

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("storage_setting", "_desk"),
]

one_storage = pytest.mark.parametrize("storage_setting", ["database"], indirect=True)

CHANGE = "/desk/password_change/"
NEW = "another lantern in the hall"
FIELDS = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
STAY, GO = FIELDS, {**FIELDS, "end_others": "on"}


class OwnForm(DjangosForm):
    """A form of the project's, that knows nothing of other sessions."""


urlpatterns = [
    path("own/", PasswordChangeView.as_view(form_class=OwnForm, success_url="/home/")),
    *desk_site.urlpatterns,
]


@pytest.fixture
def _desk(settings):
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def signed_in(new_browser):
    """Return a browser in which that user has just signed in."""

    def make(user, password=PASSWORD):
        browser = new_browser()
        browser.post("/login/", {"username": user.get_username(), "password": password})
        return browser

    return make


@pytest.fixture
def telling(django_capture_on_commit_callbacks):
    """A context that gives the reasons of the ends in it."""

    @contextmanager
    def context():
        told = []

        def receiver(reason, **kwargs):
            told.append(reason)

        session_ended.connect(receiver)
        with django_capture_on_commit_callbacks(execute=True):
            yield told
        session_ended.disconnect(receiver)

    return context


# --- a changed password -------------------------------------------------------------------------


@one_storage
def test_the_form_offers_to_sign_out_everywhere_else_and_does_so_unless_told_otherwise(member):
    """ASVS 7.4.3."""
    fields = Page(member.get(CHANGE).content.decode()).all("input")
    (box,) = [field for field in fields if field["name"] == "end_others"]
    assert "checked" in box


def test_all_others_end_at_once(signed_in, user, telling):
    browser, others = signed_in(user), [signed_in(user), signed_in(user)]
    old = browser.key
    with telling() as told:
        assert browser.post(CHANGE, GO).status_code == 302
    assert told == [Reason.PASSWORD_CHANGE] * 2
    assert sessions.count(user) == 1
    assert browser.who() == "ada"
    assert browser.key != old
    assert [other.who() for other in others] == ["", ""]


def test_others_stay_when_told_so(signed_in, new_browser, user, telling):
    browser, others = signed_in(user), [signed_in(user), signed_in(user)]
    others[0].keep(cart=["lamp"])
    old, keys = browser.key, [other.key for other in others]
    with telling() as told:
        assert browser.post(CHANGE, STAY).status_code == 302
    assert told == []
    assert browser.who() == "ada"
    assert [other.who() for other in others] == ["ada", "ada"]
    assert [other.key for other in others] == keys
    assert others[0].kept() == {"cart": ["lamp"]}
    assert is_anonymous(new_browser, old)
    assert signed_in(user).who() == ""
    assert signed_in(user, NEW).who() == "ada"


def test_a_session_of_an_older_password_is_not_brought_back(signed_in, user, settings):
    browser, stale = signed_in(user), signed_in(user)
    digest = stale.do(sessions.current).answer.id
    get_storage().update(digest, Changes(values={HASH_SESSION_KEY: b'"of another password"'}))
    browser.post(CHANGE, STAY)
    assert browser.who() == "ada"
    assert stale.who() == ""


def test_a_hash_that_cannot_be_decoded_is_none_and_hinders_nobody(signed_in, user):
    browser, broken, other = signed_in(user), signed_in(user), signed_in(user)
    digest = broken.do(sessions.current).answer.id
    get_storage().update(digest, Changes(values={HASH_SESSION_KEY: b"\xff"}))
    browser.post(CHANGE, STAY)
    assert (browser.who(), broken.who(), other.who()) == ("ada", "", "ada")


def test_sessions_of_somebody_else_are_left_alone(signed_in, user, other_user):
    browser, stranger = signed_in(user), signed_in(other_user)
    for fields in (
        STAY,
        {"old_password": NEW, "new_password1": PASSWORD, "new_password2": PASSWORD},
    ):
        browser.post(CHANGE, {**fields, "end_others": "on"} if fields is not STAY else fields)
        assert stranger.who() == "bob"


def test_a_hash_made_with_a_fallback_secret_is_good_too(signed_in, user, settings):
    other = signed_in(user)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a secret of today " + "x" * 50
    browser = signed_in(user)
    browser.post(CHANGE, STAY)
    settings.SECRET_KEY_FALLBACKS = []
    assert (browser.who(), other.who()) == ("ada", "ada")


def test_a_request_in_the_moment_between_does_not_end_a_session_that_is_to_stay(
    signed_in, user, clock, monkeypatch
):
    """It sees the new password and the old hash, and lets the session end in half a minute."""
    browser, other = signed_in(user), signed_in(user)
    seen, rehashed = [], passwords._rehashed

    def meanwhile(*args):
        seen.append(other.who())
        return (yield from rehashed(*args))

    monkeypatch.setattr(passwords, "_rehashed", meanwhile)
    browser.post(CHANGE, STAY)
    assert seen == [""]
    clock.move(minutes=5)
    assert other.who() == "ada"


@pytest.mark.parametrize("path", [CHANGE, "/own/"])
def test_a_form_of_the_projects_own_signs_out_everywhere_else_as_in_django(signed_in, user, path):
    browser, other = signed_in(user), signed_in(user)
    fields = GO if path == CHANGE else FIELDS
    assert browser.post(path, fields).status_code == 302
    assert (browser.who(), other.who()) == ("ada", "")


def test_a_wrong_old_password_ends_and_changes_nothing(signed_in, user):
    browser, other = signed_in(user), signed_in(user)
    for fields in (STAY, GO):
        assert browser.post(CHANGE, {**fields, "old_password": "wrong"}).status_code == 200
    assert (browser.who(), other.who()) == ("ada", "ada")


def test_who_acts_as_another_user_changes_no_password(signed_in, user, other_user, acting_as):
    """It would sign the person out who did it, and end that person's sessions."""
    browser, own, theirs = signed_in(user), signed_in(user), signed_in(other_user)
    acting_as(other_user)
    for fields in (STAY, GO):
        refused = browser.post(CHANGE, fields)
        assert b"you are acting as another user" in refused.content
    acting_as(None)
    assert (browser.who(), own.who(), theirs.who()) == ("ada", "ada", "bob")
    assert signed_in(other_user).who() == "bob"


@one_storage
def test_a_change_that_fails_leaves_the_hashes_alone(signed_in, user, monkeypatch):
    browser, other = signed_in(user), signed_in(user)

    def fail(*args, **kwargs):
        raise RuntimeError("no room")

    monkeypatch.setattr(type(user), "save", fail)
    for fields in (STAY, GO):
        with pytest.raises(RuntimeError):
            browser.post(CHANGE, fields)
    monkeypatch.undo()
    assert (browser.who(), other.who()) == ("ada", "ada")


# --- a reset password ---------------------------------------------------------------------------


def reset(browser, user, fields=None):
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    user.refresh_from_db()  # the link is dead after the next sign-in
    token = default_token_generator.make_token(user)
    where = browser.get(f"/desk/reset/{uid}/{token}/")["Location"]
    return browser.post(where, fields or {"new_password1": NEW, "new_password2": NEW})


def test_a_reset_ends_all_sessions_of_the_user_at_once(signed_in, new_browser, user, telling):
    others, visitor = [signed_in(user), signed_in(user)], new_browser()
    with telling() as told:
        assert reset(visitor, user)["Location"] == "/desk/reset/done/"
    assert told == [Reason.PASSWORD_CHANGE] * 2
    assert sessions.count(user) == 0
    assert [other.who() for other in (visitor, *others)] == ["", "", ""]


def test_a_reset_in_a_browser_that_is_signed_in_ends_that_session_too(signed_in, user):
    browser = signed_in(user)
    assert reset(browser, user).status_code == 302
    assert browser.who() == ""
    browser.post("/login/", {"username": user.get_username(), "password": NEW})
    assert browser.who() == "ada"


def test_a_reset_leaves_other_people_alone(signed_in, user, other_user):
    stranger = signed_in(other_user)
    reset(stranger, user)
    assert stranger.who() == "bob"


def test_new_passwords_that_do_not_match_end_nothing(signed_in, new_browser, user):
    browser = signed_in(user)
    reset(new_browser(), user, {"new_password1": NEW, "new_password2": "other"})
    assert browser.who() == "ada"


# --- a limit ------------------------------------------------------------------------------------


@pytest.fixture
def one_session(settings):
    """Let everybody have one session only: ``one_session("refuse")``."""

    def hold(at_limit):
        # Not assigned, as that would make a new storage.
        settings.FRONTDESK.update(MAX_SESSIONS_PER_USER=1, AT_MAX_SESSIONS=at_limit)
        conf.options.cache_clear()

    return hold


def desk_sign_in(browser, user, password=PASSWORD):
    return browser.post("/desk/login/", {"username": user.get_username(), "password": password})


def test_a_sign_in_that_is_refused_is_an_error_of_the_form(new_browser, user, one_session):
    one_session("refuse")
    first, second = new_browser(), new_browser()
    assert desk_sign_in(first, user).status_code == 302
    refused = desk_sign_in(second, user)
    assert refused.status_code == 200
    shown = Page(refused.content.decode())
    assert any("as many devices as is allowed" in words for words in shown.words)
    assert any(attrs.get("role") == "alert" for _, attrs in shown.tags)
    assert not any(form.get("action", "").endswith("/logout/") for form in shown.all("form"))
    assert (first.who(), second.who()) == ("ada", "")
    first.post("/logout/")
    assert desk_sign_in(second, user).status_code == 302
    assert second.who() == "ada"


def test_the_form_that_says_so_can_be_sent_again(new_browser, user, one_session):
    """Its token is that of the cookie which came with it."""
    one_session("refuse")
    first = new_browser()
    desk_sign_in(first, user)
    second = new_browser(enforce_csrf_checks=True)
    form_page = second.get("/desk/login/")
    for _ in range(2):
        fields = Page(form_page.content.decode()).all("input")
        (token,) = {field["value"] for field in fields if field["name"] == "csrfmiddlewaretoken"}
        sent = {"username": user.get_username(), "password": PASSWORD, "csrfmiddlewaretoken": token}
        form_page = second.post("/desk/login/", sent)
        assert form_page.status_code == 200
        assert b"as many devices" in form_page.content


def test_a_visitor_who_is_refused_has_no_session_left(new_browser, user, one_session):
    one_session("refuse")
    desk_sign_in(new_browser(), user)
    visitor = new_browser()
    visitor.keep(cart=["lamp"])
    assert clears(desk_sign_in(visitor, user))


def test_a_sign_in_that_ends_the_oldest_goes_on(new_browser, user, one_session):
    one_session("end_oldest")
    first, second = new_browser(), new_browser()
    assert desk_sign_in(first, user).status_code == 302
    assert desk_sign_in(second, user).status_code == 302
    assert (first.who(), second.who()) == ("", "ada")


def test_a_reset_makes_room(signed_in, new_browser, user, one_session):
    one_session("refuse")
    first, visitor = new_browser(), new_browser()
    desk_sign_in(first, user)
    reset(visitor, user)
    assert desk_sign_in(visitor, user, NEW).status_code == 302
    assert (first.who(), visitor.who()) == ("", "ada")


def test_a_new_password_and_a_re_entry_are_no_sessions_too_many(new_browser, user, one_session):
    one_session("refuse")
    browser = new_browser()
    desk_sign_in(browser, user)
    assert browser.post(CHANGE, GO).status_code == 302
    entered = browser.post("/desk/reauthenticate/", {"reauthenticate-password": NEW})
    assert entered.status_code == 302
    assert browser.who() == "ada"

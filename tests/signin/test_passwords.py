"""Which sessions stay signed in when the stored hash of a password changes."""

from functools import partial

import pytest
from django.contrib.auth import HASH_SESSION_KEY, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm

from frontdesk import sessions
from frontdesk.core.flow import run
from frontdesk.core.record import Changes, Record, merge
from frontdesk.signin import passwords
from frontdesk.storages import get_storage
from tests.fixtures import DATABASE, PASSWORD, is_anonymous, sign_in, use

pytestmark = [
    pytest.mark.django_db,
    # Django's form is sync, and so is everything here.
    pytest.mark.parametrize("mode", ["sync"], indirect=True),
]

NEW = "another lantern in the hall"


@pytest.fixture
def signed_in(new_browser):
    """Return a browser in which this user has just signed in."""

    def begin(user, password=PASSWORD):
        browser = new_browser()
        sign_in(browser, user, password)
        return browser

    return begin


keeping_all = partial(passwords.own_change, keep_others=True, keep_api_tokens=True)


def change_password(browser, meanwhile=lambda: None):
    """Set a new password in this browser, so that the user's other sessions stay."""

    def task(request):
        user = request.user
        with keeping_all(request, user):
            user.set_password(NEW)
            user.save()
            update_session_auth_hash(request, user)
            meanwhile()

    return browser.do(task)


def names(*browsers):
    return [browser.username() for browser in browsers]


def store(browser, **changes):
    """Change the stored record of the session in ``browser``."""
    session_id = browser.do(sessions.current).answer.id
    storage = get_storage()
    known = run(storage.read(session_id))
    changes = Changes(last_seen=known.last_seen, **changes)
    run(storage.change(known, lambda current: merge(current, changes)))


# --- a new password -------------------------------------------------------------------------------


def test_other_sessions_stay_with_a_new_password(signed_in, new_browser, user):
    browser, *others = signed_in(user), signed_in(user), signed_in(user)
    others[0].put(cart=["lamp"])
    old, keys = browser.key, [other.key for other in others]
    change_password(browser)
    assert names(browser, *others) == ["ada", "ada", "ada"]
    assert [other.key for other in others] == keys
    assert others[0].values() == {"cart": ["lamp"]}
    assert is_anonymous(new_browser, old)
    user.refresh_from_db()
    assert names(signed_in(user, NEW)) == ["ada"]


def test_a_session_of_an_older_password_does_not_come_back(signed_in, user):
    browser, stale = signed_in(user), signed_in(user)
    store(stale, values={HASH_SESSION_KEY: b'"of another password"'})
    change_password(browser)
    assert names(browser, stale) == ["ada", ""]


def test_a_hash_that_another_request_has_just_stored_stays(signed_in, user):
    signed_in(user)
    (known,) = run(get_storage().of_user(str(user.pk)))
    flow = passwords._rehashing(str(user.pk), [user.get_session_auth_hash()], "new", None)
    answer = None
    while answer is None or not isinstance(answer[0], Record):  # until the sessions are read
        call = flow.send(answer)
        answer = getattr(call.target, call.name)(*call.args)
    own = Changes(last_seen=known.last_seen, values={HASH_SESSION_KEY: b'"its own"'})
    run(get_storage().change(known, lambda current: merge(current, own)))
    run(_continued(flow, answer))
    (stored,) = run(get_storage().of_user(str(user.pk)))
    assert stored.values[HASH_SESSION_KEY] == b'"its own"'


def _continued(flow, answer):
    try:
        while True:
            answer = yield flow.send(answer)
    except StopIteration:
        return


def test_a_hash_that_cannot_be_decoded_spares_the_others(signed_in, user):
    browser, broken, other = signed_in(user), signed_in(user), signed_in(user)
    store(broken, values={HASH_SESSION_KEY: b"\xff"})
    change_password(browser)
    assert names(browser, broken, other) == ["ada", "", "ada"]


def test_an_ended_session_does_not_come_back(signed_in, user):
    browser, other = signed_in(user), signed_in(user)
    key = other.key
    other.post("/logout/")
    other.key = key
    change_password(browser)
    assert names(browser, other) == ["ada", ""]


def test_sessions_of_another_user_are_left_alone(signed_in, user, other_user):
    browser, stranger = signed_in(user), signed_in(other_user)
    known = run(get_storage().of_user(str(other_user.pk)))
    change_password(browser)
    assert run(get_storage().of_user(str(other_user.pk))) == known
    assert names(stranger) == ["bob"]


def test_a_hash_made_with_a_fallback_secret_is_good_too(signed_in, user, settings):
    other = signed_in(user)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a secret of today " + "x" * 50
    browser = signed_in(user)
    change_password(browser)
    settings.SECRET_KEY_FALLBACKS = []
    assert names(browser, other) == ["ada", "ada"]


def test_a_request_between_password_and_hash_ends_no_session(signed_in, user, clock):
    """It sees the new password with the old hash, and lets the session end in half a minute."""
    browser, other = signed_in(user), signed_in(user)
    seen = []
    change_password(browser, meanwhile=lambda: seen.append(other.username()))
    clock.move(minutes=5)
    assert (seen, names(other)) == ([""], ["ada"])


def test_such_a_request_does_not_prolong_a_session(signed_in, user, clock, limits):
    limits(absolute=3600)
    browser, other = signed_in(user), signed_in(user)
    clock.move(minutes=50)
    change_password(browser, meanwhile=other.username)
    clock.move(minutes=9)
    assert names(other) == ["ada"]
    clock.move(minutes=2)
    assert names(other) == [""]


def test_a_change_that_fails_leaves_the_hashes_alone(signed_in, user):
    browser, other = signed_in(user), signed_in(user)
    known = run(get_storage().of_user(str(user.pk)))

    def task(request):
        with keeping_all(request, request.user):
            request.user.set_password(NEW)
            raise RuntimeError  # before it is saved

    with pytest.raises(RuntimeError):
        browser.do(task)
    assert run(get_storage().of_user(str(user.pk))) == known
    assert names(browser, other) == ["ada", "ada"]


def test_not_more_sessions_are_kept_than_the_bound(signed_in, user, monkeypatch, clock):
    monkeypatch.setattr(passwords, "MOST", 2)
    sessions_of_ada = []
    for _ in range(3):
        clock.move(minutes=1)
        sessions_of_ada.append(signed_in(user))
    clock.move(minutes=1)
    change_password(browser := signed_in(user))
    # The browser itself is one of the two that were used last.
    assert names(*sessions_of_ada, browser) == ["", "", "ada", "ada"]


def test_keeping_others_takes_a_read_and_a_write_each(
    signed_in, user, settings, django_assert_num_queries
):
    use(settings, DATABASE)
    for _ in range(3):
        signed_in(user)
    with django_assert_num_queries(5), passwords.sessions_stay(user):  # with that of the user
        user.password = "another hash"
        user.save(update_fields=["password"])


# --- an upgraded hash -----------------------------------------------------------------------------


@pytest.fixture
def upgraded(settings, monkeypatch):
    """Another hasher is the preferred one from now on, as after an upgrade of Django."""
    monkeypatch.setattr("django.contrib.auth.hashers.PBKDF2PasswordHasher.iterations", 10)
    hashers = ["PBKDF2PasswordHasher", "MD5PasswordHasher"]
    return lambda: setattr(
        settings, "PASSWORD_HASHERS", [f"django.contrib.auth.hashers.{name}" for name in hashers]
    )


class Form(PasswordChangeForm):
    """Django's form, whose check of the old password may upgrade the hash."""

    def clean_old_password(self):
        with passwords.sessions_stay(self.user):
            return super().clean_old_password()


def send(browser, **fields):
    def task(request):
        form = Form(request.user, {"old_password": PASSWORD, **fields})
        if form.is_valid():
            with keeping_all(request, form.user):
                form.save()
                update_session_auth_hash(request, form.user)

    return browser.do(task)


def test_new_passwords_that_do_not_match_end_nothing(signed_in, user, upgraded):
    browser, other = signed_in(user), signed_in(user)
    before = user.password
    upgraded()
    send(browser, new_password1=NEW, new_password2="not the same")
    user.refresh_from_db()
    assert user.password != before
    assert names(browser, other) == ["ada", "ada"]


def test_others_stay_when_the_check_upgraded_the_hash(signed_in, user, upgraded):
    browser, other = signed_in(user), signed_in(user)
    upgraded()
    send(browser, new_password1=NEW, new_password2=NEW)
    assert names(browser, other) == ["ada", "ada"]


def test_a_wrong_password_renews_no_hash(signed_in, user, upgraded):
    browser = signed_in(user)
    upgraded()
    known = run(get_storage().of_user(str(user.pk)))
    send(browser, old_password="wrong", new_password1=NEW, new_password2=NEW)
    assert run(get_storage().of_user(str(user.pk))) == known


def test_a_sign_in_that_upgrades_the_hash_ends_the_others(signed_in, user, upgraded, new_browser):
    """As in Django, whose sessions are only good with the stored hash."""
    other = signed_in(user)
    upgraded()
    browser = new_browser()
    sign_in(browser, user)
    assert names(browser, other) == ["ada", ""]

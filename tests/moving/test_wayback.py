"""The way back: Django's engines find what frontdesk has kept, and nobody is signed out."""

from importlib import import_module

import pytest
from django.contrib import auth
from django.contrib.auth import SESSION_KEY

from frontdesk.engine import SessionStore
from frontdesk.errors import StorageUnavailable
from frontdesk.moving.waiting import waiting_name, waiting_names
from frontdesk.storages import get_storage
from frontdesk.storages.record import Record
from frontdesk.tokens import digest_of
from tests.moving.conftest import ENGINES, record_of
from tests.requests.browsers import clears
from tests.requests.conftest import PASSWORD
from tests.staff.conftest import enter, frontdesk

pytestmark = pytest.mark.django_db(transaction=True)

in_memory = pytest.mark.parametrize("storage", ["memory"], indirect=True)
STOCK = {
    "frontdesk.middleware.SessionMiddleware": "django.contrib.sessions.middleware.SessionMiddleware",
    "frontdesk.middleware.AuthenticationMiddleware": (
        "django.contrib.auth.middleware.AuthenticationMiddleware"
    ),
}


@pytest.fixture(params=ENGINES)
def engine(request) -> str:
    """Run the test for each engine of Django's."""
    return request.param


@pytest.fixture
def back(settings, engine, storage):
    """Switch the site back, with Django's own middlewares."""

    def switch(path=f"frontdesk.wayback.{engine}"):
        settings.SESSION_ENGINE = path
        settings.MIDDLEWARE = [STOCK.get(name, name) for name in settings.MIDDLEWARE]
        return import_module(path).SessionStore

    return switch


def test_a_signed_in_person_stays_signed_in_with_all_that_the_session_holds(
    back, storage, new_browser, user
):
    key = enter(user, cart=["tea"]).session_key
    engine = back()
    browser = new_browser()
    browser.key = key
    assert browser.who() == "ada"
    assert browser.kept() == {"cart": ["tea"]}
    assert browser.key == key
    assert engine().exists(key)
    assert not isinstance(record_of(key), Record)


def test_what_was_exported_is_found_and_moves_to_its_key(back, engine, storage, new_browser, user):
    key, name = enter(user, cart=["tea"]).session_key, None
    engine = back()
    if hasattr(storage, "scan"):
        assert frontdesk("export", "--json").json == {"moved": 1, "interrupted": False}
        name = waiting_name(digest_of(key))
        assert engine().exists(name)
        assert not isinstance(record_of(key), Record)
    else:
        assert frontdesk("export").code == 1
    browser = new_browser()
    browser.key = key
    assert browser.who() == "ada"
    assert browser.kept() == {"cart": ["tea"]}
    assert name is None or not engine().exists(name)


@in_memory
def test_afterwards_django_itself_knows_it(back, engine, storage, new_browser, user):
    key = enter(user, cart=["tea"]).session_key
    back()
    browser = new_browser()
    browser.key = key
    browser.who()
    back(ENGINES[engine])
    browser = new_browser()
    browser.key = key
    assert (browser.who(), browser.kept()) == ("ada", {"cart": ["tea"]})


@in_memory
@pytest.mark.parametrize("exported", [True, False])
def test_signing_out_ends_it_wherever_it_is(back, engine, storage, new_browser, user, exported):
    key = enter(user).session_key
    engine = back()
    if exported:
        frontdesk("export")
    browser = new_browser()
    browser.key = key
    browser.do(auth.logout) if browser.native == "do" else browser.do(auth.alogout)
    for _ in range(2):
        browser.key = key
        assert browser.who() == ""
    assert not engine().exists(key)
    assert not engine().exists(waiting_name(digest_of(key)))


@in_memory
def test_what_had_ended_stays_ended(back, storage, new_browser, user):
    session = enter(user)
    key = session.session_key
    session.flush()
    back()
    browser = new_browser()
    browser.key = key
    assert clears(browser.get("/home/"))
    assert browser.who() == ""


@in_memory
def test_signing_in_gives_a_new_key_and_ends_the_old_one(back, storage, new_browser, user):
    key = enter(cart=["tea"]).session_key
    back()
    browser = new_browser()
    browser.key = key
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    assert (browser.who(), browser.kept()) == ("ada", {"cart": ["tea"]})
    assert browser.key != key
    browser.key = key
    assert browser.who() == ""


@in_memory
@pytest.mark.parametrize("engine", ["db", "cached_db"], indirect=True)
def test_it_ends_there_when_it_would_have_ended_here(back, storage, new_browser, user):
    session = enter(user)
    key = session.session_key
    engine = back()
    browser = new_browser()
    browser.key = key
    browser.who()
    row = engine().model.objects.get(session_key=key)
    assert int(row.expire_date.timestamp() * 1_000_000) == session.record.expires


@in_memory
def test_one_that_was_moved_and_ended_by_others_in_between_is_taken_back(
    back, storage, new_browser, user, monkeypatch
):
    key = enter(user).session_key
    engine = back()
    rotate = storage.rotate

    def rotate_late(*args):
        storage.remove([digest_of(key)])
        return rotate(*args)

    monkeypatch.setattr(storage, "rotate", rotate_late)
    browser = new_browser()
    browser.key = key
    assert browser.who() == ""
    assert not engine().exists(key)


@in_memory
def test_one_that_is_ended_while_it_is_taken_out_is_taken_back(
    back, storage, new_browser, user, monkeypatch
):
    key = enter(user).session_key
    engine = back()
    rotate = storage.rotate
    monkeypatch.setattr(
        storage, "rotate", lambda *args: rotate(*args) and bool(storage.remove([args[0]]))
    )
    assert sent(new_browser, key) == ""
    assert not engine().exists(key)


def rotated_before_it_is_taken_out(storage, monkeypatch, key):
    """Let a process of before the switch finish a sign-in in the middle of the move; return its key."""
    rotate, keys = storage.rotate, []

    def rotate_late(*args):
        monkeypatch.undo()
        session = SessionStore(key)
        session.load()
        session.cycle_key()
        keys.append(session.session_key)
        return rotate(*args)

    monkeypatch.setattr(storage, "rotate", rotate_late)
    return keys


@pytest.mark.parametrize("engine", ["db"], indirect=True)
@pytest.mark.parametrize("exported", [True, False])
def test_one_that_is_rotated_meanwhile_lives_on_under_its_new_key_only(
    back, storage, new_browser, user, monkeypatch, exported
):
    if exported and not hasattr(storage, "scan"):
        pytest.skip("cannot be exported")
    old = enter(user).session_key
    back()
    keys = rotated_before_it_is_taken_out(storage, monkeypatch, old)
    if exported:
        # The first pass comes upon the new name too, if that is further on in its order.
        assert sum(frontdesk("export", "--json").json["moved"] for _ in range(2)) == 1
    else:
        assert sent(new_browser, old) == ""
    assert sent(new_browser, old) == ""
    assert sent(new_browser, *keys) == "ada"


@in_memory
def test_a_storage_that_is_down_costs_nobody_the_cookie(
    back, storage, new_browser, user, monkeypatch
):
    key = enter(user).session_key
    back()
    browser = new_browser()
    browser.raise_request_exception = False
    browser.key = key

    def down(digest):
        raise StorageUnavailable("closed")

    with monkeypatch.context() as outage:
        outage.setattr(storage, "read", down)
        assert browser.get("/home/").status_code == 500
    assert browser.key == key
    assert browser.who() == "ada"


@in_memory
def test_there_and_back_again(back, engine, storage, new_browser, user, settings):
    key = enter(user, cart=["tea"]).session_key
    middleware = settings.MIDDLEWARE
    back()
    frontdesk("export")
    settings.SESSION_ENGINE, settings.MIDDLEWARE = "frontdesk.engine", middleware
    settings.FRONTDESK = {**settings.FRONTDESK, "MIGRATE_FROM": f"frontdesk.wayback.{engine}"}
    browser = new_browser()
    browser.key = key
    assert (browser.who(), browser.kept()) == ("ada", {"cart": ["tea"]})
    assert isinstance(record_of(key), Record)
    assert SessionStore(key)[SESSION_KEY] == str(user.pk)


# --- the name under which a session waits ------------------------------------------------------------


def sent(new_browser, key):
    """Who somebody is that sends this as the cookie."""
    thief = new_browser()
    thief.key = key
    return thief.who()


@in_memory
def test_the_public_id_of_an_exported_session_is_no_way_in(
    back, engine, storage, new_browser, user
):
    digest = digest_of(enter(user).session_key)
    back()
    frontdesk("export")
    assert sent(new_browser, digest[:40]) == ""
    back(ENGINES[engine])
    assert [sent(new_browser, part) for part in (digest, digest[:40], digest[:32])] == [""] * 3


@in_memory
@pytest.mark.parametrize("alter", [str, str.upper, "{} ".format, "\t{}".format])
def test_nor_is_the_name_under_which_it_waits_while_it_may_wait(
    back, storage, new_browser, user, alter
):
    digest = digest_of(enter(user).session_key)
    engine = back()
    frontdesk("export")
    assert engine().exists(waiting_name(digest))
    assert engine(alter(waiting_name(digest))).load() == {}
    assert sent(new_browser, waiting_name(digest)) == ""
    assert engine().exists(waiting_name(digest))


@in_memory
def test_a_name_made_with_an_earlier_secret_is_found_and_ended(
    back, storage, new_browser, user, settings
):
    key, other = enter(user).session_key, enter(user).session_key
    engine = back()
    frontdesk("export")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret"
    assert sent(new_browser, key) == "ada"
    engine().delete(other)
    assert sent(new_browser, other) == ""
    names = [name for each in (key, other) for name in waiting_names(digest_of(each))]
    assert not any(engine().exists(name) for name in names)


# --- the command -----------------------------------------------------------------------------------


@in_memory
def test_export_refuses_while_nobody_would_find_what_it_exports(engine, storage, user):
    enter(user)
    said = frontdesk("export")
    assert (said.code, "frontdesk.wayback" in said.err) == (2, True)
    assert len(get_storage().of_user(str(user.pk))) == 1


@in_memory
def test_a_dry_run_of_export_moves_nothing(back, storage, user):
    key = enter(user).session_key
    back()
    assert frontdesk("export", "--dry-run", "--json").json == {
        "would_move": 1,
        "interrupted": False,
    }
    assert isinstance(record_of(key), Record)
    assert frontdesk("export").out == "Moved 1 session.\n"
    assert frontdesk("export").out == "Moved 0 sessions.\n"

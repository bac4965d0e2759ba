"""The way back: Django's engines find what frontdesk has kept, and nobody is signed out."""

from importlib import import_module

import pytest
from django.contrib import auth
from django.contrib.auth import SESSION_KEY

from frontdesk.engine import SessionStore
from frontdesk.errors import StorageUnavailable
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
        name = digest_of(key)[:40]
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
    assert not engine().exists(digest_of(key)[:40])


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
    remove = storage.remove
    monkeypatch.setattr(storage, "remove", lambda *args: remove(*args) and [])
    browser = new_browser()
    browser.key = key
    assert browser.who() == ""
    assert not engine().exists(key)


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

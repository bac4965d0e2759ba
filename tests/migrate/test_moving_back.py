"""The way back: Django's engines find what frontdesk has kept, and no user is signed out."""

import threading
from importlib import import_module
from pathlib import Path

import pytest
from django.contrib import auth
from django.contrib.auth import SESSION_KEY
from django.db import connections

from frontdesk import sessions
from frontdesk.core.flow import run
from frontdesk.core.keys import Key
from frontdesk.engine import SessionStore
from frontdesk.errors import StorageUnavailable
from frontdesk.http.transport import HEADER
from frontdesk.migrate import to_django
from tests import services
from tests.fixtures import DATABASE, PASSWORD, create, is_anonymous, sign_out, use
from tests.migrate.conftest import ENGINES, Old, in_memory, in_the_database, record_of
from tests.requests.browsers import clears, cookie
from tests.requests.site import step
from tests.staff.conftest import enter

pytestmark = pytest.mark.django_db

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
def switch(settings, engine, storage):
    """Switch the site back, with Django's middlewares: ``switch()`` returns the engine."""

    def to(path=f"frontdesk.migrate.to_django.{engine}"):
        settings.SESSION_ENGINE = path
        settings.MIDDLEWARE = [STOCK.get(name, name) for name in settings.MIDDLEWARE]
        return import_module(path).SessionStore

    return to


def send(new_browser, key):
    """Return a browser that has this key in its cookie."""
    browser = new_browser()
    browser.key = key
    return browser


# --- no user is signed out ----------------------------------------------------------------------


def test_user_stays_signed_in_with_all_values(switch, storage, new_browser, user):
    key = enter(user, cart=["tea"]).session_key
    engine = switch()
    browser = send(new_browser, key)
    assert browser.username() == "ada"
    assert browser.values() == {"cart": ["tea"]}
    assert browser.key == key
    assert engine().exists(key)
    assert record_of(key).ended is not None


def test_the_key_of_a_program_is_no_cookie(switch, storage, new_browser, user, monkeypatch):
    monkeypatch.setattr(SessionStore, "carrier", HEADER)
    key = enter(user).session_key
    engine = switch()
    assert is_anonymous(new_browser, key)
    assert not engine().exists(key)
    assert record_of(key).ended is None


@in_memory
def test_afterwards_django_alone_knows_the_session(switch, engine, storage, new_browser, user):
    key = enter(user, cart=["tea"]).session_key
    switch()
    send(new_browser, key).username()
    switch(ENGINES[engine])
    browser = send(new_browser, key)
    assert (browser.username(), browser.values()) == ("ada", {"cart": ["tea"]})


@in_memory
def test_session_of_django_that_moved_in_moves_back(switch, engine, storage, settings):
    settings.FRONTDESK = {**settings.FRONTDESK, "MIGRATE_FROM": ENGINES[engine]}
    session = import_module(ENGINES[engine]).SessionStore()
    session.update({"cart": ["tea"]})
    session.save()
    key = session.session_key
    SessionStore(key).load()
    assert not session.exists(key)
    assert switch()(key).load() == {"cart": ["tea"]}
    assert session.exists(key)


@in_memory
def test_change_of_mind_ends_no_session_that_django_began(
    engine, storage, settings, user, new_browser
):
    """``MIGRATE_FROM`` may name the engine of the way back, whose methods act on both."""
    settings.FRONTDESK = {
        **settings.FRONTDESK,
        "MIGRATE_FROM": f"frontdesk.migrate.to_django.{engine}",
    }
    browser = send(new_browser, Old(engine).begin(user, cart=["tea"]))
    for _ in range(2):
        assert browser.username() == "ada"
        assert browser.values() == {"cart": ["tea"]}


@in_memory
@pytest.mark.parametrize("engine", ["file"], indirect=True)
def test_empty_file_of_a_move_by_others_is_no_sign_out(switch, storage, user):
    key = enter(user, cart=["tea"]).session_key
    session = switch()(key)
    Path(session._key_to_file()).touch()  # as Django's file engine begins
    assert session.load()["cart"] == ["tea"]


@in_memory
def test_changes_and_a_new_sign_in_are_djangos(switch, storage, new_browser, user):
    key = enter(cart=["tea"]).session_key
    switch()
    browser = send(new_browser, key)
    browser.put(size=7)
    assert browser.values() == {"cart": ["tea"], "size": 7}
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    assert browser.username() == "ada"
    assert browser.key != key
    assert is_anonymous(new_browser, key)


@in_memory
def test_unknown_cookie_is_cleared_as_in_django(switch, storage, new_browser):
    switch()
    for key in (str(Key.new()), "a1" * 16):
        assert clears(send(new_browser, key).get("/home/"))


@in_memory
def test_modify_works_in_both_modes(switch, storage, new_browser):
    switch()
    browser = new_browser()

    def task(request):
        yield step(request.session, "modify", "visits", lambda visits: visits + 1, 0)
        return (yield step(request.session, "modify", "visits", lambda visits: visits + 1, 0))

    assert browser.do(task).answer == 2
    assert browser.values() == {"visits": 2}


@in_memory
def test_functions_of_sessions_act_on_nothing(switch, storage, new_browser, user):
    switch()
    browser = new_browser()

    def task(request):
        user = yield step(auth, "authenticate", request, username="ada", password=PASSWORD)
        yield step(auth, "login", request, user)
        current = yield step(sessions, "current", request)
        ended = yield step(sessions, "end_others", request)
        return current, ended

    assert browser.do(task).answer == (None, 0)
    assert browser.username() == "ada"


# --- ended means ended --------------------------------------------------------------------------


def test_sign_out_ends_it_in_both(switch, storage, new_browser, user):
    key = enter(user).session_key
    engine = switch()
    sign_out(send(new_browser, key))
    assert not engine().exists(key)
    assert is_anonymous(new_browser, key)
    assert sessions.count(user) == 0


@in_memory
def test_delete_ends_one_that_has_not_moved(switch, storage, user):
    key = enter(user).session_key
    switch()().delete(key)
    assert sessions.count(user) == 0


@in_memory
def test_ended_session_stays_ended(switch, storage, new_browser, user):
    session = enter(user)
    key = session.session_key
    session.flush()
    switch()
    assert clears(send(new_browser, key).get("/home/"))


@in_memory
def test_former_key_and_id_open_nothing(switch, storage, new_browser, user):
    session = enter(user)
    key = session.session_key
    session.cycle_key()
    engine = switch()
    assert is_anonymous(new_browser, key)
    assert is_anonymous(new_browser, record_of(key).id)
    assert engine(session.session_key)[SESSION_KEY] == str(user.pk)


@in_memory
def test_session_past_its_limit_does_not_move(switch, storage, user, clock, limits):
    key = enter(user).session_key
    limits(absolute=300)
    clock.move(minutes=6)
    engine = switch()
    assert engine(key).load() == {}
    assert not engine().exists(key)


def meanwhile(monkeypatch, function):
    """Let something happen after the session is stored in Django's engine and before it ends here."""
    take_out = to_django._take_out

    def late(found):
        function()
        return take_out(found)

    monkeypatch.setattr(to_django, "_take_out", late)


@in_memory
def test_end_during_the_move_is_not_undone(switch, storage, user, monkeypatch):
    key = enter(user).session_key
    engine = switch()
    meanwhile(monkeypatch, lambda: sessions.end_all(user))
    assert engine(key).load() == {}
    assert not engine().exists(key)


@in_memory
def test_rotation_during_the_move_leaves_the_new_key(switch, storage, user, monkeypatch):
    session = enter(user)
    key = session.session_key
    engine = switch()
    meanwhile(monkeypatch, session.cycle_key)
    assert engine(key).load() == {}
    assert not engine().exists(key)
    assert SessionStore(session.session_key)[SESSION_KEY] == str(user.pk)


@in_memory
def test_change_during_the_move_ends_it_here_all_the_same(switch, storage, user, monkeypatch):
    session = enter(user)
    engine = switch()
    meanwhile(monkeypatch, lambda: session.modify("visits", lambda visits: 1))
    assert engine(session.session_key)[SESSION_KEY] == str(user.pk)
    assert sessions.count(user) == 0


@in_memory
def test_second_request_finds_what_the_first_has_moved(switch, storage, user, monkeypatch):
    key = enter(user).session_key
    engine = switch()
    live, first = to_django._live, []

    def late(wanted):
        found = live(wanted)
        if not first:
            first.append(True)
            assert engine(key).load() != {}  # another request, from its beginning to its end
        return found

    monkeypatch.setattr(to_django, "_live", late)
    assert engine(key)[SESSION_KEY] == str(user.pk)
    assert engine().exists(key)


@in_memory
@pytest.mark.parametrize("engine", ["file"], indirect=True)
def test_empty_file_of_a_move_under_way_is_no_sign_out(switch, storage, new_browser, user, places):
    """Django's file engine creates the file first, and fills it a moment later."""
    key = enter(user).session_key
    switch()
    (places / "old" / f"sessionid{key}").touch()
    browser = send(new_browser, key)
    assert browser.username() == "ada"
    assert browser.key == key


@services.each_database(transaction=True)
def test_two_threads_move_one_session_back(database, settings, monkeypatch):
    use(settings, DATABASE)
    user = create("ada")
    key, barrier, live = enter(user).session_key, threading.Barrier(2, timeout=30), to_django._live

    def live_together(wanted):
        found = live(wanted)
        barrier.wait()
        return found

    monkeypatch.setattr(to_django, "_live", live_together)
    engine, seen = import_module("frontdesk.migrate.to_django.db").SessionStore, []

    def request():
        try:
            seen.append(engine(key).load().get(SESSION_KEY))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=request) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [str(user.pk)] * 2
    assert engine().exists(key)


# --- outages and costs --------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["load", "swap"])
def test_outage_of_frontdesk_is_no_sign_out(flaky, settings, new_browser, user, call):
    key = enter(user).session_key
    settings.SESSION_ENGINE = "frontdesk.migrate.to_django.db"
    settings.MIDDLEWARE = [STOCK.get(name, name) for name in settings.MIDDLEWARE]
    browser = send(new_browser, key)
    browser.raise_request_exception = False
    flaky.down.add(call)
    response = browser.get("/home/")
    assert (response.status_code, cookie(response)) == (500, None)
    flaky.down.clear()
    assert browser.username() == "ada"


def test_outage_during_a_sign_out_keeps_the_session(flaky, settings, user):
    key = enter(user).session_key
    engine = import_module("frontdesk.migrate.to_django.db").SessionStore
    flaky.down.add("swap")
    with pytest.raises(StorageUnavailable):
        engine().delete(key)
    flaky.down.clear()
    assert run(flaky.read(Key(key).id)).ended is None


@in_the_database
@pytest.mark.parametrize("engine", ["db"], indirect=True)
def test_session_that_has_moved_asks_django_only(switch, storage, user, django_assert_num_queries):
    key = enter(user).session_key
    engine = switch()
    engine(key).load()
    with django_assert_num_queries(1):
        engine(key).load()

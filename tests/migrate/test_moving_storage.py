"""Sessions move from one storage to another: two storages act as one, and ended means ended."""

import itertools
from dataclasses import replace

import pytest
from django.contrib.auth import SESSION_KEY
from django.db import transaction

from frontdesk import sessions
from frontdesk.core import clock as frontdesk_clock
from frontdesk.core.clock import MINUTE
from frontdesk.core.flow import arun, run
from frontdesk.core.keys import Key
from frontdesk.core.record import Record
from frontdesk.engine import SessionStore
from frontdesk.errors import StorageUnavailable
from frontdesk.storages import get_storage
from frontdesk.storages.memory import MemoryStorage
from frontdesk.storages.moving import MovingStorage
from tests.fixtures import PASSWORD, is_anonymous, sign_out, use
from tests.migrate.conftest import described, the_database
from tests.migrate.orders import every_order, until_crash
from tests.staff.conftest import enter

pytestmark = pytest.mark.django_db


# --- a site that moves --------------------------------------------------------------------------


@pytest.fixture(params=["memory", "file"])
def move(request, settings, places):
    """Return a function that switches to a new storage. Before it, sessions begin in the old one."""
    before = described(request.param, places)
    use(settings, before["BACKEND"], **before["OPTIONS"])
    old = get_storage()

    def switch(name="database"):
        settings.FRONTDESK = {
            **settings.FRONTDESK,
            "STORAGE": described(name, places),
            "MIGRATE_FROM": before,
        }
        moving = get_storage()
        moving.old = old  # memory would be another one
        return moving

    return switch


TO = [the_database, "memory"]


@pytest.fixture(params=TO)
def to(request):
    return request.param


def send(new_browser, key):
    browser = new_browser()
    browser.key = key
    return browser


def test_user_stays_signed_in_with_all_values(move, to, new_browser, user):
    session = enter(user, cart=["tea"])
    move(to)
    browser = send(new_browser, session.session_key)
    assert browser.username() == "ada"
    assert browser.values() == {"cart": ["tea"]}


def test_session_moves_when_it_is_written(move, to, new_browser, user):
    session = enter(user)
    moving = move(to)
    browser = send(new_browser, session.session_key)
    browser.username()
    assert moving.new.load([session.session_id]) == []
    browser.put(size=7)
    assert moving.new.load([session.session_id])[0].user_id == str(user.pk)
    assert moving.old.load([session.session_id])[0].ended is not None
    assert browser.values() == {"size": 7}


def test_times_of_the_session_are_kept(move, to, user, clock):
    session = enter(user)
    clock.move(minutes=30)
    moving = move(to)
    session = SessionStore(session.session_key)
    session["size"] = 7
    session.save()
    (record,) = moving.new.load([session.session_id])
    assert record.last_seen == frontdesk_clock.now()
    assert record.created == record.authenticated == frontdesk_clock.now() - 30 * MINUTE


def test_sign_out_ends_it_in_both(move, to, new_browser, user):
    session = enter(user)
    moving = move(to)
    sign_out(send(new_browser, session.session_key))
    assert is_anonymous(new_browser, session.session_key)
    for storage in (moving.new, moving.old):
        assert storage.load([session.session_id])[0].ended is not None


def test_new_sign_in_is_in_the_new_storage_only(move, to, new_browser, user):
    moving = move(to)
    browser = new_browser()
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    id = Key(browser.key).id
    assert moving.new.load([id]) != []
    assert moving.old.load([id]) == []


def test_sessions_of_both_are_listed_and_ended(move, to, user):
    old = enter(user)
    move(to)
    new = enter(user)
    ids = {info.id for info in sessions.for_user(user)}
    assert ids == {old.session_id, new.session_id}
    assert sessions.end_all(user) == 2
    assert sessions.for_user(user) == []


def test_end_outlasts_the_copy_in_the_old_storage(move, to, user):
    """A request that has read the old copy and stood still cannot move it after the end."""
    session = enter(user)
    moving = move(to)
    (copy,) = moving.old.load([session.session_id])
    sessions.end_all(user)
    assert moving.new.load([session.session_id])[0].expires > copy.expires


class Mistake(Exception):
    """What a view of the project raises."""


@pytest.mark.django_db(transaction=True)
def test_rolled_back_view_loses_no_session(move, user):
    session = enter(user)
    move("database")

    @transaction.atomic
    def view():
        moving = SessionStore(session.session_key)
        moving["size"] = 7
        moving.save()
        raise Mistake

    with pytest.raises(Mistake):
        view()
    assert SessionStore(session.session_key)[SESSION_KEY] == str(user.pk)


def test_purge_deletes_in_both(move, to, user, clock):
    old = enter(user)
    moving = move(to)
    new = enter(user)
    clock.move(days=20)
    SessionStore.clear_expired()
    assert moving.old.load([old.session_id]) == moving.new.load([new.session_id]) == []


def test_list_of_all_names_each_session_once(move, to, user):
    moved, waiting = enter(user), enter(user)
    moving = move(to)
    session = SessionStore(moved.session_key)
    session["size"] = 7
    session.save()
    new = enter(user)
    ids = [record.id for record in moving.scan()]
    assert ids == sorted({moved.session_id, waiting.session_id, new.session_id})


# --- every order of two operations --------------------------------------------------------------

KEY = Key.new()


def the_session(**fields) -> Record:
    now = frontdesk_clock.now()
    facts = {
        "id": KEY.id,
        "secret": KEY.digest,
        "values": {"a": b"0"},
        "user_id": "1",
        "created": now,
        "authenticated": now,
        "last_seen": now,
        "idle": 60 * MINUTE,
        "deadline": now + 120 * MINUTE,
    }
    return Record(**{**facts, **fields})


def put(storage, key):
    """Put a value into the session, as a request does that has read it. Return whether it is stored."""

    def changed(record):
        return replace(record, values={**record.values, key: b"1"})

    found = yield from storage.read(KEY.id)
    if found is None or found.ended is not None:
        return False
    return (yield from storage.change(found, changed)) is not None


def end(storage):
    return len((yield from storage.end([KEY.id])))


def end_of_user(storage):
    return len((yield from storage.end_of_user("1")))


def of_user(storage):
    return len((yield from storage.of_user("1")))


def move_it(storage):
    yield from storage.move(KEY.id)


OPERATIONS = {
    "put a": lambda storage: put(storage, "a"),
    "put b": lambda storage: put(storage, "b"),
    "end": end,
    "end of user": end_of_user,
    "of user": of_user,
    "move": move_it,
}


def state_of(storage):
    """Return the live session and its values, and check that it is not live in both storages."""
    places = [storage.old, storage.new] if isinstance(storage, MovingStorage) else []
    assert sum(each.ended is None for place in places for each in place.load([KEY.id])) <= 1
    found = run(storage.read(KEY.id))
    return None if found is None or found.ended is not None else dict(found.values)


def in_one_storage(names):
    """Yield what the operations come to on one storage, one after the other, in each order."""
    for order in itertools.permutations(names):
        storage = MemoryStorage()
        run(storage.insert(the_session()))
        storage.move = lambda id: iter(())
        yield {name: run(OPERATIONS[name](storage)) for name in order}, state_of(storage)


@pytest.mark.parametrize("names", list(itertools.combinations(OPERATIONS, 2)), ids=" and ".join)
def test_any_order_is_as_one_after_the_other(names):
    possible = list(in_one_storage(names))
    storage = None

    def begin():
        nonlocal storage
        storage = MovingStorage(MemoryStorage(), MemoryStorage())
        run(storage.old.insert(the_session()))
        return {name: OPERATIONS[name](storage) for name in names}

    count = 0
    for results in every_order(begin):
        count += 1
        # What both read while it was live, both may report as ended; that is then all of it.
        assert (results, state_of(storage)) in possible
    assert count > 1


@pytest.mark.parametrize("name", ["put a", "end", "end of user", "move"])
def test_crash_at_any_step_leaves_it_live_or_ended_for_good(name, clock):
    steps, crashed = 1, True
    while crashed:
        storage = MovingStorage(MemoryStorage(), MemoryStorage())
        run(storage.old.insert(the_session()))
        crashed = until_crash(OPERATIONS[name](storage), steps)
        run(end(storage))
        for minutes in (0, 1, 90):
            clock.move(minutes=minutes)
            found = run(storage.read(KEY.id))
            assert found is None or found.ended is not None
        clock.move(minutes=-91)
        steps += 1
    assert steps > 2


def test_late_write_from_before_the_end_changes_nothing(clock):
    storage = MovingStorage(MemoryStorage(), MemoryStorage())
    run(storage.old.insert(the_session()))
    copy = run(storage.read(KEY.id))
    run(end(storage))
    clock.move(minutes=5)  # longer than the grace period
    late = run(storage.change(copy, lambda current: replace(current, values={"a": b"1"})))
    assert late is None
    assert state_of(storage) is None


def test_late_move_after_the_end_changes_nothing(clock):
    """A request has read the old copy and stands still, while the session moves and ends."""
    storage = MovingStorage(MemoryStorage(), MemoryStorage())
    run(storage.old.insert(the_session()))
    copy = run(storage.read(KEY.id))
    run(put(storage, "b"))
    run(end(storage))
    clock.move(minutes=5)
    storage.purge(frontdesk_clock.now(), 10)
    assert run(storage.change(copy, lambda current: current)) is None
    assert state_of(storage) is None


async def test_async_twins_move_sessions_too():
    storage = MovingStorage(MemoryStorage(), MemoryStorage())
    run(storage.old.insert(the_session()))
    assert await arun(put(storage, "b"))
    assert storage.new.load([KEY.id])[0].values == {"a": b"0", "b": b"1"}
    assert storage.old.load([KEY.id])[0].ended is not None
    assert await arun(of_user(storage)) == 1
    assert await arun(end(storage)) == 1


def test_old_storage_that_is_down_is_an_outage():
    class Down(MemoryStorage):
        def load(self, ids, latest=False):
            raise StorageUnavailable("closed")

    storage = MovingStorage(MemoryStorage(), Down())
    with pytest.raises(StorageUnavailable):
        run(storage.read(KEY.id))

"""What a cache before the database is asked: how often, and that each kind of cache understands it alike."""

from datetime import timedelta

import pytest
import redis.asyncio.connection
import redis.connection
from asgiref.sync import async_to_sync

from frontdesk import clock
from frontdesk.drive import Call, arun, run
from frontdesk.errors import StorageUnavailable
from frontdesk.storages import cas_clients, copies, front, trust
from frontdesk.storages.cached_database import CachedDatabaseStorage
from frontdesk.storages.record import Changes
from frontdesk.testing.conformance.ground import a_record, fresh_digest
from tests.storages.test_cached_database import FRONTS, in_memory

COLOURS = {"sync": run, "async": async_to_sync(arun)}


@pytest.fixture(params=COLOURS)
def drive(request):
    return COLOURS[request.param]


@pytest.fixture(params=FRONTS)
def any_front(request, transactional_db):
    with FRONTS[request.param](request) as storage:
        yield storage.front


# --- how often ----------------------------------------------------------------------------------------


@pytest.fixture
def trips(monkeypatch):
    """What is sent to Redis, an entry for all that goes in one turn, whatever it takes to connect."""
    sent = []
    for kind in (redis.connection.AbstractConnection, redis.asyncio.connection.AbstractConnection):
        own = kind.send_packed_command

        def send(self, command, *args, own=own, **kwargs):
            sent.append(command)
            return own(self, command, *args, **kwargs)

        monkeypatch.setattr(kind, "send_packed_command", send)
    return sent


def counted(storage, trips, verbs):
    """Return how often each verb goes to Redis, when all that has to be known is known."""
    counts = {}
    yield Call(storage, "read", (fresh_digest(),))
    yield Call(storage, "read", (fresh_digest(),))
    for name, verb, *args in verbs:
        del trips[:]
        answer = yield Call(storage, verb, tuple(args))
        assert answer, name
        counts[name] = len(trips)
    return counts


@pytest.mark.needs("redis")
def test_a_change_goes_to_redis_once_before_it_and_once_after_it(
    transactional_db, redis_place, drive, trips, monkeypatch
):
    monkeypatch.setattr(trust, "TRUSTED", 60.0)
    storage = CachedDatabaseStorage(REDIS=redis_place)
    one, two, three, *others = (a_record(user_id="1") for _ in range(23))
    for record in (two, three, *others):
        storage.insert(record)
    new, seen = fresh_digest(), clock.now() + clock.SECOND
    verbs = [
        ("insert", "insert", one),
        ("read, no copy", "read", one.digest),
        ("read, a copy", "read", one.digest),
        ("activity", "update", one.digest, Changes(last_seen=seen)),
        ("change, a copy", "update", one.digest, Changes(values={"a": b"1"})),
        ("change, no copy", "update", one.digest, Changes(values={"b": b"1"})),
        ("rotate", "rotate", one.digest, new, Changes()),
        ("list", "of_user", "1"),
        ("end", "remove", [new], "1"),
        ("end two", "remove", [two.digest, three.digest]),
        ("limit", "remove_beyond", "1", 10),
        ("end all", "remove_of_user", "1"),
    ]
    assert drive(counted(storage, trips, verbs)) == {
        **dict.fromkeys((name for name, *_ in verbs), 2),
        "insert": 0,
        "list": 0,
        "read, a copy": 1,
        "read, no copy": 3,
    }


@pytest.mark.needs("redis")
def test_two_who_change_a_session_at_once_share_a_barrier_and_both_take_it_down(
    transactional_db, redis_place, drive, trips, monkeypatch
):
    monkeypatch.setattr(trust, "TRUSTED", 60.0)
    storage = CachedDatabaseStorage(REDIS=redis_place)
    record = a_record()
    storage.insert(record)

    def steps():
        yield Call(storage, "read", (record.digest,))
        view = yield from storage.trust.view()
        name = f"{view.generation}:{record.digest}"
        other = copies.barrier("other", clock.now() + clock.DAY)
        yield Call(storage.front, "put", ([name], other, 60))
        del trips[:]
        yield Call(storage, "update", (record.digest, Changes(values={"a": b"1"})))
        assert len(trips) == 4
        assert (yield Call(storage.front, "load", (name,))) == other
        assert storage.front._clients.get().ttl(storage.front._key(name)) > 60

    drive(steps())


@pytest.mark.needs("redis")
def test_copies_are_kept_out_as_long_as_whoever_changes_something_may_take(
    transactional_db, redis_place, drive, monkeypatch
):
    monkeypatch.setattr(trust, "TRUSTED", 60.0)
    storage = CachedDatabaseStorage(REDIS=redis_place, LIFE=timedelta(seconds=200))
    record = a_record()
    storage.insert(record)
    lasts, update = [], storage.authority.update

    def seconds(name):
        return storage.front._clients.get().ttl(storage.front._key(name))

    def steps():
        yield Call(storage, "read", (record.digest,))
        view = yield from storage.trust.view()
        name = f"{view.generation}:{record.digest}"

        def watched(*args):
            lasts.append(seconds(name))
            return update(*args)

        monkeypatch.setattr(storage.authority, "update", watched)
        yield Call(storage, "update", (record.digest, Changes(values={"a": b"1"})))
        lasts.append(seconds(name))

    drive(steps())
    before, after = lasts
    assert 190 < before <= 200
    assert after <= 1


# --- alike --------------------------------------------------------------------------------------------

NAME = "a:b"


@pytest.mark.parametrize(
    ("there", "own", "stays"),
    [
        (None, b"", False),
        (b"c1", b"", False),
        (b"b1", b"", True),
        (b"t", b"", True),
        (b"b1", b"b1", False),
        (b"b12", b"b1", True),
        (b"b1", b"b12", True),
        (b"", b"x", True),
        (b"\xff\x00", b"", False),
        (b"b\xff\x00", b"b\xff\x00", False),
        (b".", b"", False),
    ],
)
def test_only_what_is_of_a_kind_and_not_ones_own_stays(any_front, drive, there, own, stays):
    def steps():
        if there is not None:
            yield Call(any_front, "put", ([NAME], there, 60))
        found = yield Call(any_front, "replace", (NAME, b"new", b"bt", own, 60))
        return found, (yield Call(any_front, "load", (NAME,)))

    assert drive(steps()) == ((there, there) if stays else (None, b"new"))


def test_what_was_replaced_lasts_for_its_seconds(redis_place, transactional_db, drive):
    storage = CachedDatabaseStorage(REDIS=redis_place)

    def steps():
        yield Call(storage.front, "replace", (NAME, b"new", b"bt", b"", 60))

    drive(steps())
    client = storage.front._clients.get()
    assert 50 < client.ttl(storage.front._key(NAME)) <= 60


def test_a_value_that_others_change_meanwhile_is_looked_at_again(request, drive, monkeypatch):
    stored = []
    store = cas_clients.LocMem.store

    def overtaken(self, key, token, value, timeout):
        if not stored:
            stored.append(self.put([key], b"b1", timeout))
        return store(self, key, token, value, timeout)

    monkeypatch.setattr(cas_clients.LocMem, "store", overtaken)

    def steps(cache):
        return (yield Call(cache, "replace", (NAME, b"new", b"bt", b"", 60)))

    with in_memory(request) as storage:
        assert drive(steps(storage.front)) == b"b1"


def test_a_value_that_never_stands_still_is_given_up(request, drive, monkeypatch):
    tries = []
    monkeypatch.setattr(cas_clients.LocMem, "store", lambda *args: tries.append(args))

    def steps(cache):
        yield Call(cache, "replace", (NAME, b"new", b"bt", b"", 60))

    with (
        in_memory(request) as storage,
        pytest.raises(StorageUnavailable, match="changes all the time"),
    ):
        drive(steps(storage.front))
    assert len(tries) == front.TRIES

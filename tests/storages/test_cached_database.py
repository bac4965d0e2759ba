"""What is the cached database's own: its options, what a look costs, transactions, and a cache that fails."""

import asyncio
import logging
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from asgiref.sync import SyncToAsync, async_to_sync
from django.db import OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from frontdesk import clock
from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.models import Fence
from frontdesk.storages import copies, trust
from frontdesk.storages.cached_database import CachedDatabaseStorage
from frontdesk.storages.copies import Copy
from frontdesk.storages.database import DatabaseStorage
from frontdesk.storages.record import Changes, Ended, Record
from frontdesk.testing.conformance.ground import Caller, a_record, fresh_digest, insert
from tests import services
from tests.processes import redis_servers
from tests.processes.servers import Victim, folder
from tests.storages import places

# --- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "CACHE"),
        ({"CACHE": "default", "REDIS": "redis://localhost"}, "one of the options CACHE"),
        ({"CACHE": "nowhere"}, "'nowhere'"),
        ({"ALIAS": "default"}, "The options are: CACHE, REDIS, LIFE"),
        ({"CACHES": "default"}, "Did you mean 'CACHE'"),
        ({"redis": "redis://localhost"}, "Did you mean 'REDIS'"),
        ({"REDIS": "localhost:6379"}, "redis://"),
        ({"REDIS": {"URL": "redis://localhost", "POOLSIZE": 3}}, "Did you mean 'POOL_SIZE'"),
        ({"REDIS": {"URL": "redis://localhost", "CLUSTER": True}}, "Cluster cannot stand"),
        ({"CACHE": "default", "LIFE": 300}, "timedelta"),
        ({"CACHE": "default", "LIFE": timedelta(0)}, "a second or more"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_refused_with_what_to_write(options, said):
    with pytest.raises(InvalidSetting, match=said):
        CachedDatabaseStorage(**options)


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("django.core.cache.backends.dummy.DummyCache", "compare-and-set"),
        ("django.core.cache.backends.filebased.FileBasedCache", "compare-and-set"),
        (places.DATABASE, "is a table"),
    ],
)
def test_a_cache_that_cannot_stand_before_the_database_is_refused(backend, said):
    with (
        places.cache(places.fresh(backend, "/tmp/never")) as alias,
        pytest.raises(InvalidSetting, match=said),
    ):
        CachedDatabaseStorage(CACHE=alias)


# --- the fronts ---------------------------------------------------------------------------------------


@contextmanager
def in_redis(request):
    yield CachedDatabaseStorage(REDIS=request.getfixturevalue("redis_place"))


@contextmanager
def in_redis_cache(request):
    with places.cached_database(places.REDIS, request.getfixturevalue("redis_url")) as storage:
        yield storage


@contextmanager
def in_memcached(request):
    with places.cached_database(places.MEMCACHED, request.getfixturevalue("memcached")) as storage:
        yield storage


@contextmanager
def in_memory(_request):
    with places.cached_database(places.LOCMEM) as storage:
        yield storage


FRONTS = {
    "redis": in_redis,
    "redis cache": in_redis_cache,
    "memcached": in_memcached,
    "locmem": in_memory,
}


@pytest.fixture(params=FRONTS)
def storage(request, transactional_db):
    with FRONTS[request.param](request) as storage:
        yield storage


@pytest.fixture
def asked(storage, monkeypatch):
    """What the cache is asked, in order."""
    names = []
    for verb in ("load", "swap", "replace", "put", "server"):
        own, twin = getattr(storage.front, verb), getattr(storage.front, f"a{verb}")

        def told(*args, own=own, verb=verb):
            names.append(verb)
            return own(*args)

        async def atold(*args, twin=twin, verb=verb):
            names.append(verb)
            return await twin(*args)

        monkeypatch.setattr(storage.front, verb, told)
        if storage.front.native:
            monkeypatch.setattr(storage.front, f"a{verb}", atold)
    return names


@contextmanager
def queries(table=""):
    """The statements of this thread and of the one in which async code runs Django's ORM."""
    there = SyncToAsync.single_thread_executor.submit(lambda: connections["default"]).result()
    with CaptureQueriesContext(connection) as own, CaptureQueriesContext(there) as hopped:
        found = []
        yield found
    sql = [query["sql"] for query in (*own, *(hopped if there is not connection else ()))]
    found += [statement for statement in sql if table in statement]


@pytest.fixture
def trusted(monkeypatch):
    """A look that is good for the whole test, which may run on a slow machine."""
    monkeypatch.setattr(trust, "TRUSTED", 60.0)


def test_a_hit_costs_one_look_into_the_cache_and_no_query(storage, asked, trusted):
    record = insert(Caller(storage, "sync"))
    assert storage.read(record.digest) == record
    del asked[:]
    with queries() as made:
        assert storage.read(record.digest) == record
    assert asked == ["load"]
    assert made == []


@pytest.mark.needs("redis")
def test_an_awaited_hit_in_redis_makes_no_hop_to_a_thread_and_so_no_query(
    transactional_db, redis_place, trusted, monkeypatch
):
    storage = CachedDatabaseStorage(REDIS=redis_place)
    record = a_record()
    hops = []
    call = SyncToAsync.__call__

    async def counted(self, *args, **kwargs):
        hops.append(self.func)
        return await call(self, *args, **kwargs)

    async def steps():
        await storage.ainsert(record)
        await storage.aread(record.digest)
        await storage.aread(record.digest)
        monkeypatch.setattr(SyncToAsync, "__call__", counted)
        assert await storage.aread(record.digest) == record

    async_to_sync(steps)()
    assert hops == []


def test_a_miss_costs_one_query_of_the_session(storage, asked, trusted):
    record = insert(Caller(storage, "sync"))
    storage.read(fresh_digest())  # the first look at the fence
    del asked[:]
    with queries() as made:
        assert storage.read(record.digest) == record
    assert asked == ["load", "swap", "swap"]
    assert len(made) == 1


def test_a_change_costs_its_statement_and_two_words_with_the_cache(storage, asked, trusted):
    record = insert(Caller(storage, "sync"))
    storage.read(record.digest)
    del asked[:]
    with queries() as made:
        assert storage.update(record.digest, Changes(values={"a": b"1"})) is True
    assert asked == ["replace", "replace"]
    assert len(made) == 1


def test_to_be_seen_costs_no_query_of_the_session_afterwards(storage, trusted):
    record = insert(Caller(storage, "sync"))
    storage.read(record.digest)
    assert storage.update(record.digest, Changes(last_seen=record.last_seen + clock.SECOND)) is True
    with queries() as made:
        assert storage.read(record.digest).last_seen == record.last_seen + clock.SECOND
    assert made == []


@pytest.mark.parametrize("many", [1, 20])
def test_to_end_all_sessions_costs_two_words_with_the_cache_whatever_their_number(
    storage, asked, trusted, many
):
    records = [insert(Caller(storage, "sync"), user_id="1") for _ in range(many)]
    for record in records:
        storage.read(record.digest)
    del asked[:]
    with queries() as made:
        assert len(storage.remove_of_user("1")) == many
    assert asked == ["put", "put"]
    assert len(made) == 2


def test_the_fence_is_looked_at_once_a_second_not_per_request(storage, asked, monkeypatch):
    seconds = trust.Stopwatch()
    monkeypatch.setattr(seconds, "now", lambda: 1000.0)
    storage.trust._watch = seconds
    for _ in range(5):
        storage.read(fresh_digest())
    looks = asked.count("server")
    assert 1 <= looks <= 2  # the first one may have made the connection
    monkeypatch.setattr(seconds, "now", lambda: 1001.0)
    for _ in range(5):
        storage.read(fresh_digest())
    assert asked.count("server") == looks + 1


# --- what is in the cache -----------------------------------------------------------------------------


def slot(storage, digest):
    name = f"{storage.trust._view.generation}:{digest}"
    return name, storage.front.load(name)


@pytest.mark.parametrize(
    "data", [b"", b"c", b"c9:{}", b"c99999999999999999:[1,2", b"\xff\xfe", b"x"]
)
def test_a_copy_that_cannot_be_read_is_no_copy(storage, trusted, data, caplog):
    record = insert(Caller(storage, "sync"))
    storage.read(record.digest)
    name, copy = slot(storage, record.digest)
    assert storage.front.swap(name, copy, data, 60)
    assert storage.read(record.digest) == record
    assert copies.copy_in(record.digest, slot(storage, record.digest)[1]).record == record
    assert not caplog.records


def test_a_copy_is_not_used_after_its_time_or_the_sessions(storage, trusted):
    record = insert(Caller(storage, "sync"))
    for copy in (
        Copy(a_record(digest=record.digest, values={"old": b"1"}), clock.now() - 1),
        Copy(a_record(digest=record.digest, idle=-1), clock.now() + clock.DAY),
    ):
        storage.read(record.digest)
        name, there = slot(storage, record.digest)
        storage.front.swap(name, there, copies.written(copy), 60)
        assert storage.read(record.digest) == record


# --- transactions -------------------------------------------------------------------------------------


def test_a_change_that_is_rolled_back_was_never_read(storage, trusted):
    record = insert(Caller(storage, "sync"))
    storage.read(record.digest)

    def fails():
        with transaction.atomic():
            storage.update(record.digest, Changes(values={"a": b"1"}))
            assert storage.read(record.digest).values["a"] == b"1"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    for _ in range(2):
        assert storage.read(record.digest) == record


def test_an_end_inside_nested_transactions_holds_from_the_commit_on(storage, trusted):
    record = insert(Caller(storage, "sync"))
    storage.read(record.digest)
    with transaction.atomic():
        with transaction.atomic():
            assert storage.remove([record.digest]) == [record.digest]
        assert isinstance(storage.read(record.digest), Ended)
    for _ in range(2):
        assert isinstance(storage.read(record.digest), Ended)


def test_what_is_taken_back_inside_a_transaction_is_as_before(storage, trusted):
    record = insert(Caller(storage, "sync"))
    storage.read(record.digest)
    with transaction.atomic():
        with transaction.atomic():
            storage.remove([record.digest])
            transaction.set_rollback(True)
        assert storage.read(record.digest) == record
    for _ in range(2):
        assert storage.read(record.digest) == record


def test_what_only_a_transaction_sees_is_not_put_into_the_cache(storage, trusted):
    record = insert(Caller(storage, "sync"))
    storage.read(fresh_digest())
    with transaction.atomic():
        DatabaseStorage().update(record.digest, Changes(values={"a": b"1"}))
        assert storage.read(record.digest).values["a"] == b"1"
        assert copies.copy_in(record.digest, slot(storage, record.digest)[1]) is None
        transaction.set_rollback(True)
    assert storage.read(record.digest) == record


def test_what_was_missed_inside_a_transaction_is_a_hit_after_it(storage, trusted):
    record = insert(Caller(storage, "sync"))
    storage.read(fresh_digest())
    with transaction.atomic():
        assert storage.read(record.digest) == record
    with queries() as made:
        assert storage.read(record.digest) == record
    assert made == []


def test_the_fence_is_not_looked_at_inside_a_transaction_which_may_see_the_past(storage):
    with transaction.atomic():
        storage.read(fresh_digest())
        assert storage.trust._view is None
        assert not Fence.objects.exists()


# --- a cache that fails -------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(trust, "CLOSED", 2.0)
    monkeypatch.setattr(trust, "REST", 0.2)


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_hit(storage, digest):
    with queries("frontdesk_session") as made:
        assert isinstance(storage.read(digest), Record)
    return made == []


@pytest.mark.needs("redis")
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_cache_that_dies_costs_speed_and_it_heals_by_itself(
    transactional_db, impatient, mode, caplog
):
    with folder() as place, ExitStack() as stack:
        victim, url = stack.enter_context(a_redis(place))
        storage = CachedDatabaseStorage(REDIS=url)
        do = Caller(storage, mode)
        record = insert(do)
        assert do("read", record.digest) == record
        victim.kill()
        for number in range(5):
            assert do("update", record.digest, Changes(values={f"n{number}": b"1"})) is True
            assert f"n{number}" in do("read", record.digest).values
        assert not Fence.objects.get().open
        failures = [line for line in caplog.records if line.levelno == logging.ERROR]
        assert [line.message.partition(":")[0] for line in failures] == [
            "The cache before the database of the sessions cannot answer"
        ]
        victim.start(lambda: redis_servers.answers(victim.port))
        until(lambda: is_hit(storage, record.digest))
    assert "answers again" in caplog.text


@pytest.mark.needs("redis")
def test_only_the_first_change_of_an_outage_waits(transactional_db):
    storage = CachedDatabaseStorage(REDIS=f"redis://127.0.0.1:{services.free_port()}")
    Fence.objects.create(name="redis", generation="1", server="before")
    record = insert(Caller(storage, "sync"))
    began = time.monotonic()
    storage.update(record.digest, Changes(values={"a": b"1"}))
    first = time.monotonic()
    for _ in range(5):
        storage.update(record.digest, Changes(values={"a": b"1"}))
    assert first - began >= trust.TRUSTED
    assert time.monotonic() - first < trust.TRUSTED


@pytest.mark.needs("redis")
def test_an_async_change_that_waits_does_not_hold_up_the_event_loop(transactional_db):
    storage = CachedDatabaseStorage(REDIS=f"redis://127.0.0.1:{services.free_port()}")
    Fence.objects.create(name="redis", generation="1", server="before")
    record = insert(Caller(storage, "sync"))
    turns = []

    async def others():
        while True:
            turns.append(time.monotonic())
            await asyncio.sleep(0.05)

    async def both():
        task = asyncio.ensure_future(others())
        await storage.aremove([record.digest])
        task.cancel()

    async_to_sync(both)()
    assert len(turns) >= 10


@pytest.mark.needs("redis")
def test_a_redis_that_comes_back_with_older_data_brings_no_session_back(transactional_db):
    with folder() as place, a_redis(place) as (victim, url):
        storage, other = CachedDatabaseStorage(REDIS=url), CachedDatabaseStorage(REDIS=url)
        records = [insert(Caller(storage, "sync")) for _ in range(3)]
        for each in (storage, other):
            for record in records:
                assert each.read(record.digest) == record
        with redis.Redis.from_url(url) as client:
            client.save()
        storage.remove([record.digest for record in records])
        victim.kill()
        victim.start(lambda: redis_servers.answers(victim.port))
        with redis.Redis.from_url(url) as client:
            kept = [client.get(key) for key in client.scan_iter()]
        assert sum(copies.copy_in(fresh_digest(), data) is not None for data in kept) == 3
        for each in (storage, other, CachedDatabaseStorage(REDIS=url)):
            for record in records:
                assert isinstance(each.read(record.digest), Ended)


@contextmanager
def a_redis(place: Path):
    port = services.free_port()
    program = redis_servers.program()
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(place)]
    victim = Victim([*command, "--save", "", "--dbfilename", "dump.rdb"], port)
    try:
        victim.start(lambda: redis_servers.answers(port))
        yield victim, f"redis://127.0.0.1:{port}"
    finally:
        victim.kill()


def test_another_process_with_a_memory_of_its_own_is_noticed(
    transactional_db, impatient, monkeypatch
):
    with places.cached_database(places.LOCMEM) as storage:
        record = insert(Caller(storage, "sync"))
        storage.read(record.digest)
        elsewhere = CachedDatabaseStorage(CACHE=places.ALIAS)
        monkeypatch.setattr(elsewhere.front, "server", lambda: "process of somebody else")
        elsewhere.remove([record.digest])
        assert isinstance(storage.read(record.digest), Ended)


def test_an_outage_of_the_database_is_an_outage_although_the_cache_answers(
    storage, trusted, monkeypatch
):
    def broken(*args):
        raise OperationalError("the database has gone away")

    record = insert(Caller(storage, "sync"))
    storage.read(fresh_digest())
    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", broken)
        with pytest.raises(StorageUnavailable, match="gone away"):
            storage.read(record.digest)
        with pytest.raises(StorageUnavailable, match="gone away"):
            storage.remove([record.digest])
    slept = []
    monkeypatch.setattr(storage.trust._watch, "sleep", slept.append)
    assert storage.remove([record.digest]) == [record.digest]
    assert len(slept) == 1
    # Whether the first try had ended it was unknown, and so whether there were copies.
    assert not Fence.objects.get().open

"""Compare-and-set on each of Django's caches, on what every promise of the cache storage rests."""

import contextlib
import threading
from functools import partial

import pytest
from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.db import OperationalError, connections

from frontdesk import clock
from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages.cache import CacheStorage
from frontdesk.storages.cas_known import for_cache
from frontdesk.storages.record import Changes, Ended
from frontdesk.testing.conformance.ground import a_record, fresh_digest
from tests import services
from tests.storages import places

KEY = "a key"
HOUR = 3600


class Ways:
    """The facts of a compare-and-set; a subclass supplies the fixture ``alias`` of a cache."""

    @pytest.fixture
    def way(self, alias):
        return for_cache(caches[alias])

    @pytest.fixture
    def key(self, alias):
        return caches[alias].make_and_validate_key("frontdesk:test")

    def test_what_is_not_there_loads_as_nothing(self, way, key):
        assert way.load(key)[0] is None

    def test_what_was_stored_is_loaded(self, way, key):
        assert way.store(key, way.load(key)[1], b"\x00\xff one", HOUR) is True
        assert way.load(key)[0] == b"\x00\xff one"

    def test_a_fresh_token_is_accepted(self, way, key):
        way.store(key, way.load(key)[1], b"one", HOUR)
        assert way.store(key, way.load(key)[1], b"two", HOUR) is True
        assert way.load(key)[0] == b"two"

    def test_a_stale_token_is_refused(self, way, key):
        way.store(key, way.load(key)[1], b"one", HOUR)
        stale = way.load(key)[1]
        way.store(key, stale, b"two", HOUR)
        assert way.store(key, stale, b"three", HOUR) is False
        assert way.load(key)[0] == b"two"

    def test_the_token_of_nothing_is_refused_where_there_is_something(self, way, key):
        nothing = way.load(key)[1]
        way.store(key, nothing, b"one", HOUR)
        assert way.store(key, nothing, b"two", HOUR) is False
        assert way.load(key)[0] == b"one"

    def test_the_token_of_something_is_refused_where_there_is_nothing(self, alias, way, key):
        way.store(key, way.load(key)[1], b"one", HOUR)
        stale = way.load(key)[1]
        caches[alias].delete("frontdesk:test")
        assert way.store(key, stale, b"two", HOUR) is False
        assert way.load(key)[0] is None

    def test_many_are_loaded_at_once_without_those_that_are_not_there(self, alias, way):
        make = caches[alias].make_and_validate_key
        keys = [make(f"frontdesk:{number}") for number in range(3)]
        for key in keys[:2]:
            way.store(key, way.load(key)[1], key.encode(), HOUR)
        assert way.load_many(keys) == {key: key.encode() for key in keys[:2]}


def at_once(alias, *works):
    """Run each of ``works`` in a thread of its own, from the same moment on, and return the answers."""
    start = threading.Barrier(len(works))
    answers: list[object] = [None] * len(works)

    def run(place, work):
        try:
            start.wait(10)
            answers[place] = work()
        except Exception as error:  # noqa: BLE001 (compared below; a thread would only print it)
            answers[place] = error
        finally:
            caches[alias].close()
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class Races:
    """Several threads, for caches that they can all reach within a test."""

    def test_of_two_threads_with_one_token_never_both_win(self, alias):
        way = for_cache(caches[alias])
        key = caches[alias].make_and_validate_key("frontdesk:race")
        for _ in range(30):
            _, token = way.load(key)
            values = [fresh_digest().encode(), fresh_digest().encode()]
            won = at_once(alias, *(partial(self.store, alias, key, token, v) for v in values))
            assert sorted(won) == [False, True]
            assert way.load(key)[0] == values[won.index(True)]

    @staticmethod
    def store(alias, key, token, value):
        return for_cache(caches[alias]).store(key, token, value, HOUR)

    def test_of_many_threads_that_change_one_session_none_is_lost(self, alias):
        storage = CacheStorage(ALIAS=alias)
        record = a_record(values={})
        storage.insert(record)

        def change(name):
            keys = [f"{name}{number}" for number in range(10)]
            return all(storage.update(record.digest, Changes(values={key: b"1"})) for key in keys)

        assert at_once(alias, *(partial(change, name) for name in "abcd")) == [True] * 4
        assert len(storage.read(record.digest).values) == 40

    def test_a_session_that_is_ended_amid_changes_stays_ended(self, alias):
        storage = CacheStorage(ALIAS=alias)

        def change(digest):
            while storage.update(digest, Changes(values={"cart": b"[2]"})):
                pass

        for _ in range(10):
            record = a_record()
            storage.insert(record)
            end = partial(storage.remove, [record.digest])
            assert at_once(alias, partial(change, record.digest), end) == [None, [record.digest]]
            assert isinstance(storage.read(record.digest), Ended)

    def test_of_several_rotations_at_once_one_wins(self, alias):
        storage = CacheStorage(ALIAS=alias)
        for _ in range(10):
            record = a_record(user_id="1")
            storage.insert(record)
            new = [fresh_digest() for _ in range(3)]
            rotate = partial(storage.rotate, record.digest)
            won = at_once(alias, *(partial(rotate, digest, Changes()) for digest in new))
            assert sorted(won) == [False, False, True]
            live = [digest for digest in new if storage.read(digest)]
            assert live == [new[won.index(True)]]


class TestLocalMemory(Ways, Races):
    @pytest.fixture
    def alias(self):
        with places.cache(places.fresh(places.LOCMEM)) as alias:
            yield alias


class TestMemcached(Ways, Races):
    @pytest.fixture
    def alias(self, memcached):
        with places.cache(places.fresh(places.MEMCACHED, memcached)) as alias:
            yield alias


class TestRedis(Ways, Races):
    @pytest.fixture
    def alias(self, redis_url):
        with places.cache(places.fresh(places.REDIS, redis_url)) as alias:
            yield alias


@services.each_database()
class TestDatabase(Ways):
    @pytest.fixture
    def alias(self, cache_table, database):
        with places.cache(places.fresh(places.DATABASE, cache_table)) as alias:
            yield alias

    def test_what_has_expired_is_purged_up_to_the_limit(self, alias, way, database):
        cache = caches[alias]
        for number in range(3):
            cache.set(f"frontdesk:{number}", "old", timeout=-10)
            way.store(cache.make_key(f"live:{number}"), None, b"new", HOUR)
        assert [way.purge(2), way.purge(2), way.purge(2)] == [2, 1, 0]
        assert len(way.load_many([cache.make_key(f"live:{number}") for number in range(3)])) == 3

    def test_a_fault_of_the_database_is_an_outage(self, alias, monkeypatch, database):
        def broken(*args):
            raise OperationalError("the database has gone away")

        storage = CacheStorage(ALIAS=alias)
        monkeypatch.setattr(connections[database], "cursor", broken)
        with pytest.raises(StorageUnavailable, match="DatabaseCache: the database has gone away"):
            storage.read(fresh_digest())


@services.each_database(transaction=True)
class TestDatabaseInThreads(Races):
    @pytest.fixture
    def alias(self, cache_table, database):
        with places.cache(places.fresh(places.DATABASE, cache_table)) as alias:
            yield alias
            caches[alias].clear()


# --- caches that are refused ------------------------------------------------------------------------


def test_a_cache_that_cannot_compare_and_set_is_refused_by_name():
    setting = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    with places.cache(setting) as alias, pytest.raises(InvalidSetting) as refusal:
        CacheStorage(ALIAS=alias)
    assert DummyCache.__name__ in str(refusal.value)
    assert "LocMemCache, PyMemcacheCache, RedisCache, DatabaseCache" in str(refusal.value)


def test_an_alias_that_is_not_there_is_refused():
    with pytest.raises(InvalidSetting, match="'nowhere'"):
        CacheStorage(ALIAS="nowhere")


def test_a_memcached_that_hides_its_faults_is_refused():
    setting = places.fresh(places.MEMCACHED, "127.0.0.1:1", OPTIONS={"ignore_exc": True})
    with places.cache(setting) as alias, pytest.raises(InvalidSetting, match="ignore_exc"):
        CacheStorage(ALIAS=alias)


# --- outages -----------------------------------------------------------------------------------------

VERBS = {
    "read": lambda storage: storage.read(fresh_digest()),
    "insert": lambda storage: storage.insert(a_record(user_id="1")),
    "update": lambda storage: storage.update(fresh_digest(), Changes()),
    "rotate": lambda storage: storage.rotate(fresh_digest(), fresh_digest(), Changes()),
    "remove": lambda storage: storage.remove([fresh_digest()]),
    "of_user": lambda storage: storage.of_user("1"),
    "remove_of_user": lambda storage: storage.remove_of_user("1"),
}
each_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())


@each_verb
def test_a_closed_port_of_memcached_is_an_outage(verb):
    address = f"127.0.0.1:{services.free_port()}"
    with (
        places.cache_storage(places.MEMCACHED, address) as storage,
        pytest.raises(StorageUnavailable, match="PyMemcacheCache"),
    ):
        verb(storage)


@each_verb
def test_a_closed_port_of_redis_is_an_outage(verb):
    address = f"redis://127.0.0.1:{services.free_port()}/0"
    with (
        places.cache_storage(places.REDIS, address) as storage,
        pytest.raises(StorageUnavailable, match="RedisCache"),
    ):
        verb(storage)


@each_verb
def test_a_memcached_that_stays_away_is_an_outage_each_time(verb):
    # pymemcache answers "not there" for a server that has just failed, until it tries it again.
    address = f"127.0.0.1:{services.free_port()}"
    with places.cache_storage(places.MEMCACHED, address) as storage:
        for _ in range(4):
            with pytest.raises(StorageUnavailable):
                verb(storage)


@pytest.mark.needs("memcached")
def test_a_memcached_that_stops_is_an_outage_not_a_sign_out():
    process, address = services.start_memcached()
    try:
        with places.cache_storage(places.MEMCACHED, address) as storage:
            record = a_record()
            storage.insert(record)
            services.stop(process)
            for _ in range(4):
                with pytest.raises(StorageUnavailable):
                    storage.read(record.digest)
    finally:
        services.stop(process)


@pytest.mark.needs("memcached")
def test_a_session_on_a_memcached_that_stops_is_not_looked_for_on_another_one():
    # pymemcache would hand its keys to the servers that are left, for which it never existed; and when
    # the server is back, so is the session that was ended meanwhile.
    (one, first), (two, second) = services.start_memcached(), services.start_memcached()
    try:
        with places.cache_storage(places.MEMCACHED, [first, second]) as storage:
            caches[places.ALIAS]._cache.retry_timeout = 0  # gives a server up the sooner
            records = [a_record() for _ in range(16)]
            for record in records:
                storage.insert(record)
            services.stop(one)
            for record in records * 5:
                with contextlib.suppress(StorageUnavailable):
                    assert storage.read(record.digest) == record
    finally:
        services.stop(one)
        services.stop(two)


def test_a_long_life_is_stored_as_long_as_any_cache_takes():
    with places.cache_storage(places.LOCMEM) as storage:
        record = a_record(idle=2**62, deadline=2**62)
        storage.insert(record)
        assert storage.read(record.digest) == record


def redis_key(record):
    # By its whole name: other runs on the same server keep records of the same digests.
    return caches[places.ALIAS].make_and_validate_key(f"frontdesk:s-{record.digest}")


def test_what_is_about_to_expire_is_not_stored_forever(redis_url):
    import redis

    with places.cache_storage(places.REDIS, redis_url) as storage:
        record = a_record(idle=10 * clock.SECOND)
        storage.insert(record)
        with redis.Redis.from_url(redis_url) as client:
            key = redis_key(record)
            assert 0 < client.ttl(key) <= 10


def test_a_damaged_index_keeps_nobody_from_signing_in():
    with places.cache_storage(places.LOCMEM) as storage:
        storage.insert(a_record(user_id="1"))
        (key,) = [key for key in caches[places.ALIAS]._cache if ":u-" in key]
        way = for_cache(caches[places.ALIAS])
        way.store(key, way.load(key)[1], b"damaged", HOUR)
        record = a_record(user_id="1")
        assert storage.insert(record) is True
        assert record in storage.of_user("1")


def test_a_damaged_record_hides_no_other_of_its_user_from_lists_and_ends(caplog):
    with places.cache_storage(places.LOCMEM) as storage:
        damaged, record = a_record(user_id="1"), a_record(user_id="1")
        storage.insert(damaged)
        storage.insert(record)
        (key,) = [key for key in caches[places.ALIAS]._cache if damaged.digest in key]
        way = for_cache(caches[places.ALIAS])
        way.store(key, way.load(key)[1], b"damaged", HOUR)
        assert storage.of_user("1") == [record]
        assert storage.remove_of_user("1") == [record.digest]
    assert damaged.digest in caplog.text


def test_the_tombstone_of_a_session_outlives_its_requests_in_the_cache(redis_url):
    import redis

    with places.cache_storage(places.REDIS, redis_url) as storage:
        record = a_record(deadline=clock.now() + clock.SECOND)
        storage.insert(record)
        storage.remove([record.digest])
        with redis.Redis.from_url(redis_url) as client:
            key = redis_key(record)
            assert client.ttl(key) > 25


def test_djangos_client_for_redis_is_kept_until_another_one_is_to_be_made(redis_url):
    import redis

    class Traced(redis.Redis):
        pass

    with places.cache(places.fresh(places.REDIS, redis_url)) as alias:
        way, maker = for_cache(caches[alias]), caches[alias]._cache
        kept = way._client()
        assert way._client() is kept
        maker._pools.clear()
        assert way._client() is not kept
        maker._client = Traced
        assert type(way._client()) is Traced

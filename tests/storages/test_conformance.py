"""The contract, on every storage and every place that it can use."""

import pytest

from frontdesk.drive import Call
from frontdesk.storages.cache import CacheStorage
from frontdesk.storages.cached_database import CachedDatabaseStorage
from frontdesk.storages.database import DatabaseStorage
from frontdesk.storages.file import FileStorage
from frontdesk.storages.memory import MemoryStorage
from frontdesk.storages.moving import MovingStorage
from frontdesk.storages.redis import RedisStorage
from frontdesk.testing import StorageConformance
from tests import services
from tests.storages import places

pytestmark = pytest.mark.shared

OWN_MEMORY = "each instance has a memory of its own"
OWN_CLOCK = "the place drops what has expired by a clock of its own, which no test can turn"

PURGES = dict.fromkeys(
    (
        "test_purge_takes_what_has_expired",
        "test_purge_takes_old_memories_of_ended_sessions",
        "test_purge_takes_no_more_than_its_limit",
        "test_purge_tells_whose_session_had_gone_unseen",
        "test_purge_tells_whose_deadline_had_come",
    ),
    OWN_CLOCK,
)


class TestMemory(StorageConformance):
    not_applicable = {
        "test_what_one_instance_wrote_another_one_reads": OWN_MEMORY,
        "test_what_two_instances_change_in_turn_is_merged": OWN_MEMORY,
        "test_what_one_instance_ended_is_ended_for_another": OWN_MEMORY,
    }

    @pytest.fixture
    def storage(self):
        return MemoryStorage()


class TestFile(StorageConformance):
    @pytest.fixture
    def storage(self, tmp_path):
        return FileStorage(DIRECTORY=tmp_path / "sessions")

    @pytest.fixture
    def other(self, tmp_path):
        return FileStorage(DIRECTORY=tmp_path / "sessions")


class TestMoving(TestMemory):
    """All begin in the new one."""

    @pytest.fixture
    def storage(self):
        return MovingStorage(MemoryStorage(), MemoryStorage())


class StillToMove(MovingStorage):
    """All begin in the old one, so each verb finds them there."""

    def _insert(self, record):
        return (yield Call(self.old, "insert", (record,)))


REMEMBERS_MOVES = dict.fromkeys(
    (
        "test_purge_leaves_sessions_that_were_seen_since",
        "test_purge_takes_old_memories_of_ended_sessions",
    ),
    "the old storage's memory of the move, or of the end, goes too",
)


class TestStillToMove(TestMemory):
    not_applicable = TestMemory.not_applicable | REMEMBERS_MOVES

    @pytest.fixture
    def storage(self):
        return StillToMove(MemoryStorage(), MemoryStorage())


@pytest.mark.django_db(transaction=True)
class TestStillToMoveFromFilesToTheDatabase(StorageConformance):
    not_applicable = REMEMBERS_MOVES

    @pytest.fixture
    def storage(self, tmp_path):
        return StillToMove(DatabaseStorage(), FileStorage(DIRECTORY=tmp_path / "sessions"))

    @pytest.fixture
    def other(self, tmp_path):
        return StillToMove(DatabaseStorage(), FileStorage(DIRECTORY=tmp_path / "sessions"))


@services.each_database()
class TestDatabase(StorageConformance):
    @pytest.fixture
    def storage(self, database):
        return DatabaseStorage()

    @pytest.fixture
    def other(self, database):
        return DatabaseStorage()


class InCache(StorageConformance):
    not_applicable = PURGES

    @pytest.fixture
    def other(self, storage):
        return CacheStorage(ALIAS=places.ALIAS)


class TestLocalMemoryCache(InCache):
    @pytest.fixture
    def storage(self):
        with places.cache_storage(places.LOCMEM) as storage:
            yield storage


@services.each_database()
class TestDatabaseCache(InCache):
    @pytest.fixture
    def storage(self, cache_table, database):
        with places.cache_storage(places.DATABASE, cache_table) as storage:
            yield storage


class TestMemcached(InCache):
    @pytest.fixture
    def storage(self, memcached):
        with places.cache_storage(places.MEMCACHED, memcached) as storage:
            yield storage


class TestRedisCache(InCache):
    @pytest.fixture
    def storage(self, redis_url):
        with places.cache_storage(places.REDIS, redis_url) as storage:
            yield storage


class TestRedis(StorageConformance):
    not_applicable = PURGES

    @pytest.fixture
    def storage(self, redis_place):
        return RedisStorage(**redis_place)

    @pytest.fixture
    def other(self, redis_place):
        return RedisStorage(**redis_place)


@pytest.mark.needs("redis")
class TestRedisCluster(StorageConformance):
    not_applicable = PURGES

    @pytest.fixture
    def storage(self, cluster_place):
        return RedisStorage(**cluster_place)

    @pytest.fixture
    def other(self, cluster_place):
        return RedisStorage(**cluster_place)


class BeforeTheDatabase(StorageConformance):
    """In the transaction of the test, which is kept a secret: otherwise the cache would be left alone."""

    @pytest.fixture(autouse=True)
    def _as_if_committed(self, as_if_committed):
        pass


@services.each_database()
class TestRedisBeforeTheDatabase(BeforeTheDatabase):
    @pytest.fixture
    def storage(self, database, redis_place):
        return CachedDatabaseStorage(REDIS=redis_place)

    @pytest.fixture
    def other(self, database, redis_place):
        return CachedDatabaseStorage(REDIS=redis_place)


class InCacheBeforeTheDatabase(BeforeTheDatabase):
    @pytest.fixture
    def other(self, storage):
        return CachedDatabaseStorage(CACHE=places.ALIAS)


@pytest.mark.django_db
class TestLocalMemoryCacheBeforeTheDatabase(InCacheBeforeTheDatabase):
    @pytest.fixture
    def storage(self):
        with places.cached_database(places.LOCMEM) as storage:
            yield storage


@pytest.mark.django_db
class TestMemcachedBeforeTheDatabase(InCacheBeforeTheDatabase):
    @pytest.fixture
    def storage(self, memcached):
        with places.cached_database(places.MEMCACHED, memcached) as storage:
            yield storage


@pytest.mark.django_db
class TestRedisCacheBeforeTheDatabase(InCacheBeforeTheDatabase):
    @pytest.fixture
    def storage(self, redis_url):
        with places.cached_database(places.REDIS, redis_url) as storage:
            yield storage

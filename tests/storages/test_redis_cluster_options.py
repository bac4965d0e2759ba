"""The options of the Redis storage on a Cluster, and its connections."""

import asyncio
import re
import threading
from pathlib import Path

import pytest
import redis
from asgiref.sync import async_to_sync

from frontdesk import clock
from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages.record import Changes
from frontdesk.storages.redis import RedisStorage
from frontdesk.storages.redis_cluster_steps import Steps
from frontdesk.testing.conformance.ground import Caller, a_record, fresh_digest, insert
from tests import services
from tests.storages.on_cluster import migrating, session

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def storage(cluster_place):
    return RedisStorage(**cluster_place)


URL = "redis://localhost"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"URLS": [URL], "CLUSTER": True}, "Did you mean 'URL'"),
        ({"URL": URL, "CLUSTERS": True}, "Did you mean 'CLUSTER'"),
        ({"URL": URL, "CLUSTER": [URL]}, "named by URL"),
        ({"URL": [URL, URL]}, '"CLUSTER": True'),
        ({"URL": [], "CLUSTER": True}, "URL"),
        ({"SENTINEL": {}, "CLUSTER": True}, "not both"),
        ({"URL": "redis://localhost/3", "CLUSTER": True}, "without a database's number"),
        ({"URL": "unix:///redis", "CLUSTER": True}, "redis://"),
        ({"URL": "redis://localhost?decode_responses=true", "CLUSTER": True}, "decode_responses"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_refused_with_what_to_write(options, said):
    with pytest.raises(InvalidSetting, match=said):
        RedisStorage(**options)


def test_one_server_of_the_cluster_is_enough_to_find_it(cluster_place):
    for url in cluster_place["URL"]:
        alone = RedisStorage(**{**cluster_place, "URL": url})
        records = [a_record() for _ in range(20)]
        assert all(alone.insert(record) for record in records)
        assert [alone.read(record.digest) for record in records] == records


def test_a_server_that_is_named_but_gone_is_passed_over(cluster_place):
    gone = f"redis://127.0.0.1:{services.free_port()}"
    storage = RedisStorage(**{**cluster_place, "URL": [gone, cluster_place["URL"][0]]})
    assert storage.read(fresh_digest()) is None


def test_a_valkey_is_named_by_its_own_scheme(cluster_place):
    urls = [url.replace("redis://", "valkey://") for url in cluster_place["URL"]]
    assert RedisStorage(**{**cluster_place, "URL": urls}).read(fresh_digest()) is None


def test_what_connections_are_to_know_reaches_each_server(cluster_place):
    place = {**cluster_place, "CONNECTION": {"client_name": "the_desk"}}
    storage = RedisStorage(**place)
    for _ in range(20):
        storage.read(fresh_digest())
    for url in cluster_place["URL"]:
        with redis.Redis.from_url(url) as client:
            assert "the_desk" in {each["name"] for each in client.client_list()}


@pytest.mark.parametrize("cluster", [True, False])
def test_e031_the_option_says_what_the_server_is(cluster_house, redis_url, cluster):
    url = redis_url if cluster else cluster_house.urls[0]
    (message,) = RedisStorage(URL=url.partition("/0")[0], CLUSTER=cluster).check()
    assert (message.id, "CLUSTER" in message.hint) == ("frontdesk.E031", True)


def test_a_cluster_that_is_said_to_be_one_is_fine(storage):
    assert storage.check() == []


def test_w030_is_said_of_any_server_of_the_cluster(cluster_house, storage):
    node = cluster_house.primaries[-1]
    node.ask("CONFIG", "SET", "maxmemory", "64mb", "maxmemory-policy", "allkeys-lru")
    try:
        assert [message.id for message in storage.check()] == ["frontdesk.W030"]
    finally:
        node.ask("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction")


def test_a_user_needs_no_more_rights_than_the_documentation_says(cluster_house, cluster_place):
    page = (Path(__file__).parents[2] / "docs/storages/redis.md").read_text("utf-8")
    rights = re.findall(r"[+~][a-z:*|]+", page.partition("With access control lists")[2])
    rights[rights.index("~frontdesk:*")] = f"~{cluster_place['PREFIX']}*"
    for node in cluster_house.primaries:
        node.ask("ACL", "SETUSER", "desk", "reset", "on", ">sesame", *rights)
    account = {"username": "desk", "password": "sesame"}
    storage = RedisStorage(**{**cluster_place, "CONNECTION": account})
    try:
        for mode in ("sync", "async"):
            do = Caller(storage, mode)
            record, new = insert(do, user_id="1"), fresh_digest()
            changes = Changes(values={"a": b"1"}, removed=["cart"], last_seen=clock.now() + 1)
            assert do("update", record.digest, changes) is True
            assert do("rotate", record.digest, new, Changes(cleared=True)) is True
            assert do("remove", [record.digest]) == [new]
            record = insert(do, user_id="1")
            assert do("update", record.digest, Changes(user_id="2")) is True
            assert do("remove_beyond", "2", 0) == [record.digest]
            insert(do, user_id="1")
            assert len(do("of_user", "1")) == 1
            assert len(do("remove_of_user", "1")) == 1
            with migrating(cluster_house, session(do, new)):
                assert do("insert", a_record(user_id="3")) is True
                assert do("read", new) is not None
        assert storage.check() == []
    finally:
        for node in cluster_house.primaries:
            node.ask("ACL", "DELUSER", "desk")


# --- clients ----------------------------------------------------------------------------------------


def test_an_awaited_verb_does_not_hop_to_a_thread(storage):
    record = a_record(user_id="1")

    async def work():
        before = set(threading.enumerate())
        await storage.ainsert(record)
        await storage.aread(record.digest)
        await storage.arotate(record.digest, fresh_digest(), Changes())
        await storage.aof_user("1")
        await storage.aremove_of_user("1")
        return set(threading.enumerate()) - before

    assert async_to_sync(work)() == set()


def test_each_event_loop_has_connections_of_its_own_and_closes_them(storage):
    async def work():
        digests = [fresh_digest() for _ in range(20)]
        for digest in digests:
            await storage.ainsert(a_record(digest=digest))
        found = await asyncio.gather(*(storage.aread(digest) for digest in digests))
        assert [record.digest for record in found] == digests

    threads = [threading.Thread(target=asyncio.run, args=(work(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clients = storage._servers._fleet._clients.values()
    assert len(clients) == 3
    assert all(each._loops == {} for each in clients)


def test_threads_and_tasks_wait_for_connections_rather_than_fail(cluster_place):
    storage = RedisStorage(**cluster_place, POOL_SIZE=2)
    records = [a_record(user_id="1") for _ in range(10)]
    for record in records:
        storage.insert(record)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(len(storage.of_user("1")))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [10] * 20

    async def work():
        return await asyncio.gather(*(storage.aof_user("1") for _ in range(20)))

    assert [len(each) for each in asyncio.run(work())] == [10] * 20


def test_a_storage_that_is_dropped_closes_its_connections(cluster_place):
    storage = RedisStorage(**cluster_place)
    for _ in range(20):
        storage.read(fresh_digest())
    connections = [
        connection
        for clients in storage._servers._fleet._clients.values()
        for connection in clients.get().connection_pool._connections
    ]
    assert len(connections) == 3
    del storage
    assert all(connection._sock is None for connection in connections)


def test_a_cluster_that_is_not_there_is_an_outage():
    urls = [f"redis://127.0.0.1:{services.free_port()}" for _ in range(2)]
    storage = RedisStorage(URL=urls, CLUSTER=True)
    for mode in ("sync", "async"):
        with pytest.raises(StorageUnavailable) as caught:
            Caller(storage, mode)("read", fresh_digest())
        assert caught.value.__cause__ is not None
    assert storage.check() == []


def test_the_parts_of_the_index_are_spread_over_the_users():
    steps = Steps("x:")
    places = {steps.place(str(user).encode()) for user in range(2000)}
    assert len(places) == 2000
    assert len({each.part for each in places}) > 1500

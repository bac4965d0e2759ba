"""The connections of the Redis storage: whose they are, how many, and when they end."""

import asyncio
import os
import threading

import pytest
from asgiref.sync import async_to_sync

from frontdesk.storages.redis import RedisStorage
from frontdesk.testing.conformance.ground import a_record, fresh_digest
from tests.processes import servers
from tests.processes.cancelling import cancelled

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def storage(redis_place):
    return RedisStorage(**redis_place)


@pytest.fixture(scope="module")
def server():
    with servers.redis() as (victim, url, ready):
        yield victim, url, ready


def test_each_event_loop_has_connections_of_its_own_and_closes_them(storage):
    clients = []

    async def work():
        digests = [fresh_digest() for _ in range(20)]
        for digest in digests:
            await storage.ainsert(a_record(digest=digest))
        found = await asyncio.gather(*(storage.aread(digest) for digest in digests))
        assert [record.digest for record in found] == digests
        clients.append(await storage._clients.aget())

    threads = [threading.Thread(target=asyncio.run, args=(work(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in clients}) == 4
    assert storage._clients._loops == {}
    for client in clients:
        assert not any(c.is_connected for c in client.connection_pool._available_connections)


def test_a_loop_that_is_closed_without_a_word_leaves_nothing_that_grows(storage):
    for _ in range(3):
        loop = asyncio.new_event_loop()
        client = loop.run_until_complete(storage._clients.aget())
        assert client is loop.run_until_complete(storage._clients.aget())
        loop.close()
    asyncio.run(storage.aread(fresh_digest()))
    assert storage._clients._loops == {}


def test_an_awaited_verb_does_not_hop_to_a_thread(storage):
    record = a_record(user_id="1")

    async def work():
        before = set(threading.enumerate())
        await storage.ainsert(record)
        await storage.aread(record.digest)
        await storage.aof_user("1")
        return set(threading.enumerate()) - before

    assert async_to_sync(work)() == set()


def test_a_request_that_is_cancelled_leaves_its_answer_to_nobody(server):
    """The next one on the same connection would get another person's session."""
    victim, url, _ = server
    storage = RedisStorage(URL=url, PREFIX=f"{fresh_digest()}:", POOL_SIZE=1, TIMEOUT=20)
    one, two = a_record(), a_record()

    async def work():
        await storage.ainsert(one)
        await storage.ainsert(two)
        await cancelled(victim, lambda: storage.aread(one.digest), somebody_else)

    async def somebody_else():
        assert await storage.aread(two.digest) == two

    asyncio.run(work())


def test_a_process_that_was_forked_has_connections_of_its_own(storage):
    record = a_record()
    storage.insert(record)
    (connection,) = [c for c in storage._clients.get().connection_pool._connections if c]
    pid = os.fork()
    if pid == 0:
        found = [storage.read(record.digest) == record for _ in range(200)]
        os._exit(0 if all(found) else 1)
    found = [storage.read(record.digest) == record for _ in range(200)]
    assert os.waitpid(pid, 0)[1] == 0
    assert all(found)
    assert connection in storage._clients.get().connection_pool._connections


def test_threads_wait_for_a_connection_rather_than_fail(redis_place):
    storage = RedisStorage(**redis_place, POOL_SIZE=2)
    record = a_record()
    storage.insert(record)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(storage.read(record.digest)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [record] * 20


def test_tasks_wait_for_a_connection_rather_than_fail(redis_place):
    storage = RedisStorage(**redis_place, POOL_SIZE=2)
    record = a_record()
    storage.insert(record)

    async def work():
        return await asyncio.gather(*(storage.aread(record.digest) for _ in range(20)))

    assert asyncio.run(work()) == [record] * 20


def test_a_storage_that_is_dropped_closes_its_connections(redis_place):
    storage = RedisStorage(**redis_place)
    storage.read(fresh_digest())
    (connection,) = [c for c in storage._clients.get().connection_pool._connections if c]
    del storage
    assert connection._sock is None

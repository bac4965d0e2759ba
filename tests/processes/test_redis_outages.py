"""Redis that hangs, dies, is full, turns into a replica or fails over: an answer in time, and no sign-out."""

import asyncio
import re
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis
from frontdesk.storages.record import Changes, Ended, Record
from frontdesk.testing.conformance.ground import Caller, a_record, fresh_digest, insert, is_ended

from frontdesk import clock
from frontdesk.errors import StorageUnavailable
from frontdesk.storages.redis import RedisStorage
from tests import services
from tests.processes import redis_servers, servers
from tests.processes.site import places
from tests.processes.site.browser import Browser
from tests.processes.site.server import serve

pytestmark = [pytest.mark.needs("redis"), pytest.mark.slow, pytest.mark.shared]

TIMEOUT = 0.4
PATIENCE = 5 * TIMEOUT
"""Seconds that a verb may take under an outage: the timeout, and a shared machine's delays."""


@pytest.fixture(scope="module")
def server():
    with servers.redis() as (victim, url, ready):
        yield victim, url, ready


@pytest.fixture(params=["sync", "async"])
def do(request, server):
    prefix = f"{fresh_digest()}:"
    return Caller(RedisStorage(URL=server[1], PREFIX=prefix, TIMEOUT=TIMEOUT), request.param)


CALLS = {
    "read": ("read", fresh_digest()),
    "insert": ("insert", a_record(user_id="1")),
    "update": ("update", fresh_digest(), Changes()),
    "rotate": ("rotate", fresh_digest(), fresh_digest(), Changes()),
    "remove": ("remove", [fresh_digest()]),
    "of_user": ("of_user", "1"),
    "remove_of_user": ("remove_of_user", "1"),
    "remove_beyond": ("remove_beyond", "1", 1),
}
each_verb = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def unavailable(do, *call):
    """Call a verb that cannot be answered; return how long that took."""
    began = time.monotonic()
    with pytest.raises(StorageUnavailable) as caught:
        do(*call)
    assert caught.value.__cause__ is not None
    return time.monotonic() - began


# --- one server -----------------------------------------------------------------------------------------


@each_verb
def test_a_server_that_hangs_is_unavailable_in_time(do, server, call):
    record = insert(do)
    with server[0].hanging():
        assert unavailable(do, *call) < PATIENCE
    assert do("read", record.digest) == record


@each_verb
def test_a_server_that_is_not_there_is_unavailable_at_once(request, call):
    storage = RedisStorage(URL=f"redis://127.0.0.1:{services.free_port()}", TIMEOUT=60)
    for mode in ("sync", "async"):
        assert unavailable(Caller(storage, mode), *call) < PATIENCE


def test_a_server_that_is_killed_and_comes_back_is_used_at_once(do, server):
    victim, _, ready = server
    record = insert(do, user_id="1")
    for _ in range(2):
        victim.kill()
        assert unavailable(do, "read", record.digest) < PATIENCE
        victim.start(ready)
        assert do("read", record.digest) == record
        assert do("of_user", "1") == [record]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_change_whose_answer_is_lost_is_not_made_a_second_time(server, mode):
    """The default of redis-py would make it ten times more."""
    with cutting(server[0].port) as port:
        url = f"redis://127.0.0.1:{port}"
        storage = RedisStorage(URL=url, PREFIX=f"{fresh_digest()}:", TIMEOUT=TIMEOUT)
        do = Caller(storage, mode)
        direct = RedisStorage(URL=server[1], PREFIX=storage._commands.prefix.decode())
        record = a_record()
        direct.insert(record)
        direct.update(record.digest, Changes())
        assert unavailable(do, "update", record.digest, Changes(values={"a": b"1"})) < PATIENCE
        time.sleep(0.1)
        assert direct.read(record.digest).version == 3


@contextmanager
def cutting(port):
    """A way to the server on which every answer to a script is lost."""
    listener = socket.create_server(("127.0.0.1", 0))

    def carry():
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=between, args=(near,), daemon=True).start()

    def between(near):
        with near, socket.create_connection(("127.0.0.1", port)) as far:
            while data := near.recv(65536):
                far.sendall(data)
                answer = far.recv(65536)
                if b"EVAL" in data:
                    return
                near.sendall(answer)

    threading.Thread(target=carry, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def fill(client):
    for number in range(100_000):
        client.set(f"ballast {number}", "x" * 1000)


def test_a_server_that_is_full_takes_nothing_new_and_still_ends_sessions():
    with servers.redis("--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as (_, url, _):
        storage = RedisStorage(URL=url, TIMEOUT=20)
        records = [a_record(user_id="1") for _ in range(20)]
        for record in records:
            storage.insert(record)
        with (
            redis.Redis.from_url(url) as client,
            pytest.raises(redis.ResponseError, match="maxmemory"),
        ):
            fill(client)
        for mode in ("sync", "async"):
            do = Caller(storage, mode)
            for verb in ("read", "of_user"):
                do(*CALLS[verb])
            unavailable(do, "insert", a_record(user_id="1"))
            unavailable(do, "update", records[0].digest, Changes(values={"cart": b"x" * 1000}))
            assert do("read", records[0].digest) == records[0]
        assert storage.remove([records[0].digest]) == [records[0].digest]
        assert isinstance(storage.read(records[0].digest), Ended)
        assert len(storage.remove_of_user("1")) == 19
        assert storage.of_user("1") == []


def test_a_server_that_has_become_a_replica_is_unavailable_for_changes(do, server):
    record = insert(do)
    with redis.Redis.from_url(server[1]) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", services.free_port())
        client.config_set("replica-serve-stale-data", "yes")
        try:
            unavailable(do, "update", record.digest, Changes())
            unavailable(do, "remove", [record.digest])
        finally:
            client.execute_command("REPLICAOF", "NO", "ONE")
    assert do("update", record.digest, Changes()) is True


def test_a_server_that_wants_a_password_is_unavailable(do, server):
    with redis.Redis.from_url(server[1]) as client:
        client.config_set("requirepass", "sesame")
        try:
            record = a_record()
            storage = do.storage
            fresh = RedisStorage(URL=server[1], PREFIX="x:", TIMEOUT=TIMEOUT)
            unavailable(Caller(fresh, do.mode), "insert", record)
            known = RedisStorage(
                URL=server[1],
                PREFIX=storage._commands.prefix.decode(),
                CONNECTION={"password": "sesame"},
                TIMEOUT=TIMEOUT,
            )
            assert Caller(known, do.mode)("insert", record) is True
        finally:
            client.config_set("requirepass", "")


def test_a_user_needs_no_more_rights_than_the_documentation_says(server):
    page = (Path(__file__).parents[2] / "docs/storages/redis.md").read_text("utf-8")
    listed = page.partition("With access control lists")[2].partition("On each server")[0]
    rights = re.findall(r"[+~][a-z:*]+", listed)
    prefix = "frontdesk:"
    with redis.Redis.from_url(server[1]) as client:
        client.execute_command("ACL", "SETUSER", "desk", "reset", "on", ">sesame", *rights)
        account = {"username": "desk", "password": "sesame"}
        storage = RedisStorage(URL=server[1], PREFIX=prefix, TIMEOUT=20, CONNECTION=account)
        try:
            for mode in ("sync", "async"):
                do = Caller(storage, mode)
                record, new = insert(do, user_id="1"), fresh_digest()
                changes = Changes(values={"a": b"1"}, removed=["cart"], user_id=None)
                assert do("update", record.digest, changes) is True
                assert do("rotate", record.digest, new, Changes(cleared=True)) is True
                assert do("remove", [record.digest]) == [new]
                insert(do, user_id="1")
                assert len(do("of_user", "1")) == 1
                assert do("remove_beyond", "1", 1) == []
                assert len(do("remove_of_user", "1")) == 1
            assert storage.check() == []
        finally:
            client.execute_command("ACL", "DELUSER", "desk")


@pytest.mark.parametrize("path", ["/look/", "/put/?key=cart&value=x", "/logout/"])
def test_a_visitor_of_a_server_that_hangs_gets_a_503_in_time_and_keeps_the_cookie(server, path):
    victim, url, _ = server
    with ExitStack() as stack:
        users = stack.enter_context(places.sqlite())
        place = places.settings(users, places.in_redis(url, TIMEOUT=TIMEOUT))
        served = stack.enter_context(serve(place, workers=2))
        browser = Browser(served.port)
        assert browser.get("/login/?user=1").status == 200
        key = browser.key
        with victim.hanging():
            answers = [browser.get(path) for _ in range(3)]
        assert [answer.status for answer in answers] == [503] * 3
        assert all("set-cookie" not in answer.headers for answer in answers)
        # A page is read, and may be written once.
        assert max(answer.ms for answer in answers) < 2 * PATIENCE * 1000
        assert browser.key == key
        # On a busy machine it may have been left alone for a while, which ends by itself.
        deadline = time.monotonic() + PATIENCE
        while (after := browser.get("/look/")).status == 503:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert after.page["user"] == 1


# --- the check ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "policy", "ids"),
    [
        ("64mb", "allkeys-lru", ["frontdesk.W030"]),
        ("64mb", "volatile-ttl", ["frontdesk.W030"]),
        ("64mb", "noeviction", []),
        ("0", "allkeys-lru", []),
    ],
)
def test_w030_a_server_that_throws_sessions_out(server, memory, policy, ids):
    with redis.Redis.from_url(server[1]) as client:
        client.config_set("maxmemory", memory)
        client.config_set("maxmemory-policy", policy)
        try:
            found = RedisStorage(URL=server[1], TIMEOUT=20).check()
        finally:
            client.config_set("maxmemory", "0")
            client.config_set("maxmemory-policy", "noeviction")
    assert [message.id for message in found] == ids
    assert all(policy in message.msg for message in found)


def test_a_site_is_checked_without_its_server():
    assert RedisStorage(URL=f"redis://127.0.0.1:{services.free_port()}").check() == []


# --- sentinel -------------------------------------------------------------------------------------------


def test_a_failover_with_sentinel_signs_nobody_out_and_needs_no_restart():
    """What the replica had is there; whoever asks meanwhile is told so, and then goes on."""
    with redis_servers.with_sentinels() as house:
        storage = RedisStorage(
            SENTINEL={"hosts": house.sentinels, "service": house.service}, TIMEOUT=TIMEOUT
        )
        do, ado = Caller(storage, "sync"), Caller(storage, "async")
        records = [insert(do, user_id="1") for _ in range(5)] + [insert(ado) for _ in range(5)]
        with redis.Redis.from_url(house.url) as client:
            client.wait(1, 10_000)
        house.primary.kill()
        assert unavailable(do, "read", records[0].digest) < PATIENCE * len(house.sentinels)
        deadline = time.monotonic() + 60
        while True:
            try:
                found = do("read", records[0].digest)
            except StorageUnavailable:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                break
        assert found == records[0]
        assert [do("read", record.digest) for record in records] == records
        assert [ado("read", record.digest) for record in records] == records
        assert len(do("of_user", "1")) == 5
        assert do("update", records[0].digest, Changes(last_seen=clock.now())) is True
        assert ado("remove", [records[1].digest]) == [records[1].digest]
        assert is_ended(do, records[1].digest)


def test_an_event_loop_goes_on_after_a_failover():
    with redis_servers.with_sentinels() as house:
        place = {"hosts": house.sentinels, "service": house.service}
        storage = RedisStorage(SENTINEL=place, TIMEOUT=TIMEOUT)

        async def life():
            record = a_record()
            await storage.ainsert(record)
            await asyncio.to_thread(house.replicated)
            await asyncio.to_thread(house.primary.kill)
            deadline = time.monotonic() + 60
            outages = 0
            while time.monotonic() < deadline:
                try:
                    found = await storage.aread(record.digest)
                    assert await storage.aupdate(record.digest, Changes()) is True
                except StorageUnavailable:
                    outages += 1
                    await asyncio.sleep(0.05)
                else:
                    break
            assert outages
            assert isinstance(found, Record)

        asyncio.run(life())


def test_sentinels_that_are_not_there_are_an_outage():
    hosts = [f"127.0.0.1:{services.free_port()}", ("127.0.0.1", services.free_port())]
    storage = RedisStorage(SENTINEL={"hosts": hosts, "service": "sessions"}, TIMEOUT=TIMEOUT)
    for mode in ("sync", "async"):
        assert unavailable(Caller(storage, mode), "read", fresh_digest()) < PATIENCE

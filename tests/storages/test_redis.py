"""What is the Redis storage's own: its options, its round trips, its keys, its clients."""

import asyncio
import itertools
import os
import subprocess
import sys
import threading
import time

import pytest
import redis
from asgiref.sync import async_to_sync
from hypothesis import given
from hypothesis import strategies as st

from frontdesk import clock
from frontdesk.clock import DAY, SECOND
from frontdesk.errors import InvalidSetting, StorageUnavailable, UndecodableRecord
from frontdesk.storages import redis_codec, redis_scripts
from frontdesk.storages.record import FOREVER, Changes
from frontdesk.storages.redis import RedisStorage
from frontdesk.testing.conformance.crowds import arrive_at_once
from frontdesk.testing.conformance.ground import HOUR, Caller, a_record, fresh_digest, insert
from tests import services
from tests.processes import servers
from tests.processes.cancelling import cancelled

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def storage(redis_place):
    return RedisStorage(**redis_place)


@pytest.fixture
def raw(storage):
    """A client of the server, and the storage's prefix."""
    return storage._clients.get(), storage._commands.prefix


def keys_of(raw, kind=b""):
    client, prefix = raw
    return sorted(client.scan_iter(match=prefix + kind + b"*", count=1000))


# --- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "URL"),
        ({"URL": "redis://localhost", "SENTINEL": {}}, "SENTINEL"),
        ({"URL": "redis://localhost", "POOLSIZE": 3}, "Did you mean 'POOL_SIZE'"),
        ({"url": "redis://localhost"}, "Did you mean 'URL'"),
        ({"LOCATION": "redis://localhost"}, "CONNECTION"),
        ({"URL": "localhost:6379"}, "redis://"),
        ({"URL": "redis://localhost?decode_responses=true"}, "decode_responses"),
        ({"SENTINEL": {"hosts": ["localhost"]}}, "service"),
        ({"URL": "redis://localhost", "TIMEOUT": 0}, "TIMEOUT"),
        ({"URL": "redis://localhost", "POOL_SIZE": 0}, "POOL_SIZE"),
        ({"URL": "redis://localhost", "CONNECTION": {"ssl_ca_certs": "/ca"}}, "rediss://"),
        ({"URL": "rediss://localhost", "CONNECTION": {"ssl_ca": "/ca"}}, "'ssl_ca'"),
        ({"URL": "redis://localhost", "CLUSTER": True, "CONNECTION": {"sll": 1}}, "'sll'"),
        (
            {"SENTINEL": {"hosts": ["h"], "service": "s"}, "CONNECTION": {"ssl_ca_certs": "/ca"}},
            '"ssl": True',
        ),
        ({"SENTINEL": {"hosts": ["h"], "service": "s", "connection": {"sll": 1}}}, "'sll'"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_refused_with_what_to_write(options, said):
    with pytest.raises(InvalidSetting, match=said):
        RedisStorage(**options)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_of_sentinels_that_cannot_be_asked_it_is_said_which_and_why(mode):
    hosts = [f"127.0.0.1:{services.free_port()}" for _ in range(2)]
    storage = RedisStorage(SENTINEL={"hosts": hosts, "service": "sessions"}, TIMEOUT=20)
    with pytest.raises(StorageUnavailable) as caught:
        Caller(storage, mode)("read", fresh_digest())
    said = str(caught.value)
    assert all(f"sentinel {host} - Error" in said for host in hosts)
    assert said.count("refused") + said.count("Connect call failed") == len(hosts)
    assert len(said) < 500


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_a_valkey_is_named_by_its_own_scheme(redis_place, scheme):
    place = {**redis_place, "URL": redis_place["URL"].replace("redis://", f"{scheme}://")}
    assert RedisStorage(**place).read(fresh_digest()) is None


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_tls_is_asked_for_by_the_scheme(scheme):
    storage = RedisStorage(URL=f"{scheme}://127.0.0.1:1", CONNECTION={"ssl_ca_certs": "/ca.pem"})
    pool = storage._clients.get().connection_pool
    assert issubclass(pool.connection_class, redis.SSLConnection)
    assert pool.connection_kwargs["ssl_ca_certs"] == "/ca.pem"


WITHOUT = """
import sys
sys.modules["redis"] = None
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "frontdesk"])
django.setup()
from frontdesk.errors import InvalidSetting
from frontdesk.storages.redis import RedisStorage
try:
    RedisStorage(URL="redis://127.0.0.1")
except InvalidSetting as error:
    print(error)
"""


def test_without_the_package_it_is_said_what_to_install():
    command = [sys.executable, "-c", WITHOUT]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "pip install 'django-frontdesk[redis]'" in said


# --- round trips --------------------------------------------------------------------------------------

HANDSHAKE = {"HELLO", "CLIENT", "SELECT", "PING", "AUTH"}


@pytest.fixture(scope="module")
def server():
    with servers.redis() as (victim, url, ready):
        yield victim, url, ready


@pytest.fixture
def sent(server):
    """Return a function that tells which commands reach the server while another one runs."""
    _, url, _ = server

    def commands(function):
        with redis.Redis.from_url(url) as client, client.monitor() as monitor:
            function()
            client.echo("that was all")
            until = iter(monitor.next_command, None)
            lines = itertools.takewhile(lambda line: line["command"] != "ECHO that was all", until)
            names = [line["command"].split()[0] for line in lines if line["client_type"] != "lua"]
            return [name for name in names if name not in HANDSHAKE]

    return commands


@pytest.fixture(params=["sync", "async"])
def private(request, server):
    """A caller of a storage on the server of these tests alone, whose scripts have all run once."""
    _, url, _ = server
    do = Caller(RedisStorage(URL=url, PREFIX=f"{fresh_digest()}:", TIMEOUT=20), request.param)
    record = insert(do, user_id="0")
    do("update", record.digest, Changes())
    do("remove", [record.digest])
    do("of_user", "0")
    do("remove_of_user", "0")
    do("remove_beyond", "0", 1)
    return do


def test_each_verb_is_one_command(private, sent):
    records = [insert(private, user_id="1") for _ in range(40)]
    one, two = records[:2]
    new = fresh_digest()
    changes = Changes(values={str(number): b"1" for number in range(50)}, last_seen=clock.now())
    verbs = {
        "read": ("read", one.digest),
        "unknown": ("read", fresh_digest()),
        "insert": ("insert", a_record(user_id="1")),
        "update": ("update", one.digest, changes),
        "rotate": ("rotate", one.digest, new, changes),
        "remove": ("remove", [two.digest]),
        "remove, by its former name": ("remove", [one.digest]),
        "list": ("of_user", "1"),
        "beyond": ("remove_beyond", "1", 20),
        "end all": ("remove_of_user", "1"),
        "purge": ("purge", clock.now(), 1000),
    }
    counted = {name: sent(lambda call=call: private(*call)) for name, call in verbs.items()}
    reads = {"read": ["HGETALL"], "unknown": ["HGETALL"], "purge": []}
    assert counted == {name: reads.get(name, ["EVALSHA"]) for name in verbs}


def test_what_is_no_digest_is_not_even_asked_for(private, sent):
    for name in ("", "a session", "A" * 64, "g" * 64, "0" * 63):
        assert sent(lambda name=name: private("read", name)) == []
        assert sent(lambda name=name: private("remove", [name], "1")) == []
        assert private("update", name, Changes()) is False
        assert private("rotate", fresh_digest(), name, Changes()) is False


def test_a_server_that_has_forgotten_the_scripts_is_told_them(private, server):
    with redis.Redis.from_url(server[1]) as client:
        client.script_flush()
    record = insert(private)
    with redis.Redis.from_url(server[1]) as client:
        client.script_flush()
    assert private("update", record.digest, Changes(values={"a": b"1"})) is True
    assert private("read", record.digest).version == 2


# --- what is kept -------------------------------------------------------------------------------------


def signed_in(**more):
    """A record such as most are: what login() keeps, and a usual browser."""
    values = {
        "_auth_user_id": b'"1"',
        "_auth_user_backend": b'"django.contrib.auth.backends.ModelBackend"',
        "_auth_user_hash": b'"' + fresh_digest().encode() + b'"',
    }
    browser = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/138.0.0.0 Safari/537.36"
    )
    usual = {"values": values, "user_id": "1", "ip": "192.0.2.200", "user_agent": browser}
    return a_record(authenticated=clock.now(), **{**usual, **more})


def test_the_record_of_somebody_who_is_signed_in_is_compact(storage, raw):
    """As long as it is, a session takes about as much memory as in Django's cache; see docs."""
    record = signed_in()
    storage.insert(record)
    (key,) = keys_of(raw, b"s")
    assert raw[0].object("encoding", key) == b"listpack"
    assert storage.read(record.digest) == record


def test_the_server_drops_a_session_when_it_expires(storage, raw):
    record = a_record(idle=SECOND // 5, user_id="1")
    storage.insert(record)
    time.sleep(0.3)
    assert keys_of(raw, b"s") == []


def test_a_session_that_is_seen_is_kept_longer(storage, raw):
    record = a_record(idle=HOUR)
    storage.insert(record)
    (key,) = keys_of(raw, b"s")
    raw[0].pexpire(key, 1000)
    storage.update(record.digest, Changes(last_seen=clock.now() + 1))
    assert 3_590_000 < raw[0].pttl(key) <= 3_601_000


def test_a_session_that_has_no_end_is_kept(storage, raw):
    record = a_record(idle=FOREVER, deadline=FOREVER, user_id="1")
    storage.insert(record)
    assert all(raw[0].pttl(key) > 10**14 for key in keys_of(raw))
    assert storage.read(record.digest) == record


def test_whatever_is_kept_goes_by_itself(do, raw):
    """Nothing needs a purge: records, memories of the ended and the index all expire."""
    one, two, three = (insert(do, user_id="1") for _ in range(3))
    do("rotate", one.digest, fresh_digest(), Changes())
    do("update", two.digest, Changes(values={"a": b"1"}))
    do("remove", [three.digest])
    assert len(keys_of(raw)) == 5
    assert all(raw[0].pttl(key) > 0 for key in keys_of(raw))


def test_the_index_outlives_the_sessions_in_it(storage, raw):
    for deadline in (DAY, 90 * DAY, DAY):
        storage.insert(a_record(user_id="1", idle=FOREVER, deadline=clock.now() + deadline))
    records, (index,) = keys_of(raw, b"s"), keys_of(raw, b"u")
    assert raw[0].pttl(index) > max(raw[0].pttl(key) for key in records)


def test_the_index_forgets_who_has_ended_moved_or_left(do, raw):
    one, two, three = (insert(do, user_id="1") for _ in range(3))
    do("remove", [one.digest])
    new = fresh_digest()
    do("rotate", two.digest, new, Changes())
    do("update", three.digest, Changes(user_id=None))
    (index,) = keys_of(raw, b"u")
    assert raw[0].zrange(index, 0, -1) == [bytes.fromhex(new)]


def test_the_index_never_grows_with_dead_sessions(storage, raw):
    """A thousand sign-ins of which nobody signs out: most have expired when the last ones come."""
    for number in range(1000):
        storage.insert(a_record(user_id="1", idle=20_000))
        if number % 100 == 99:
            time.sleep(0.03)
    (index,) = keys_of(raw, b"u")
    assert raw[0].zcard(index) < 300


def test_a_name_without_a_record_is_not_listed_and_does_not_count(do, raw):
    """What a server that has thrown out a record leaves."""
    lost, kept = insert(do, user_id="1"), insert(do, user_id="1")
    raw[0].delete(raw[1] + b"s" + bytes.fromhex(lost.digest))
    assert do("of_user", "1") == [kept]
    assert do("remove_beyond", "1", 1) == []
    assert do("remove_of_user", "1") == [kept.digest]


def test_users_that_share_a_part_of_the_index_have_lists_of_their_own(do, monkeypatch, raw):
    users = [str(number) for number in range(60)]
    one_part = [
        redis_scripts.Script(script.text.removeprefix(redis_scripts.HEAD))
        for script in (redis_scripts.insert, redis_scripts.of_user, redis_scripts.remove_of_user)
    ]
    for script in one_part:
        script.text = script.text.replace(f"% {redis_scripts.PARTS}", "% 1")
        script.text = script.text.replace("% 8388608", "% 4")  # and scores too
        script.sha = "0" * 40
    names = ("insert", "of_user", "remove_of_user")
    for name, script in zip(names, one_part, strict=True):
        monkeypatch.setattr(redis_scripts, name, script)
    records = {user: insert(do, user_id=user) for user in users}
    assert len(keys_of(raw, b"u")) == 1
    assert all(do("of_user", user) == [records[user]] for user in users)
    assert do("remove_of_user", "7") == [records["7"].digest]
    assert all(do("of_user", user) == [records[user]] for user in users if user != "7")


def test_a_damaged_record_is_neither_listed_nor_in_the_way_of_ending_the_others(do, raw, caplog):
    records = [insert(do, user_id="1") for _ in range(3)]
    names = [raw[1] + b"s" + bytes.fromhex(record.digest) for record in records]
    raw[0].set(names[0], "not a hash")
    raw[0].hset(names[1], "=cart", b"zdamaged")
    assert do("of_user", "1") == [records[2]]
    assert records[1].digest in caplog.text
    for record in records[:2]:
        with pytest.raises(UndecodableRecord, match=record.digest):
            do("read", record.digest)
    assert do("update", records[0].digest, Changes()) is False
    assert do("insert", records[0]) is False
    assert records[2].digest in do("remove_of_user", "1")


@pytest.mark.parametrize("field", ["c", "s", "i", "d", "v"])
@pytest.mark.parametrize("value", [None, "x", ""])
def test_a_record_without_one_of_its_facts_answers_nobody(do, raw, field, value):
    record = insert(do, user_id="1")
    key = raw[1] + b"s" + bytes.fromhex(record.digest)
    raw[0].hdel(key, field) if value is None else raw[0].hset(key, field, value)
    with pytest.raises(UndecodableRecord):
        do("read", record.digest)
    assert do("of_user", "1") == []


def test_arrivals_at_once_under_a_limit_are_counted_one_by_one(storage):
    assert arrive_at_once(storage, "1", limit=3, people=12, refuse=False) == 3
    assert arrive_at_once(storage, "2", limit=3, people=12, refuse=True) == 3


# --- the codec ----------------------------------------------------------------------------------------


@given(
    st.binary(max_size=200) | st.sampled_from([b"=", b"z", b"h", b"h00", b'"' + b"a" * 64 + b'"'])
)
def test_whatever_is_packed_comes_back(text):
    assert redis_codec.unpacked(redis_codec.packed(text)) == text


@given(st.text(max_size=30) | st.ip_addresses().map(str) | st.from_regex(r"[0-9.]{0,15}"))
def test_whatever_stands_for_an_address_comes_back(ip):
    record = a_record(ip=ip)
    fields = {
        field: str(value).encode() if isinstance(value, int) else value
        for field, value in redis_codec.encode(record).items()
    }
    assert redis_codec.decode(record.digest, fields) == record


def test_what_was_packed_by_an_earlier_release_is_still_read():
    """The dictionary is part of what is stored: whoever changes it signs everybody out."""
    packed = bytes.fromhex(PACKED)
    assert redis_codec.unpacked(packed) == b'"django.contrib.auth.backends.ModelBackend"'


PACKED = "7a23412900"


# --- clients ------------------------------------------------------------------------------------------


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

"""What is the Redis storage's own: its round trips, its keys, what they hold."""

import itertools
import time

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from frontdesk import clock
from frontdesk.clock import DAY, SECOND
from frontdesk.errors import UndecodableRecord
from frontdesk.storages import redis_codec, redis_scripts
from frontdesk.storages.record import FOREVER, Changes
from frontdesk.storages.redis import RedisStorage
from frontdesk.testing.conformance.crowds import arrive_at_once
from frontdesk.testing.conformance.ground import HOUR, Caller, a_record, fresh_digest, insert
from tests.processes import servers

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


# --- round trips ------------------------------------------------------------------------------------

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


# --- what is kept -----------------------------------------------------------------------------------


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


# --- the codec --------------------------------------------------------------------------------------


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

"""What is the Redis storage's own on a Cluster: its options, its round trips, its index, its redirections."""

import asyncio
import re
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from asgiref.sync import async_to_sync

from frontdesk import clock
from frontdesk.errors import InvalidSetting, StorageUnavailable, UndecodableRecord
from frontdesk.storages import redis_cluster_scripts as scripts
from frontdesk.storages.record import FOREVER, Changes, Ended
from frontdesk.storages.redis import RedisStorage
from frontdesk.storages.redis_cluster_steps import Steps, entries_in
from frontdesk.testing.conformance.crowds import arrive_at_once
from frontdesk.testing.conformance.ground import Caller, a_record, fresh_digest, insert
from tests import services
from tests.interleavings.stepwise import stepwise

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def storage(cluster_place):
    return RedisStorage(**cluster_place)


@pytest.fixture
def raw(cluster_house):
    """A client that finds each key, by redis-py's own way."""
    with redis.RedisCluster(host="127.0.0.1", port=cluster_house.primaries[0].port) as client:
        yield client


def session(do, digest):
    return do.storage._commands.steps.session(bytes.fromhex(digest))


def place(do, user="1"):
    return do.storage._commands.steps.place(user.encode())


def entries(do, raw, user="1"):
    """What the index has of a user."""
    where = place(do, user)
    first = where.number * scripts.SPAN
    found = raw.zrangebyscore(where.part, first, first + scripts.SPAN - 1, withscores=True)
    return entries_in([word for member, score in found for word in (member, int(score))])


def names(do, raw, user="1"):
    return {entry.member.hex() for entry in entries(do, raw, user)}


def age(do, raw, seconds, user="1"):
    """Let the names of a user be that much older."""
    for entry in entries(do, raw, user):
        raw.zadd(place(do, user).part, {entry.member: entry.score - seconds})


# --- options ------------------------------------------------------------------------------------------

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


# --- round trips --------------------------------------------------------------------------------------


@pytest.fixture
def rounds(do, monkeypatch):
    """Return a function that tells how many steps go in each round while a verb runs."""
    fleet, sent = do.storage._servers._fleet, []
    send, asend = fleet.send, fleet.asend
    monkeypatch.setattr(fleet, "send", lambda batches: noted(batches) or send(batches))
    monkeypatch.setattr(fleet, "asend", lambda batches: noted(batches) or asend(batches))

    def noted(batches):
        sent.append(sum(len(each) for _, each in batches))

    def counted(verb, *args):
        sent.clear()
        do(verb, *args)
        return list(sent)

    return counted


@pytest.fixture
def warm(do):
    """Each script has run once on each server."""
    for _ in range(12):
        record, new = insert(do, user_id="0"), fresh_digest()
        do("update", record.digest, Changes())
        do("rotate", record.digest, new, Changes())
        do("of_user", "0")
        do("remove_beyond", "0", 0)
    for user in range(200, 240):
        insert(do, user_id=str(user))
        insert(do, user_id=str(user))
        do("remove_beyond", str(user), 1)
        do("rotate", do("of_user", str(user))[0].digest, fresh_digest(), Changes())
        do("remove_of_user", str(user))
        do("of_user", str(user))


def test_the_rounds_of_each_verb(do, warm, rounds):
    one, two, three = (insert(do, user_id="1") for _ in range(3))
    changes = Changes(values={"a": b"1"}, last_seen=clock.now())
    assert rounds("read", one.digest) == [1]
    assert rounds("read", fresh_digest()) == [1]
    assert rounds("update", one.digest, changes) == [1]
    assert rounds("insert", a_record()) == [1]
    assert rounds("remove", [one.digest]) == [1]
    assert rounds("remove", [two.digest, three.digest]) == [2]
    assert rounds("purge", clock.now(), 100) == []
    assert rounds("insert", a_record(user_id="2")) == [1, 1]
    two_of_them = [insert(do, user_id="3"), insert(do)]
    new = fresh_digest()
    assert rounds("rotate", two_of_them[0].digest, new, changes) == [1, 2, 1, 2]
    assert rounds("rotate", two_of_them[1].digest, fresh_digest(), changes) == [1, 1, 1, 1]
    assert rounds("remove", [two_of_them[0].digest]) == [1, 1]
    signs_in = Changes(user_id="4", deadline=clock.now() + clock.DAY)
    assert rounds("update", insert(do).digest, signs_in) == [1, 1, 1]


@pytest.mark.parametrize("sessions", [1, 200])
def test_lists_and_ends_take_two_rounds_whatever_the_number_of_sessions(do, warm, rounds, sessions):
    for _ in range(sessions):
        insert(do, user_id="5")
    assert rounds("of_user", "5") == [1, sessions]
    assert rounds("remove_beyond", "5", sessions) == [1, sessions]
    assert rounds("remove_of_user", "5") == [1, sessions]
    assert rounds("of_user", "6") == [1]
    assert do("of_user", "5") == []


def test_what_is_no_digest_is_not_even_asked_for(do, rounds):
    for name in ("", "a session", "A" * 64, "g" * 64, "0" * 63):
        assert rounds("read", name) == []
        assert rounds("remove", [name], "1") == []
        assert do("update", name, Changes()) is False
        assert do("rotate", fresh_digest(), name, Changes()) is False
    with pytest.raises(ValueError, match="64"):
        do("insert", a_record(digest="a session"))


def test_servers_that_have_forgotten_the_scripts_are_told_them(do, cluster_house):
    for _ in range(2):
        for node in cluster_house.primaries:
            node.ask("SCRIPT", "FLUSH")
        record = insert(do, user_id="1")
        assert do("update", record.digest, Changes(values={"a": b"1"})) is True
        assert do("read", record.digest).version == 2
    assert len(do("of_user", "1")) == 2


# --- the index ----------------------------------------------------------------------------------------


def test_names_of_those_that_have_ended_go_when_they_are_listed(do, raw):
    kept, *gone = [insert(do, user_id="1") for _ in range(4)]
    do("remove", [record.digest for record in gone])
    assert len(names(do, raw)) == 4
    assert do("of_user", "1") == [kept]
    assert names(do, raw) == {kept.digest}


def test_names_of_those_that_have_expired_go_when_they_are_listed(do, raw):
    kept, lost = insert(do, user_id="1"), insert(do, user_id="1")
    raw.delete(session(do, lost.digest))
    assert do("of_user", "1") == [kept]
    assert len(names(do, raw)) == 2, "it may be on its way"
    age(do, raw, scripts.UNBORN + 1)
    assert do("of_user", "1") == [kept]
    assert names(do, raw) == {kept.digest}


def test_names_of_sessions_that_are_somebody_elses_by_now_go_when_they_are_listed(do, raw):
    record = insert(do, user_id="1")
    do("update", record.digest, Changes(user_id="2"))
    age(do, raw, scripts.UNBORN + 1)
    assert do("of_user", "1") == []
    assert names(do, raw) == set()
    assert [found.digest for found in do("of_user", "2")] == [record.digest]


def test_a_name_that_was_added_again_since_it_was_looked_at_stays(do, raw):
    record = insert(do, user_id="1")
    age(do, raw, scripts.UNBORN + 1)
    steps, where = do.storage._commands.steps, place(do)
    drop = steps.drop(where, entries(do, raw))
    raw.zadd(where.part, {bytes.fromhex(record.digest): entries(do, raw)[0].score + 1})
    raw.execute_command("EVAL", drop.script.text, 1, drop.key, *drop.words)
    assert names(do, raw) == {record.digest}


def test_sign_ins_rid_the_index_of_the_dead(do, raw):
    """Whoever signs in and out all day, and never looks at a list, leaves no names behind."""
    for _ in range(60):
        do("remove", [insert(do, user_id="1").digest])
    assert len(names(do, raw)) < 15


def test_a_rotation_leaves_one_name(do, raw):
    digest = insert(do, user_id="1").digest
    for _ in range(4):
        new = fresh_digest()
        assert do("rotate", digest, new, Changes()) is True
        digest = new
    assert names(do, raw) == {digest}
    assert [record.digest for record in do("of_user", "1")] == [digest]


def test_an_index_lives_as_long_as_what_it_names(do, raw):
    insert(do, user_id="1", deadline=clock.now() + 5 * clock.DAY)
    first = raw.pttl(place(do).part)
    insert(do, user_id="1", deadline=clock.now() + clock.DAY)
    assert raw.pttl(place(do).part) <= first
    record = insert(do, user_id="1")
    do("update", record.digest, Changes(deadline=FOREVER))
    assert raw.pttl(place(do).part) > 10**14


def test_a_record_that_comes_too_late_for_its_name_is_refused(do, raw):
    """Its name may have been dropped meanwhile; the verb then begins again."""
    record = a_record(user_id="1")
    steps = do.storage._commands.steps
    now = int(raw.time(target_nodes=raw.get_random_node())[0]) - scripts.EPOCH
    name = bytes.fromhex(record.digest)
    for stamp, answer in ((now - scripts.LATE - 5, -3), (now - scripts.LATE + 20, 1)):
        step = steps.insert(name, stamp, record)
        assert raw.execute_command("EVAL", step.script.text, 1, step.key, *step.words) == answer


def test_a_process_that_was_held_up_begins_again(do, raw, monkeypatch):
    """Its change finds that it is late, and it adds the name once more."""
    lookup, delays = do.storage._commands._lookup, [scripts.LATE + 5]
    entered = lookup.entered

    def held_up(*args):
        stamp, others = yield from entered(*args)
        return stamp - (delays.pop() if delays else 0), others

    monkeypatch.setattr(lookup, "entered", held_up)
    record = insert(do, user_id="1")
    assert do("of_user", "1") == [record]
    delays.append(scripts.LATE + 5)
    assert do("update", record.digest, Changes(user_id="2")) is True
    assert [found.digest for found in do("of_user", "2")] == [record.digest]


def test_a_damaged_record_is_neither_listed_nor_in_the_way_of_ending_the_others(do, raw, caplog):
    records = [insert(do, user_id="1") for _ in range(3)]
    raw.delete(session(do, records[0].digest))
    raw.set(session(do, records[0].digest), "not a hash")
    raw.hset(session(do, records[1].digest), "=cart", b"zdamaged")
    assert do("of_user", "1") == [records[2]]
    assert records[1].digest in caplog.text
    for record in records[:2]:
        with pytest.raises(UndecodableRecord, match=record.digest):
            do("read", record.digest)
    assert do("update", records[0].digest, Changes()) is False
    assert do("rotate", records[0].digest, fresh_digest(), Changes()) is False
    assert do("insert", records[0]) is False
    assert do("remove_beyond", "1", 2) == []
    assert records[2].digest in do("remove_of_user", "1")


def test_arrivals_at_once_under_a_limit_are_counted_one_by_one(storage):
    assert arrive_at_once(storage, "1", limit=3, people=12, refuse=False) == 3
    assert arrive_at_once(storage, "2", limit=3, people=12, refuse=True) == 3


# --- a process that dies between two steps --------------------------------------------------------------


@pytest.fixture
def lone():
    """A storage whose process can be let die before any step."""
    with stepwise() as make:
        yield make()


def state(found):
    return "ended" if isinstance(found, Ended) else None if found is None else "live"


@pytest.mark.parametrize("user", ["1", None], ids=["somebody", "nobody"])
@pytest.mark.parametrize("script", ["arrive", "leave", "settle"])
def test_a_rotation_that_dies_has_happened_or_has_not(lone, script, user):
    old, new = a_record(user_id=user), fresh_digest()
    lone.insert(old)
    with lone.dying_before(getattr(scripts, script)):
        lone.rotate(old.digest, new, Changes(values={"a": b"1"}))
    happened = script == "settle"
    where, nowhere = (new, old.digest) if happened else (old.digest, new)
    assert state(lone.read(where)) == "live"
    assert state(lone.read(nowhere)) == ("ended" if happened else None)
    if user:
        assert [record.digest for record in lone.of_user(user)] == [where]
        assert lone.remove_beyond(user, 1) == []
    assert lone.update(where, Changes(values={"b": b"2"})) is True
    assert lone.read(where).values["b"] == b"2"
    if user:
        assert lone.remove_of_user(user) == [where]
    else:
        assert lone.remove([old.digest]) == [where]
    assert state(lone.read(where)) == "ended"


def test_a_rotation_can_be_tried_again_after_one_that_died(lone):
    old, new = a_record(user_id="1"), fresh_digest()
    lone.insert(old)
    with lone.dying_before(scripts.leave):
        lone.rotate(old.digest, fresh_digest(), Changes())
    assert lone.rotate(old.digest, new, Changes()) is True
    assert [record.digest for record in lone.of_user("1")] == [new]


def test_who_writes_to_a_session_that_has_moved_tells_it_so(lone):
    old, new = a_record(), fresh_digest()
    lone.insert(old)
    with lone.dying_before(scripts.settle):
        lone.rotate(old.digest, new, Changes())
    assert lone.update(new, Changes()) is True
    lone.servers._sent(("UNLINK", lone._commands.steps.session(bytes.fromhex(old.digest))))
    assert state(lone.read(new)) == "live"


def test_a_sign_in_that_dies_leaves_a_name_and_no_session(lone):
    record = a_record(user_id="1")
    with lone.dying_before(scripts.insert):
        lone.insert(record)
    assert lone.read(record.digest) is None
    assert lone.of_user("1") == []
    assert lone.insert(record) is True
    assert lone.of_user("1") == [record]


def test_whom_somebody_who_died_has_chosen_to_end_is_ended_by_the_next(lone):
    records = [a_record(user_id="1", last_seen=clock.now() + number) for number in range(3)]
    for record in records:
        lone.insert(record)
    with lone.dying_before(scripts.end):
        lone.remove_beyond("1", 2)
    assert len(lone.of_user("1")) == 3
    assert lone.remove_beyond("1", 2) == [records[0].digest]
    assert len(lone.of_user("1")) == 2


# --- keys that move to another server -------------------------------------------------------------------


@contextmanager
def migrating(house, key):
    """Move the slot of a key to another server, step by step; yields what goes on with the next one."""
    source = house.owner(key)
    target = next(node for node in house.primaries if node is not source)
    slot = source.ask("CLUSTER", "KEYSLOT", key)

    def moved():
        for name in source.ask_raw("CLUSTER", "GETKEYSINSLOT", slot, 1000):
            source.ask_raw("MIGRATE", "127.0.0.1", target.named, name, 0, 5000)

    def settled(owner):
        for node in [owner, *(each for each in house.primaries if each is not owner)]:
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", owner.id)

    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
    try:
        yield moved, lambda: settled(target)
    finally:
        moved()
        settled(target)
        source, target = target, source
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        moved()
        settled(target)


def test_a_session_is_followed_to_another_server_while_it_moves_there(do, cluster_house):
    record = insert(do, user_id="1")
    stay = [insert(do, user_id="1") for _ in range(3)]
    expected = 1
    with migrating(cluster_house, session(do, record.digest)) as (moved, settled):
        for step in (lambda: None, moved, settled, lambda: None):
            step()
            assert do("read", record.digest).version == expected
            assert do("update", record.digest, Changes(values={"a": b"1"})) is True
            expected += 1
            assert do("read", record.digest).version == expected
            assert len(do("of_user", "1")) == 4
        new = fresh_digest()
        assert do("rotate", record.digest, new, Changes()) is True
        assert do("remove", [record.digest]) == [new]
    assert do("read", new) is None or isinstance(do("read", new), Ended)
    assert len(do("of_user", "1")) == len(stay)


def test_an_index_is_followed_to_another_server_while_it_moves_there(do, cluster_house):
    records = [insert(do, user_id="1")]
    with migrating(cluster_house, place(do).part) as (moved, settled):
        for step in (lambda: None, moved, settled, lambda: None):
            step()
            records.append(insert(do, user_id="1"))
            assert len(do("of_user", "1")) == len(records)
        assert len(do("remove_beyond", "1", 2)) == len(records) - 2
    assert len(do("remove_of_user", "1")) == 2


def test_a_session_begins_in_a_slot_that_is_moving(do, cluster_house):
    record = a_record(user_id="1")
    with migrating(cluster_house, session(do, record.digest)) as (_, settled):
        assert do("insert", record) is True
        assert do("read", record.digest) == record
        settled()
        assert do("read", record.digest) == record


# --- clients --------------------------------------------------------------------------------------------


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

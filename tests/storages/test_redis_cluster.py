"""What is the Redis storage's own on a Cluster: its round trips and its index."""

import pytest
import redis

from frontdesk import clock
from frontdesk.errors import UndecodableRecord
from frontdesk.storages import redis_cluster_scripts as scripts
from frontdesk.storages.record import FOREVER, Changes
from frontdesk.storages.redis import RedisStorage
from frontdesk.storages.redis_cluster_steps import entries_in
from frontdesk.testing.conformance.crowds import arrive_at_once
from frontdesk.testing.conformance.ground import a_record, fresh_digest, insert
from tests.storages.on_cluster import place, session

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def storage(cluster_place):
    return RedisStorage(**cluster_place)


@pytest.fixture
def raw(cluster_house):
    """A client that finds each key, by redis-py's own way."""
    with redis.RedisCluster(host="127.0.0.1", port=cluster_house.primaries[0].port) as client:
        yield client


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


# --- round trips ------------------------------------------------------------------------------------


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


# --- the index --------------------------------------------------------------------------------------


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

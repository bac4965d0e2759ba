"""The Redis storage on a Cluster, where a process dies between two steps, or keys move to another server."""

import pytest

from frontdesk import clock
from frontdesk.storages import redis_cluster_scripts as scripts
from frontdesk.storages.record import Changes, Ended
from frontdesk.storages.redis import RedisStorage
from frontdesk.testing.conformance.ground import a_record, fresh_digest, insert
from tests.interleavings.stepwise import stepwise
from tests.storages.on_cluster import migrating, place, session

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def storage(cluster_place):
    return RedisStorage(**cluster_place)


# --- a process that dies between two steps ----------------------------------------------------------


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


# --- keys that move to another server ---------------------------------------------------------------


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

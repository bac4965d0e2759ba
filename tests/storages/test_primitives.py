"""What every storage promises, on each place, by sync and async calls.

The orders of concurrent operations are explored on the flows themselves, see tests/interleavings. Here the
primitives of each place are shown to be what those flows rely on.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import close_caches
from django.db import connections

from frontdesk.core import clock
from frontdesk.core import record as records
from frontdesk.core.flow import Call, arun, run
from frontdesk.core.keys import Key
from frontdesk.core.record import GRACE, Former, Record
from frontdesk.errors import Contention, StorageUnavailable
from frontdesk.storages.base import Scans
from frontdesk.storages.database import DatabaseStorage
from frontdesk.testing import Clock
from tests.storages import places
from tests.storages.conftest import Do

HOUR = 60 * clock.MINUTE


def a_record(user_id="1", **fields) -> Record:
    """Return a new session."""
    key, now = Key.new(), clock.now()
    usual = {
        "id": key.id,
        "secret": key.digest,
        "user_id": user_id,
        "created": now,
        "last_seen": now,
        "idle": HOUR,
        "deadline": now + clock.DAY,
    }
    return Record(**{**usual, **fields})


def after(record, **changes) -> Record:
    """Return what one write makes of ``record``."""
    return replace(record, version=record.version + 1, **changes)


def ended(record, ago=0) -> Record:
    return after(records.end(record, clock.now() - ago))


@pytest.fixture
def live(do) -> Record:
    """A session that is stored."""
    record = a_record(values={"cart": b"[1]"})
    assert do(do.storage.insert(record))
    return record


def ids(found) -> set[str]:
    return {record.id for record in found}


# Load and swap.


def test_a_session_is_read_as_it_was_stored(do):
    record = a_record(
        values={"cart": b"[1]", "": b"", "\u00e9\U0001f6d2": bytes(range(256))},
        former={"f" * 64: Former(clock.now() + GRACE, "1"), "e" * 64: Former(clock.now(), None)},
        authenticated=clock.now(),
        ip="2001:db8::1",
        user_agent="Mozilla/5.0 (\u00e9; \U0001f6d2)" + "x" * 200,
    )
    do(do.storage.insert(record))
    assert do(do.storage.read(record.id)) == record


def test_a_session_without_limits_is_read_as_it_was_stored(do):
    record = a_record(idle=30 * clock.DAY, deadline=records.FOREVER)
    do(do.storage.insert(record))
    assert do(do.storage.read(record.id)) == record
    assert record.id in do.ids_of("1")


def test_a_large_value_is_stored(do, live):
    value = b"x" * 500_000
    changed = do(do.storage.change(live, lambda found: replace(found, values={"large": value})))
    assert do(do.storage.read(live.id)) == changed
    assert changed.values["large"] == value


def test_thousands_of_keys_change_and_go_in_one_write(do, live):
    """MariaDB fails when one statement removes some hundred keys of a JSON document by their names."""
    many = {f"key {number}": b"1" for number in range(4000)}
    filled = do(do.storage.change(live, lambda found: replace(found, values=many)))
    left = {"key 7": b"2"}
    do(do.storage.change(filled, lambda found: replace(found, values=left)))
    assert do(do.storage.read(live.id)).values == left


def test_unknown_ids_are_left_out(do, live):
    assert ids(do.load([Key.new().id, live.id, Key.new().id])) == {live.id}
    assert do(do.storage.read(Key.new().id)) is None
    assert do.load([]) == []


@pytest.mark.parametrize("id", ["", "../../locks", "s-x", "\u00e9" * 15, "a b", "x" * 400, "%s\n"])
def test_a_malformed_id_is_unknown(do, id):
    assert do.load([id]) == []


def test_many_sessions_are_loaded_at_once(do):
    anonymous = [a_record(user_id=None) for _ in range(1200)]
    assert do.swap([(None, record) for record in anonymous]) == [True] * 1200
    assert ids(do.load([record.id for record in anonymous])) == ids(anonymous)


def test_an_insert_never_overwrites(do, live):
    assert not do(do.storage.insert(replace(live, values={}, user_id="2")))
    assert do(do.storage.read(live.id)) == live


def test_a_swap_needs_the_version_that_it_was_made_from(do, live):
    second = after(live, ip="192.0.2.1")
    assert do.swap([(live, second)]) == [True]
    assert do.swap([(live, after(live, ip="192.0.2.2"))]) == [False]
    assert do.load([live.id]) == [second]


def test_a_swap_does_not_create_a_missing_session(do):
    missing = a_record()
    assert do.swap([(missing, after(missing))]) == [False]
    assert do.load([missing.id]) == []


def test_each_swap_of_several_is_decided_by_itself(do, live):
    other, new, missing = a_record(), a_record(), a_record()
    do(do.storage.insert(other))
    swaps = [
        (missing, after(missing)),
        (live, after(live)),
        (after(other), after(after(other))),
        (None, new),
        (None, other),
    ]
    assert do.swap(swaps) == [False, True, False, True, False]
    assert {each.id: each.version for each in do.load([live.id, other.id, new.id])} == {
        live.id: 2,
        other.id: 1,
        new.id: 1,
    }


def test_an_expired_session_is_not_read(do, live):
    past = after(live, deadline=clock.now() - 1)
    assert do.swap([(live, past)]) == [True]
    assert do(do.storage.read(live.id)) is None
    assert do(do.storage.of_user("1")) == []


def test_an_expired_session_is_not_made_live_again(do, live, place):
    past = after(live, deadline=clock.now() - clock.SECOND)
    assert do.swap([(live, past)]) == [True]
    # Servers keep it for at least a millisecond, and memcached until the second after the next one.
    time.sleep(2.1 if place.name == "memcached" else 0.01)
    renewed = after(past, deadline=clock.now() + HOUR)
    assert do.swap([(past, renewed)]) == [False]
    assert do(do.storage.read(live.id)) is None


# Changes and ends.


def test_a_late_change_is_made_on_what_is_stored(do, live):
    do(do.storage.change(live, lambda found: replace(found, values={**found.values, "a": b"1"})))
    done = do(
        do.storage.change(live, lambda found: replace(found, values={**found.values, "b": b"2"}))
    )
    assert done.values == {"cart": b"[1]", "a": b"1", "b": b"2"}
    assert do(do.storage.read(live.id)) == done


def test_ending_returns_the_session_as_it_was(do, live):
    assert do(do.storage.end([live.id, Key.new().id, live.id])) == [live]
    assert do(do.storage.end([live.id])) == []


def test_an_ended_session_is_remembered_without_its_content(do, live):
    do(do.storage.end([live.id]))
    left = do(do.storage.read(live.id))
    assert (left.secret, left.user_id, left.values) == (live.secret, None, {})
    assert left.ended is not None


def test_an_ended_session_stays_ended(do, live):
    do(do.storage.end([live.id]))
    assert do(do.storage.change(live, lambda found: replace(found, ip="::1"))) is None
    assert not do(do.storage.insert(live))
    assert do.swap([(live, after(live))]) == [False]
    assert not do(do.storage.read(live.id)).is_live(clock.now())


def test_a_late_write_fails_after_the_end_was_forgotten(do, live):
    assert do.swap([(live, ended(live, ago=GRACE))]) == [True]
    _forget(do, [live.id])
    assert do(do.storage.change(live, lambda found: replace(found, ip="::1"))) is None
    assert do.swap([(live, after(live))]) == [False]
    assert do.load([live.id]) == []


def _forget(do, ids) -> list[Record]:
    """Return what was purged, when the place has deleted all that had expired."""
    purged = []

    def is_gone():
        purged.extend(do(do.storage.expire(clock.now(), 100)))
        return not do.load(ids)

    places.until(is_gone)
    return purged


def test_only_the_owner_ends_a_session(do, live):
    assert do(do.storage.end([live.id], "2")) == []
    assert do(do.storage.end([live.id], None)) == []
    assert do(do.storage.end([live.id], "1")) == [live]


def test_all_sessions_of_a_user_end_except_those_to_keep(do, live):
    second, third, other = a_record(), a_record(), a_record(user_id="2")
    for record in (second, third, other):
        do(do.storage.insert(record))
    assert ids(do(do.storage.end_of_user("1", keep=[second.id]))) == {live.id, third.id}
    assert ids(do(do.storage.of_user("1"))) == {second.id}
    assert ids(do(do.storage.of_user("2"))) == {other.id}


# The sessions of a user.


@pytest.mark.parametrize(
    "user_id", ["", "-1", "a b", "\u00e9\U0001f6d2", "%_*?[a]\\", "x" * 255, "1\n2"]
)
def test_a_user_id_may_be_any_text(place, do, user_id):
    if not place.text_ids:
        pytest.skip("a database knows the type of the user model's key")
    record = a_record(user_id=user_id)
    do(do.storage.insert(record))
    assert record.id in do.ids_of(user_id)
    assert ids(do(do.storage.of_user(user_id))) == {record.id}


def test_users_are_told_apart(place, do):
    user_ids = ("1", "11", *(("a", "A", "a ", "\u00e4") if place.text_ids else ()))
    for user_id in user_ids:
        do(do.storage.insert(a_record(user_id=user_id)))
    for user_id in user_ids:
        assert [each.user_id for each in do(do.storage.of_user(user_id))] == [user_id]


def test_the_session_used_last_is_listed_first(do):
    now = clock.now()
    stored = [a_record(last_seen=now - age * clock.MINUTE) for age in (2, 0, 1)]
    for record in stored:
        do(do.storage.insert(record))
    listed = [each.id for each in do(do.storage.of_user("1"))]
    assert listed == [stored[1].id, stored[2].id, stored[0].id]


def test_signing_in_lists_a_session_that_was_nobodys(do):
    anonymous = a_record(user_id=None)
    do(do.storage.insert(anonymous))
    do(do.storage.change(anonymous, lambda found: replace(found, user_id="1")))
    assert ids(do(do.storage.of_user("1"))) == {anonymous.id}


def test_another_user_of_a_session_takes_it_along(do, live):
    do(do.storage.change(live, lambda found: replace(found, user_id="2")))
    assert do(do.storage.of_user("1")) == []
    assert ids(do(do.storage.of_user("2"))) == {live.id}


def test_a_session_is_listed_for_as_long_as_it_may_last(do, live):
    """A later deadline counts. An earlier one does not, as another write may be under way."""
    if isinstance(do.storage, DatabaseStorage):
        pytest.skip("a database lists rows, which have no deadline of their own in a list")
    with Clock() as now:
        longer = after(live, deadline=live.deadline + clock.DAY)
        assert do.swap([(live, longer)]) == [True]
        assert do.swap([(longer, after(longer, deadline=live.deadline))]) == [True]
        now.advance(timedelta(days=1, hours=23))
        do(do.storage.insert(a_record()))
        assert live.id in do.ids_of("1")


def test_a_crowd_of_sessions_is_listed(do):
    stored = []
    for number in range(150):
        stored.append(a_record())
        do(do.storage.insert(stored[-1]))
        if number % 2:
            do(do.storage.end([stored.pop().id]))
    assert ids(do(do.storage.of_user("1"))) == ids(stored)
    assert len(do.ids_of("1")) < 150


# At the same time.


def test_of_changes_at_the_same_time_none_is_lost(do, live, mode):
    def count(found):
        return replace(found, values={"n": b"%d" % (int(found.values.get("n", 0)) + 1)})

    _together(do, mode, [lambda: do.storage.change(live, count)] * 24)
    assert do(do.storage.read(live.id)).values == {"n": b"24"}


def test_of_inserts_at_the_same_time_one_succeeds(do, mode):
    record = a_record()
    same = [replace(record, ip=f"192.0.2.{number}") for number in range(8)]
    done = _together(do, mode, [lambda each=each: do.storage.insert(each) for each in same])
    assert done.count(True) == 1
    assert do(do.storage.read(record.id)) == same[done.index(True)]


def test_sign_ins_at_the_same_time_are_all_listed(do, mode):
    stored = [a_record() for _ in range(16)]
    _together(do, mode, [lambda each=each: do.storage.insert(each) for each in stored])
    assert ids(do(do.storage.of_user("1"))) == ids(stored)


def _together(do, mode, flows) -> list[object]:
    """Run flows at the same time: in threads, or in tasks of one event loop."""
    if mode == "sync":
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(_in_thread, flows))
    return do(_gather(flows))


def _in_thread(flow) -> object:
    try:
        return run(flow())
    finally:
        close_caches()
        connections.close_all()


def _gather(flows):
    return (yield Call(Tasks(flows), "run"))


class Tasks:
    def __init__(self, flows) -> None:
        self._flows = flows

    async def arun(self) -> list[object]:
        return await asyncio.gather(*(arun(flow()) for flow in self._flows))


# Purging and going through all.


def test_purging_returns_what_had_expired_and_leaves_the_rest(do, live):
    gone = [a_record(user_id=user, deadline=clock.now() - 1) for user in ("1", None, "2")]
    for record in gone:
        do(do.storage.insert(record))
    purged = _forget(do, [record.id for record in gone])
    assert ids(purged) in (ids(gone), set())  # a server deletes by itself, and does not say what
    assert do.load([live.id]) == [live]
    assert do(do.storage.expire(clock.now(), 100)) == []


def test_a_purge_has_a_limit(do):
    gone = [a_record(user_id=None, deadline=clock.now() - 1) for _ in range(10)]
    assert do.swap([(None, record) for record in gone]) == [True] * 10
    found = [do(do.storage.expire(clock.now(), 4)) for _ in range(4)]
    assert [len(each) for each in found] in ([4, 4, 2, 0], [0, 0, 0, 0])


@pytest.mark.parametrize(
    "place", places.each([each for each in places.PLACES if each.scans]), indirect=True
)
def test_all_live_sessions_are_scanned_in_order(do, live):
    stored = [live, *(a_record(user_id=None) for _ in range(20))]
    do.swap([(None, record) for record in stored[1:]])
    do(do.storage.end([stored.pop().id]))
    do.swap([(None, a_record(user_id=None, deadline=clock.now() - 1))])
    names = sorted(record.id for record in stored)
    assert [each.id for each in do.storage.scan()] == names
    assert [each.id for each in do.storage.scan(names[7])] == names[8:]
    assert do.storage.count_expired(clock.now()) in (0, 1)


def test_a_storage_has_the_ability_to_scan_or_not(place, storage):
    assert isinstance(storage, Scans) is place.scans


# Outages.


@pytest.mark.parametrize(
    "place", places.each([each for each in places.PLACES if each.away]), indirect=True
)
def test_a_place_that_cannot_be_reached_is_unavailable(place, mode):
    with place.away() as storage, Do(storage, mode) as do:
        for act in (
            lambda: do.load([Key.new().id]),
            lambda: do.swap([(None, a_record())]),
            lambda: do.ids_of("1"),
        ):
            with pytest.raises(StorageUnavailable) as raised:
                act()
            assert not isinstance(raised.value, Contention)
            assert raised.value.__cause__ is not None

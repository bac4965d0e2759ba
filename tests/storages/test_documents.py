"""What documents promise, on a place in memory: the index of a user, and what is damaged."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from frontdesk.core import clock
from frontdesk.core.flow import run
from frontdesk.errors import UndecodableRecord
from frontdesk.storages.base import BATCH
from frontdesk.storages.documents import (
    SESSION,
    DocumentStorage,
    index_name,
    version_in,
)
from frontdesk.testing import Clock
from tests.storages.test_primitives import a_record, ids


class Documents(DocumentStorage):
    """Documents in a dictionary."""

    def __init__(self):
        super().__init__()
        self.there = {}

    def get(self, names):
        return {name: self.there[name] for name in names if name in self.there}

    def cas(self, writes):
        return [self._write(write) for write in writes]

    def _write(self, write):
        if version_in(self.there.get(write.name)) != write.version:
            return False
        self.there[write.name] = write.data
        return True


@pytest.fixture
def storage():
    return Documents()


def steps(storage, swaps):
    """Yield before each step of a swap."""
    flow = storage._swap_documents(swaps)
    call = next(flow)
    while True:
        yield
        try:
            call = flow.send(getattr(call.target, call.name)(*call.args))
        except StopIteration:
            return


def test_a_session_is_never_a_users_without_being_listed(storage):
    record = a_record()
    for _ in steps(storage, [(None, record)]):
        assert not (storage.load([record.id]) and record.id not in storage.ids_of("1"))
    assert storage.load([record.id]) == [record]
    assert storage.ids_of("1") == [record.id]


def test_a_name_stays_listed_while_its_session_is_being_stored(storage):
    record = a_record()
    insert = steps(storage, [(None, record)])
    while not storage.ids_of("1"):
        next(insert)
    for _ in range(130):
        each = a_record()
        run(storage.insert(each))
        run(storage.end([each.id]))
    assert len(storage.ids_of("1")) < 70
    assert list(insert) is not None
    assert ids(run(storage.of_user("1"))) == {record.id}


def test_a_sign_in_that_stopped_until_its_name_was_gone_fails(storage):
    record = a_record()
    insert = steps(storage, [(None, record)])
    while not storage.ids_of("1"):
        next(insert)
    del storage.there[SESSION + record.id]  # a minute later
    assert list(insert) is not None
    assert storage.load([record.id]) == []


def test_use_lists_a_session_again_whose_index_was_evicted(storage):
    with Clock() as now:
        record = a_record()
        run(storage.insert(record))
        del storage.there[index_name("1")]
        now.advance(timedelta(minutes=1))
        run(storage.change(record, lambda found: replace(found, last_seen=clock.now())))
    assert storage.ids_of("1") == [record.id]


def test_an_index_that_began_anew_is_not_mistaken_for_the_old_one(storage):
    """A process has read the index, and stops while it is evicted and begun anew."""
    run(storage.insert(a_record()))
    late = a_record()
    sign_in = steps(storage, [(None, late)])
    next(sign_in)  # before the session is stored
    next(sign_in)  # before the index is read
    next(sign_in)  # before the index is written
    del storage.there[index_name("1")]
    meanwhile = a_record()
    run(storage.insert(meanwhile))
    assert list(sign_in) is not None
    assert set(storage.ids_of("1")) == {late.id, meanwhile.id}


def test_a_user_with_many_sessions_keeps_no_server_busy(storage, monkeypatch):
    """What is read at once is bounded: when a user signs in, and when sessions are listed or ended."""
    sizes, get = [], storage.get

    def noting(names):
        sizes.append(len(names))
        return get(names)

    monkeypatch.setattr(storage, "get", noting)
    for _ in range(4 * 512 + 1):
        assert run(storage.insert(a_record()))
    assert len(run(storage.of_user("1"))) == len(run(storage.end_of_user("1"))) == 4 * 512 + 1
    assert max(sizes) == BATCH


def test_a_damaged_session_is_logged_and_left_out(storage, caplog):
    record, other = a_record(), a_record()
    run(storage.insert(record))
    run(storage.insert(other))
    for data in (b"", b"1", b"1 {", b'1 {"id":', b"rubbish", b"1 []"):
        storage.there[SESSION + record.id] = data
        with caplog.at_level(logging.ERROR, "frontdesk"):
            assert storage.load([record.id, other.id]) == [other]
        assert "damaged" in caplog.text
        assert not run(storage.insert(record))
        caplog.clear()


@pytest.mark.parametrize("data", [b"", b"5", b"5 {", b"rubbish", b"5 []", b'5 {"a": "x"}'])
def test_a_damaged_index_is_no_empty_list_and_a_sign_in_mends_it(storage, data, caplog):
    run(storage.insert(a_record()))
    storage.there[index_name("1")] = data
    with pytest.raises(UndecodableRecord):
        storage.ids_of("1")
    record = a_record()
    assert run(storage.insert(record))
    assert storage.ids_of("1") == [record.id]
    assert "damaged" in caplog.text

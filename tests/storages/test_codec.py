"""A record as bytes: any of them survives, and what is damaged is said to be."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.errors import UndecodableRecord
from frontdesk.storages.codec import FORMAT, Live, Tombstone, decode, encode
from frontdesk.storages.record import FOREVER, Record
from frontdesk.testing.conformance.ground import a_record, fresh_digest

ANY_TEXT = st.text(st.characters(), max_size=20)
INSTANTS = st.integers(0, FOREVER)
DIGEST = fresh_digest()

records = st.builds(
    Record,
    digest=st.just(DIGEST),
    values=st.dictionaries(ANY_TEXT, st.binary(max_size=20), max_size=4),
    user_id=st.none() | ANY_TEXT,
    created=INSTANTS,
    authenticated=st.none() | INSTANTS,
    last_seen=INSTANTS,
    idle=INSTANTS,
    deadline=INSTANTS,
    ip=ANY_TEXT,
    user_agent=ANY_TEXT,
    version=INSTANTS,
)
slots = st.builds(Live, records, st.none() | st.just(fresh_digest())) | st.builds(
    Tombstone, INSTANTS, st.none() | st.just(fresh_digest())
)
WHOLE = encode(Live(replace(a_record(user_id="1", ip="::1"), digest=DIGEST)))


@given(slots)
def test_any_slot_survives(slot):
    assert decode(DIGEST, encode(slot)) == slot


@given(slots)
def test_a_slot_is_encoded_in_ascii(slot):
    assert encode(slot).isascii()


def test_the_digest_is_that_of_the_name_and_not_in_the_data():
    other = fresh_digest()
    assert DIGEST.encode() not in WHOLE
    assert decode(other, WHOLE).record.digest == other


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_a_record_that_was_cut_off_is_undecodable(length):
    with pytest.raises(UndecodableRecord, match=DIGEST):
        decode(DIGEST, WHOLE[:length])


@given(st.binary())
def test_bytes_that_are_no_record_are_undecodable(data):
    with pytest.raises(UndecodableRecord):
        decode(DIGEST, data)


@pytest.mark.parametrize(
    "body",
    [
        None,
        1,
        "text",
        {},
        [],
        [FORMAT],
        [FORMAT + 1, 5, None],
        [FORMAT, 1, 2, 3],
        [FORMAT, {"cart": 1}, None, 0, None, 0, 0, 0, "", "", 1, None],
        [FORMAT, {"cart": "座"}, None, 0, None, 0, 0, 0, "", "", 1, None],
        [FORMAT, [], None, 0, None, 0, 0, 0, "", "", 1, None],
    ],
    ids=repr,
)
def test_json_that_is_no_record_is_undecodable(body):
    with pytest.raises(UndecodableRecord):
        decode(DIGEST, json.dumps(body).encode())


@pytest.mark.parametrize(
    "body",
    [
        [FORMAT, "soon", None],
        [FORMAT, None, None],
        [FORMAT, {}, None, 0, None, "0", 0, 0, "", "", 1, None],
        [FORMAT, {}, None, 0, None, 0, None, 0, "", "", 1, None],
        [FORMAT, {}, None, 0, None, 0, 0, 0, "", "", "1", None],
    ],
    ids=repr,
)
def test_a_time_that_is_no_number_is_undecodable(body):
    with pytest.raises(UndecodableRecord):
        decode(DIGEST, json.dumps(body).encode())


def test_nesting_without_end_is_undecodable():
    with pytest.raises(UndecodableRecord):
        decode(DIGEST, b"[" * 100_000)

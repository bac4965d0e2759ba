"""What one record becomes: merged, rotated, ended."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from frontdesk.core import record
from frontdesk.core.record import FOREVER, GRACE, UNCHANGED, Changes, Former, Record

HOUR = 3600 * 10**6
NOW = 10**15

LIVE = Record(
    id="a" * 15,
    secret="first",
    values={"color": b"red", "size": b"1"},
    user_id="7",
    created=NOW,
    authenticated=NOW,
    last_seen=NOW,
    idle=HOUR,
    deadline=NOW + 5 * HOUR,
    ip="192.0.2.1",
    user_agent="Firefox",
)

names = st.sampled_from("abcdef")
values = st.dictionaries(names, st.binary(max_size=2))


def test_only_what_was_changed_is_merged():
    merged = record.merge(
        LIVE, Changes(values={"size": b"2"}, removed={"color"}, last_seen=NOW + 1)
    )
    assert merged == replace(LIVE, values={"size": b"2"}, last_seen=NOW + 1)


def test_clearing_takes_what_others_have_added():
    assert record.merge(LIVE, Changes(cleared=True, last_seen=NOW)).values == {}


def test_no_user_is_another_change_than_an_unchanged_user():
    assert record.merge(LIVE, Changes(user_id=UNCHANGED, last_seen=NOW)).user_id == "7"
    assert record.merge(LIVE, Changes(user_id=None, last_seen=NOW)).user_id is None


@given(values, values, values)
def test_changes_of_different_keys_merge_in_any_order(stored, mine, yours):
    start = replace(LIVE, values=stored)
    yours = {key: value for key, value in yours.items() if key not in mine}
    one, other = Changes(values=mine, last_seen=NOW), Changes(values=yours, last_seen=NOW)
    assert record.merge(record.merge(start, one), other) == record.merge(
        record.merge(start, other), one
    )


def test_a_rotation_remembers_the_secret_for_the_grace_period():
    rotated = record.rotate(LIVE, "second", NOW, "7")
    assert rotated.secret == "second"
    assert rotated.former == {"first": Former(NOW + GRACE, "7")}


def test_a_rotation_forgets_secrets_whose_grace_period_is_over():
    twice = record.rotate(record.rotate(LIVE, "second", NOW, "7"), "third", NOW + GRACE, "7")
    assert set(twice.former) == {"second"}


def test_an_end_leaves_no_user_value_or_client():
    ended = record.end(LIVE, NOW)
    assert (ended.user_id, ended.values, ended.ip, ended.user_agent) == (None, {}, "", "")


@given(st.integers(0, 10 * HOUR))
def test_an_ended_record_is_never_live(later):
    assert not record.end(LIVE, NOW).is_live(NOW + later)


def test_an_ended_record_is_kept_for_the_grace_period():
    assert record.end(LIVE, NOW).expires == NOW + GRACE


def test_a_record_ends_by_the_earlier_of_its_timeouts():
    assert LIVE.is_live(NOW + HOUR - 1)
    assert not LIVE.is_live(NOW + HOUR)
    used = replace(LIVE, last_seen=NOW + 5 * HOUR - 1)
    assert not used.is_live(NOW + 5 * HOUR)


def test_without_a_deadline_only_idleness_ends_a_record():
    assert replace(LIVE, deadline=FOREVER).is_live(NOW + HOUR - 1)


def test_no_two_writes_have_the_same_version():
    assert len({record.next_version() for _ in range(10_000)}) == 10_000

"""Insert, read and update: what is named changes, what is not stays, what is gone stays gone."""

from dataclasses import replace
from typing import Any

import pytest

from frontdesk.clock import SECOND
from frontdesk.errors import Conflict
from frontdesk.storages.base import LEFT_BEHIND, Storage
from frontdesk.storages.record import Changes
from frontdesk.testing.clock import Clock
from frontdesk.testing.conformance.ground import (
    HOUR,
    MINUTE,
    Caller,
    Ground,
    a_record,
    fresh_digest,
    insert,
)


class Updates(Ground):
    """The facts."""

    def test_a_record_is_read_as_it_was_inserted(self, do: Caller) -> None:
        record = insert(
            do,
            values={"cart": b"[1]", "note": b'"hi"'},
            user_id=self.user_id(1),
            authenticated=a_record().created - 5,
            ip="2001:db8::1",
            user_agent="Mozilla/5.0 (ünïcode; 座)",
        )
        assert do("read", record.digest) == record

    def test_a_record_without_values_is_read_as_it_was_inserted(self, do: Caller) -> None:
        record = insert(do, values={})
        assert do("read", record.digest) == record

    def test_an_unknown_digest_reads_as_nothing(self, do: Caller) -> None:
        assert do("read", fresh_digest()) is None

    def test_reading_changes_nothing(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        clock.advance(60)
        do("read", record.digest)
        assert do("read", record.digest) == record

    def test_insert_never_overwrites_a_live_session(self, do: Caller) -> None:
        record = insert(do)
        assert do("insert", replace(record, values={"cart": b"[2]"})) is False
        assert do("read", record.digest) == record

    def test_insert_never_overwrites_an_ended_session(self, do: Caller) -> None:
        record = insert(do)
        do("remove", [record.digest])
        ended = do("read", record.digest)
        assert do("insert", record) is False
        assert do("read", record.digest) == ended

    def test_what_one_instance_wrote_another_one_reads(self, do: Caller, other: Storage) -> None:
        record = insert(do, user_id=self.user_id(1))
        assert do.by(other)("read", record.digest) == record
        assert do.by(other)("of_user", self.user_id(1)) == [record]

    def test_what_two_instances_change_in_turn_is_merged(self, do: Caller, other: Storage) -> None:
        record = insert(do, values={})
        do("update", record.digest, Changes(values={"mine": b"1"}))
        do.by(other)("update", record.digest, Changes(values={"yours": b"2"}))
        assert do("read", record.digest).values == {"mine": b"1", "yours": b"2"}

    def test_what_one_instance_ended_is_ended_for_another(self, do: Caller, other: Storage) -> None:
        record = insert(do)
        do.by(other)("remove", [record.digest])
        assert do("update", record.digest, Changes(values={"cart": b"[2]"})) is False

    def test_update_changes_only_the_values_that_it_names(self, do: Caller) -> None:
        record = insert(do, values={"cart": b"[1]", "note": b'"hi"'})
        assert do("update", record.digest, Changes(values={"cart": b"[2]", "new": b"0"})) is True
        expected = {"cart": b"[2]", "note": b'"hi"', "new": b"0"}
        assert do("read", record.digest) == replace(record, values=expected, version=2)

    def test_update_drops_only_the_values_that_it_removes(self, do: Caller) -> None:
        record = insert(do, values={"cart": b"[1]", "note": b'"hi"'})
        assert do("update", record.digest, Changes(removed={"cart", "never there"})) is True
        assert do("read", record.digest).values == {"note": b'"hi"'}

    def test_one_update_sets_some_values_and_removes_others(self, do: Caller) -> None:
        record = insert(do, values={"cart": b"[1]", "note": b'"hi"'})
        do("update", record.digest, Changes(values={"new": b"0"}, removed=["cart"]))
        assert do("read", record.digest).values == {"note": b'"hi"', "new": b"0"}

    def test_a_value_that_is_removed_and_set_is_set(self, do: Caller) -> None:
        record = insert(do, values={"cart": b"[1]"})
        do("update", record.digest, Changes(values={"cart": b"[2]"}, removed=["cart"]))
        assert do("read", record.digest).values == {"cart": b"[2]"}

    def test_the_last_value_can_be_removed(self, do: Caller) -> None:
        record = insert(do, values={"cart": b"[1]"})
        do("update", record.digest, Changes(removed=["cart"]))
        assert do("read", record.digest).values == {}

    def test_a_value_replaces_the_one_before_as_a_whole(self, do: Caller) -> None:
        record = insert(do, values={"cart": b'{"a": 1, "b": 2}'})
        do("update", record.digest, Changes(values={"cart": b'{"a": null}'}))
        assert do("read", record.digest).values == {"cart": b'{"a": null}'}

    def test_clearing_drops_what_others_have_added_meanwhile(self, do: Caller) -> None:
        record = insert(do, values={"cart": b"[1]"})
        do("update", record.digest, Changes(values={"theirs": b"1"}))
        do("update", record.digest, Changes(values={"mine": b"2"}, cleared=True))
        assert do("read", record.digest).values == {"mine": b"2"}

    def test_clearing_keeps_all_but_the_values(self, do: Caller) -> None:
        record = insert(do, user_id=self.user_id(1))
        do("update", record.digest, Changes(cleared=True))
        assert do("read", record.digest) == replace(record, values={}, version=2)

    def test_an_empty_change_changes_only_the_version(self, do: Caller) -> None:
        record = insert(do)
        assert do("update", record.digest, Changes()) is True
        assert do("read", record.digest) == replace(record, version=2)

    def test_the_facts_that_a_change_names_are_changed(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        named: dict[str, Any] = {
            "last_seen": clock.now() + MINUTE,
            "idle": 2 * HOUR,
            "deadline": clock.now() + 3 * HOUR,
            "user_id": self.user_id(2),
            "authenticated": clock.now() + 1,
            "ip": "192.0.2.7",
            "user_agent": "curl/8",
        }
        do("update", record.digest, Changes(**named))
        assert do("read", record.digest) == replace(record, **named, version=2)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("last_seen", 1),
            ("idle", 2 * HOUR),
            ("deadline", 3 * HOUR),
            ("user_id", 2),
            ("authenticated", 4),
            ("ip", "192.0.2.7"),
            ("user_agent", "curl/8"),
        ],
    )
    def test_a_fact_that_alone_is_named_changes_alone(
        self, do: Caller, clock: Clock, name: str, value: Any
    ) -> None:
        record = insert(
            do, user_id=self.user_id(1), authenticated=clock.now(), ip="::1", user_agent="x"
        )
        if name in {"last_seen", "deadline", "authenticated"}:
            value = clock.now() + value
        given: dict[str, Any] = {name: self.user_id(2) if name == "user_id" else value}
        do("update", record.digest, Changes(**given))
        assert do("read", record.digest) == replace(record, **given, version=2)

    def test_an_address_can_be_changed_to_none_known(self, do: Caller) -> None:
        record = insert(do, ip="192.0.2.7", user_agent="curl/8")
        do("update", record.digest, Changes(ip="", user_agent=""))
        assert do("read", record.digest) == replace(record, ip="", user_agent="", version=2)

    def test_the_user_can_be_changed_to_nobody(self, do: Caller) -> None:
        record = insert(do, user_id=self.user_id(1))
        do("update", record.digest, Changes(user_id=None))
        assert do("read", record.digest) == replace(record, user_id=None, version=2)

    def test_the_version_grows_with_each_change(self, do: Caller) -> None:
        record = insert(do, version=7)
        for _ in range(3):
            do("update", record.digest, Changes(values={"cart": b"same"}))
        assert do("read", record.digest).version == 10

    def test_a_change_for_the_version_that_is_there_applies(self, do: Caller) -> None:
        record = insert(do, version=3)
        assert do("update", record.digest, Changes(values={"a": b"1"}, expected_version=3)) is True
        assert do("read", record.digest).values == {"cart": b"[1]", "a": b"1"}

    @pytest.mark.parametrize("version", [2, 4])
    def test_a_change_for_another_version_conflicts_and_changes_nothing(
        self, do: Caller, version: int
    ) -> None:
        record = insert(do, version=3)
        with pytest.raises(Conflict):
            do("update", record.digest, Changes(values={"a": b"1"}, expected_version=version))
        assert do("read", record.digest) == record

    def test_a_change_for_a_version_of_a_gone_session_is_refused_not_a_conflict(
        self, do: Caller
    ) -> None:
        record = insert(do)
        do("remove", [record.digest])
        assert do("update", record.digest, Changes(expected_version=9)) is False
        assert do("update", fresh_digest(), Changes(expected_version=1)) is False

    def test_update_never_creates(self, do: Caller) -> None:
        digest = fresh_digest()
        changes = Changes(values={"cart": b"[1]"}, user_id=self.user_id(1))
        assert do("update", digest, changes) is False
        assert do("read", digest) is None
        assert do("of_user", self.user_id(1)) == []

    def test_update_leaves_an_ended_session_as_it_is(self, do: Caller) -> None:
        record = insert(do)
        do("remove", [record.digest])
        ended = do("read", record.digest)
        changes = Changes(
            values={"cart": b"[2]"}, user_id=self.user_id(1), last_seen=record.deadline
        )
        assert do("update", record.digest, changes) is False
        assert do("read", record.digest) == ended
        assert do("of_user", self.user_id(1)) == []

    def test_update_leaves_a_session_that_ended_long_ago_as_it_is(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do)
        do("remove", [record.digest])
        clock.advance(LEFT_BEHIND // SECOND + 1)
        assert do("update", record.digest, Changes(last_seen=clock.now())) is False
        assert do("read", record.digest) is None

    def test_update_leaves_a_rotated_session_as_it_is(self, do: Caller) -> None:
        record = insert(do)
        new = fresh_digest()
        do("rotate", record.digest, new, Changes())
        assert do("update", record.digest, Changes(values={"cart": b"[2]"})) is False
        assert do("read", new).values == record.values

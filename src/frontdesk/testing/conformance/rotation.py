"""Rotation: the same session under a new digest, in one step."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from frontdesk.clock import SECOND
from frontdesk.errors import Conflict
from frontdesk.storages.base import LEFT_BEHIND
from frontdesk.storages.record import Changes, Ended
from frontdesk.testing.clock import Clock
from frontdesk.testing.conformance.ground import Caller, Ground, fresh_digest, insert, is_ended


class Rotation(Ground):
    """The facts."""

    def test_a_rotated_session_is_there_with_everything(self, do: Caller, clock: Clock) -> None:
        record = insert(
            do,
            values={"cart": b"[1]", "note": b'"hi"'},
            user_id=self.user_id(1),
            authenticated=clock.now(),
            ip="192.0.2.7",
            user_agent="curl/8",
        )
        new = fresh_digest()
        clock.advance(60)
        assert do("rotate", record.digest, new, Changes()) is True
        assert do("read", new) == replace(record, digest=new, version=2)

    def test_rotation_merges_changes_as_update_does(self, do: Caller, clock: Clock) -> None:
        record = insert(do, values={"cart": b"[1]", "note": b'"hi"', "old": b"0"})
        new = fresh_digest()
        facts: dict[str, Any] = {
            "last_seen": clock.now() + 7,
            "user_id": self.user_id(2),
            "authenticated": clock.now() + 1,
            "ip": "::1",
        }
        do("rotate", record.digest, new, Changes(values={"cart": b"[2]"}, removed=["old"], **facts))
        values = {"cart": b"[2]", "note": b'"hi"'}
        assert do("read", new) == replace(record, digest=new, values=values, version=2, **facts)

    def test_rotation_can_clear(self, do: Caller) -> None:
        record = insert(do)
        new = fresh_digest()
        do("rotate", record.digest, new, Changes(values={"mine": b"1"}, cleared=True))
        assert do("read", new).values == {"mine": b"1"}

    def test_after_rotation_the_old_digest_has_ended(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        do("rotate", record.digest, fresh_digest(), Changes())
        assert do("read", record.digest) == Ended(record.digest, clock.now() + LEFT_BEHIND)

    def test_the_old_digest_of_a_rotation_is_forgotten_in_time_and_the_new_one_lives(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do)
        new = fresh_digest()
        do("rotate", record.digest, new, Changes())
        clock.advance(LEFT_BEHIND // SECOND)
        assert do("read", record.digest) is None
        assert do("read", new).values == record.values

    def test_a_rotated_session_keeps_what_another_request_merged_meanwhile(
        self, do: Caller
    ) -> None:
        record = insert(do)
        new = fresh_digest()
        do("update", record.digest, Changes(values={"theirs": b"1"}))
        do("rotate", record.digest, new, Changes(values={"mine": b"2"}))
        assert do("read", new).values == {"cart": b"[1]", "theirs": b"1", "mine": b"2"}

    def test_a_rotated_session_can_be_changed_and_ended(self, do: Caller) -> None:
        record = insert(do)
        new = fresh_digest()
        do("rotate", record.digest, new, Changes())
        assert do("update", new, Changes(values={"cart": b"[2]"})) is True
        assert do("read", new).values == {"cart": b"[2]"}
        assert do("remove", [new]) == [new]
        assert is_ended(do, new)

    def test_a_session_can_be_rotated_again_and_again(self, do: Caller) -> None:
        record = insert(do)
        digests = [record.digest, *(fresh_digest() for _ in range(4))]
        for old, new in itertools.pairwise(digests):
            assert do("rotate", old, new, Changes()) is True
        assert do("read", digests[-1]) == replace(record, digest=digests[-1], version=5)
        assert all(is_ended(do, digest) for digest in digests[:-1])

    def test_an_unknown_session_cannot_be_rotated(self, do: Caller) -> None:
        old, new = fresh_digest(), fresh_digest()
        assert do("rotate", old, new, Changes(user_id=self.user_id(1))) is False
        assert do("read", old) is None
        assert do("read", new) is None
        assert do("of_user", self.user_id(1)) == []

    def test_an_ended_session_cannot_be_rotated(self, do: Caller) -> None:
        record = insert(do)
        new = fresh_digest()
        do("remove", [record.digest])
        assert do("rotate", record.digest, new, Changes()) is False
        assert do("read", new) is None

    def test_a_session_is_rotated_only_once(self, do: Caller) -> None:
        record = insert(do)
        new, late = fresh_digest(), fresh_digest()
        do("rotate", record.digest, new, Changes())
        assert do("rotate", record.digest, late, Changes()) is False
        assert do("read", late) is None
        assert do("read", new).values == record.values

    def test_rotation_never_overwrites_a_live_session(self, do: Caller) -> None:
        record, taken = insert(do), insert(do, values={"cart": b"[9]"})
        assert do("rotate", record.digest, taken.digest, Changes(values={"a": b"1"})) is False
        assert do("read", record.digest) == record
        assert do("read", taken.digest) == taken

    def test_rotation_never_overwrites_an_ended_session(self, do: Caller) -> None:
        record, taken = insert(do), insert(do)
        do("remove", [taken.digest])
        assert do("rotate", record.digest, taken.digest, Changes()) is False
        assert do("read", record.digest) == record
        assert is_ended(do, taken.digest)

    def test_a_refused_rotation_can_be_made_to_another_digest(self, do: Caller) -> None:
        record, taken = insert(do), insert(do)
        new = fresh_digest()
        do("rotate", record.digest, taken.digest, Changes())
        assert do("rotate", record.digest, new, Changes()) is True
        assert do("read", new).values == record.values

    def test_who_ends_a_session_that_has_just_moved_ends_it_where_it_is(self, do: Caller) -> None:
        record = insert(do)
        digests = [record.digest, *(fresh_digest() for _ in range(3))]
        for old, new in itertools.pairwise(digests):
            do("rotate", old, new, Changes())
        assert do("remove", [record.digest]) == [digests[-1]]
        assert is_ended(do, digests[-1])

    def test_a_user_s_session_that_has_just_moved_is_ended_where_it_is(self, do: Caller) -> None:
        record, new = insert(do, user_id=self.user_id(1)), fresh_digest()
        do("rotate", record.digest, new, Changes())
        assert do("remove", [record.digest], self.user_id(1)) == [new]
        assert is_ended(do, new)

    @pytest.mark.parametrize("late", [False, True], ids=["while it moves", "after it has moved"])
    def test_a_session_in_which_somebody_signed_in_is_not_ended_under_its_former_name(
        self, do: Caller, late: bool
    ) -> None:
        record, new = insert(do), fresh_digest()
        signed_in = Changes(user_id=self.user_id(1))
        do("rotate", record.digest, new, Changes() if late else signed_in)
        if late:
            do("update", new, signed_in)
        assert do("remove", [record.digest]) == []
        assert do("read", new).user_id == self.user_id(1)

    def test_who_ends_both_names_of_a_session_ends_it_once(self, do: Caller) -> None:
        record, new = insert(do), fresh_digest()
        do("rotate", record.digest, new, Changes())
        assert do("remove", [record.digest, new]) == [new]

    def test_a_session_that_moved_long_ago_is_not_followed(self, do: Caller, clock: Clock) -> None:
        record, new = insert(do), fresh_digest()
        do("rotate", record.digest, new, Changes())
        clock.advance(LEFT_BEHIND // SECOND)
        assert do("remove", [record.digest]) == []
        assert do("read", new).values == record.values

    def test_a_session_that_moved_to_somebody_else_is_not_ended_for_its_former_user(
        self, do: Caller
    ) -> None:
        record, new = insert(do, user_id=self.user_id(1)), fresh_digest()
        do("rotate", record.digest, new, Changes(user_id=self.user_id(2)))
        assert do("remove", [record.digest], self.user_id(1)) == []
        assert do("read", new).user_id == self.user_id(2)

    def test_rotation_for_another_version_conflicts_and_changes_nothing(self, do: Caller) -> None:
        record = insert(do, version=3)
        new = fresh_digest()
        with pytest.raises(Conflict):
            do("rotate", record.digest, new, Changes(expected_version=2))
        assert do("read", record.digest) == record
        assert do("read", new) is None

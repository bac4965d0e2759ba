"""A user's sessions: the list is complete, live, and nobody else's."""

import pytest

from frontdesk.clock import SECOND
from frontdesk.storages.record import Changes, Record
from frontdesk.testing.clock import Clock
from frontdesk.testing.conformance.ground import (
    MINUTE,
    ODD,
    Caller,
    Ground,
    fresh_digest,
    insert,
    is_ended,
)


class Users(Ground):
    """The facts."""

    def test_all_sessions_of_a_user_are_listed_the_last_seen_first(
        self, do: Caller, clock: Clock
    ) -> None:
        inserted = []
        for _ in range(3):
            clock.advance(1)
            inserted.append(insert(do, user_id=self.user_id(1)))
        assert do("of_user", self.user_id(1)) == inserted[::-1]

    def test_being_seen_moves_a_session_to_the_top(self, do: Caller, clock: Clock) -> None:
        one = insert(do, user_id=self.user_id(1))
        two = insert(do, user_id=self.user_id(1), last_seen=clock.now() + 1)
        do("update", one.digest, Changes(last_seen=clock.now() + 2))
        listed = [record.digest for record in do("of_user", self.user_id(1))]
        assert listed == [one.digest, two.digest]

    def test_fifty_sessions_of_a_user_are_all_listed(self, do: Caller) -> None:
        digests = {insert(do, user_id=self.user_id(1)).digest for _ in range(50)}
        assert {record.digest for record in do("of_user", self.user_id(1))} == digests

    def test_the_sessions_of_others_are_not_listed(self, do: Caller) -> None:
        mine = insert(do, user_id=self.user_id(1))
        insert(do, user_id=self.user_id(11))
        insert(do)
        assert do("of_user", self.user_id(1)) == [mine]

    def test_a_listed_session_is_as_it_was_last_changed(self, do: Caller) -> None:
        record = insert(do, user_id=self.user_id(1))
        do("update", record.digest, Changes(values={"new": b"1"}, ip="::1"))
        assert do("of_user", self.user_id(1)) == [do("read", record.digest)]

    def test_ended_sessions_are_not_listed(self, do: Caller) -> None:
        record, live = insert(do, user_id=self.user_id(1)), insert(do, user_id=self.user_id(1))
        do("remove", [record.digest])
        assert do("of_user", self.user_id(1)) == [live]

    def test_expired_sessions_are_not_listed(self, do: Caller, clock: Clock) -> None:
        insert(do, user_id=self.user_id(1), idle=MINUTE)
        live = insert(do, user_id=self.user_id(1))
        clock.advance(60)
        assert do("of_user", self.user_id(1)) == [live]

    def test_a_rotated_session_is_listed_once_under_its_new_digest(self, do: Caller) -> None:
        record = insert(do, user_id=self.user_id(1))
        new = fresh_digest()
        do("rotate", record.digest, new, Changes())
        assert [found.digest for found in do("of_user", self.user_id(1))] == [new]

    def test_a_session_that_a_user_takes_over_in_a_rotation_is_theirs(self, do: Caller) -> None:
        record = insert(do)
        new = fresh_digest()
        do("rotate", record.digest, new, Changes(user_id=self.user_id(1)))
        assert [found.digest for found in do("of_user", self.user_id(1))] == [new]

    def test_a_session_that_changes_hands_changes_lists(self, do: Caller) -> None:
        record = insert(do, user_id=self.user_id(1))
        do("update", record.digest, Changes(user_id=self.user_id(2)))
        assert do("of_user", self.user_id(1)) == []
        assert [found.digest for found in do("of_user", self.user_id(2))] == [record.digest]

    def test_a_session_that_becomes_nobody_s_is_on_no_list(self, do: Caller) -> None:
        record = insert(do, user_id=self.user_id(1))
        do("update", record.digest, Changes(user_id=None))
        assert do("of_user", self.user_id(1)) == []

    def test_a_session_whose_life_was_prolonged_stays_listed(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do, user_id=self.user_id(1), deadline=clock.now() + MINUTE)
        do("update", record.digest, Changes(deadline=clock.now() + 60 * MINUTE))
        clock.advance(120)
        insert(do, user_id=self.user_id(1))  # storages tidy up when they write
        assert record.digest in {found.digest for found in do("of_user", self.user_id(1))}

    def test_an_unknown_user_has_no_sessions(self, do: Caller) -> None:
        insert(do, user_id=self.user_id(1))
        assert do("of_user", self.user_id(2)) == []
        assert do("remove_of_user", self.user_id(2)) == []

    @pytest.mark.parametrize("user_id", ODD.values(), ids=ODD.keys())
    def test_an_odd_user_id_has_no_sessions(self, do: Caller, user_id: str) -> None:
        insert(do, user_id=self.user_id(1))
        assert do("of_user", user_id) == []

    @pytest.mark.parametrize("user_id", ODD.values(), ids=ODD.keys())
    def test_ending_those_of_an_odd_user_id_ends_nothing(self, do: Caller, user_id: str) -> None:
        record = insert(do, user_id=self.user_id(1))
        assert do("remove_of_user", user_id) == []
        assert do("read", record.digest) == record

    def test_all_sessions_of_a_user_can_be_ended(self, do: Caller) -> None:
        digests = {insert(do, user_id=self.user_id(1)).digest for _ in range(3)}
        assert sorted(do("remove_of_user", self.user_id(1))) == sorted(digests)
        assert all(is_ended(do, digest) for digest in digests)
        assert do("of_user", self.user_id(1)) == []

    def test_a_session_that_has_just_been_rotated_can_be_the_one_to_keep(self, do: Caller) -> None:
        """As when a password is changed, and all other sessions end."""
        own, other = (insert(do, user_id=self.user_id(1)) for _ in range(2))
        new = fresh_digest()
        do("rotate", own.digest, new, Changes())
        assert do("remove_of_user", self.user_id(1), {new}) == [other.digest]
        assert isinstance(do("read", new), Record)

    def test_all_sessions_of_a_user_but_some_can_be_ended(self, do: Caller) -> None:
        one, two, three = (insert(do, user_id=self.user_id(1)) for _ in range(3))
        ended = do("remove_of_user", self.user_id(1), {one.digest, three.digest, fresh_digest()})
        assert ended == [two.digest]
        assert do("read", one.digest) == one
        assert do("read", three.digest) == three

    def test_ending_those_of_a_user_leaves_those_of_others(self, do: Caller) -> None:
        insert(do, user_id=self.user_id(1))
        others: list[Record] = [insert(do, user_id=self.user_id(2)), insert(do)]
        do("remove_of_user", self.user_id(1))
        assert [do("read", record.digest) for record in others] == others

    def test_ending_those_of_a_user_leaves_one_that_has_changed_hands(self, do: Caller) -> None:
        record = insert(do, user_id=self.user_id(1))
        do("update", record.digest, Changes(user_id=self.user_id(2)))
        assert do("remove_of_user", self.user_id(1)) == []
        assert do("read", record.digest).user_id == self.user_id(2)

    def test_only_live_sessions_are_reported_as_ended(self, do: Caller, clock: Clock) -> None:
        ended = insert(do, user_id=self.user_id(1))
        insert(do, user_id=self.user_id(1), idle=SECOND)
        live = insert(do, user_id=self.user_id(1))
        do("remove", [ended.digest])
        clock.advance(1)
        assert do("remove_of_user", self.user_id(1)) == [live.digest]

    def test_ending_those_of_a_user_ends_a_rotated_one_under_its_new_digest(
        self, do: Caller
    ) -> None:
        record = insert(do, user_id=self.user_id(1))
        new = fresh_digest()
        do("rotate", record.digest, new, Changes())
        assert do("remove_of_user", self.user_id(1)) == [new]
        assert is_ended(do, new)

    def test_ending_those_of_a_user_twice_ends_nothing_more(self, do: Caller) -> None:
        insert(do, user_id=self.user_id(1))
        do("remove_of_user", self.user_id(1))
        assert do("remove_of_user", self.user_id(1)) == []

    def test_a_user_whose_sessions_were_ended_can_sign_in_again(self, do: Caller) -> None:
        insert(do, user_id=self.user_id(1))
        do("remove_of_user", self.user_id(1))
        again = insert(do, user_id=self.user_id(1))
        assert do("of_user", self.user_id(1)) == [again]

"""Ended means ended: removal, and the purge that sweeps up afterwards."""

import pytest

from frontdesk.clock import SECOND
from frontdesk.storages.base import LEFT_BEHIND
from frontdesk.storages.record import Changes, Ended, Expired
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


class Endings(Ground):
    """The facts."""

    def test_a_removed_session_has_ended(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        assert do("remove", [record.digest]) == [record.digest]
        assert do("read", record.digest) == Ended(record.digest, clock.now() + LEFT_BEHIND)

    def test_an_end_is_remembered_for_a_while(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        do("remove", [record.digest])
        clock.set(clock.now() + LEFT_BEHIND - 1)
        assert is_ended(do, record.digest)

    def test_an_end_is_forgotten_in_time(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        do("remove", [record.digest])
        clock.advance(LEFT_BEHIND // SECOND)
        assert do("read", record.digest) is None

    def test_an_end_is_remembered_past_the_session_s_own_expiry(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do, deadline=clock.now() + 5 * SECOND)
        do("remove", [record.digest])
        clock.advance(6)
        assert is_ended(do, record.digest)

    def test_remove_names_those_that_were_live(self, do: Caller) -> None:
        live, ended = [insert(do).digest, insert(do).digest], insert(do).digest
        do("remove", [ended])
        assert sorted(do("remove", [*live, ended, fresh_digest()])) == sorted(live)

    def test_remove_ends_all_that_it_names_and_no_other(self, do: Caller) -> None:
        one, two, bystander = insert(do), insert(do), insert(do)
        do("remove", {one.digest, two.digest})
        assert is_ended(do, one.digest)
        assert is_ended(do, two.digest)
        assert do("read", bystander.digest) == bystander

    def test_a_digest_that_is_named_twice_ends_once(self, do: Caller) -> None:
        record = insert(do)
        assert do("remove", [record.digest, record.digest]) == [record.digest]

    def test_removing_nothing_ends_nothing(self, do: Caller) -> None:
        assert do("remove", []) == []

    def test_removing_again_ends_nothing_and_does_not_prolong_the_memory(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do)
        do("remove", [record.digest])
        ended = do("read", record.digest)
        clock.advance(10)
        assert do("remove", [record.digest]) == []
        assert do("read", record.digest) == ended

    def test_removing_an_unknown_session_leaves_no_trace(self, do: Caller) -> None:
        record = insert(do)
        digest = fresh_digest()
        assert do("remove", [digest]) == []
        assert do("read", digest) is None
        # Had it left one, this digest would be taken.
        assert do("rotate", record.digest, digest, Changes()) is True

    def test_a_hundred_sessions_can_be_removed_at_once(self, do: Caller) -> None:
        records = [insert(do) for _ in range(100)]
        assert len(do("remove", [record.digest for record in records])) == 100
        assert is_ended(do, records[-1].digest)

    def test_purge_takes_what_has_expired(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        clock.set(record.expires)
        assert do("purge", clock.now(), 100).removed == 1
        assert do("purge", clock.now(), 100).removed == 0
        clock.advance(-7200)
        assert do("read", record.digest) is None

    def test_purge_takes_old_memories_of_ended_sessions(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        do("remove", [record.digest])
        clock.advance(LEFT_BEHIND // SECOND)
        purged = do("purge", clock.now(), 100)
        assert (purged.removed, list(purged.expired)) == (1, [])
        assert do("purge", clock.now(), 100).removed == 0

    def test_purge_tells_whose_session_had_gone_unseen(self, do: Caller, clock: Clock) -> None:
        record = insert(do, user_id=self.user_id(1))
        clock.set(record.expires)
        assert list(do("purge", clock.now(), 100).expired) == [
            Expired(record.digest, self.user_id(1), idle=True, at=record.expires)
        ]

    def test_purge_tells_whose_deadline_had_come(self, do: Caller, clock: Clock) -> None:
        record = insert(do, user_id=self.user_id(1), deadline=clock.now() + MINUTE)
        clock.set(record.deadline)
        assert list(do("purge", clock.now(), 100).expired) == [
            Expired(record.digest, self.user_id(1), idle=False, at=record.expires)
        ]

    def test_purge_takes_no_more_than_its_limit(self, do: Caller, clock: Clock) -> None:
        for _ in range(5):
            insert(do)
        clock.advance(2 * 86_400)
        assert [do("purge", clock.now(), 2).removed for _ in range(4)] == [2, 2, 1, 0]

    def test_purge_leaves_live_sessions(self, do: Caller, clock: Clock) -> None:
        record = insert(do, user_id=self.user_id(1))
        clock.set(record.expires - 1)
        assert do("purge", clock.now(), 100).removed == 0
        assert do("read", record.digest) == record
        assert do("of_user", self.user_id(1)) == [record]

    def test_purge_leaves_sessions_that_were_seen_since(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        clock.advance(3000)
        do("update", record.digest, Changes(last_seen=clock.now()))
        clock.advance(3000)
        assert do("purge", clock.now(), 100).removed == 0
        assert do("read", record.digest).last_seen == clock.now() - 3000 * SECOND

    def test_purge_leaves_fresh_memories_of_ended_sessions(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        do("remove", [record.digest])
        clock.set(clock.now() + LEFT_BEHIND - 1)
        assert do("purge", clock.now(), 100).removed == 0
        assert is_ended(do, record.digest)

    @pytest.mark.parametrize("limit", [1, 1000])
    def test_purging_nothing_is_zero(self, do: Caller, clock: Clock, limit: int) -> None:
        assert do("purge", clock.now(), limit).removed == 0

    def test_removing_for_a_user_ends_that_user_s(self, do: Caller) -> None:
        record = insert(do, user_id=self.user_id(1))
        assert do("remove", [record.digest], self.user_id(1)) == [record.digest]
        assert is_ended(do, record.digest)

    def test_removing_for_a_user_leaves_those_of_others(self, do: Caller) -> None:
        theirs, nobodys = insert(do, user_id=self.user_id(2)), insert(do)
        assert do("remove", [theirs.digest, nobodys.digest], self.user_id(1)) == []
        assert do("read", theirs.digest) == theirs
        assert do("read", nobodys.digest) == nobodys

    @pytest.mark.parametrize("user_id", ODD.values(), ids=ODD)
    def test_removing_for_a_user_that_cannot_be_ends_nothing(
        self, do: Caller, user_id: str
    ) -> None:
        record = insert(do, user_id=self.user_id(1))
        assert do("remove", [record.digest], user_id) == []
        assert do("read", record.digest) == record

"""The two clocks of a record, and a clock of the machine that jumps."""

from frontdesk.clock import SECOND
from frontdesk.storages.record import FOREVER, Changes
from frontdesk.testing.clock import Clock
from frontdesk.testing.conformance.ground import HOUR, MINUTE, Caller, Ground, insert, is_ended


class Limits(Ground):
    """The facts."""

    def test_last_seen_moves_forward(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        do("update", record.digest, Changes(last_seen=clock.now() + 5))
        assert do("read", record.digest).last_seen == clock.now() + 5

    def test_last_seen_never_moves_backwards(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        do("update", record.digest, Changes(last_seen=clock.now() + 9))
        do("update", record.digest, Changes(last_seen=clock.now() + 5))
        assert do("read", record.digest).last_seen == clock.now() + 9

    def test_a_session_lives_until_the_last_moment_of_its_idle_limit(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do, idle=HOUR)
        clock.set(record.last_seen + HOUR - 1)
        assert do("read", record.digest) == record

    def test_a_session_unseen_for_its_idle_limit_is_gone(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=HOUR)
        clock.set(record.last_seen + HOUR)
        assert do("read", record.digest) is None

    def test_a_session_past_its_deadline_is_gone(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=FOREVER, deadline=clock.now() + HOUR)
        clock.advance(3600)
        assert do("read", record.digest) is None

    def test_a_session_with_neither_limit_outlives_them_all(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=FOREVER, deadline=FOREVER)
        clock.advance(10 * 365 * 86_400)
        assert do("read", record.digest) == record

    def test_being_seen_starts_the_idle_limit_anew(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=HOUR)
        clock.advance(3000)
        do("update", record.digest, Changes(last_seen=clock.now()))
        clock.advance(3000)
        assert do("read", record.digest).expires == record.last_seen + 3000 * SECOND + HOUR

    def test_being_seen_does_not_move_the_deadline(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=HOUR, deadline=clock.now() + HOUR + MINUTE)
        clock.advance(3000)
        do("update", record.digest, Changes(last_seen=clock.now()))
        assert do("read", record.digest).expires == record.deadline
        clock.set(record.deadline)
        assert do("read", record.digest) is None

    def test_a_shorter_idle_limit_holds_at_once(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=HOUR)
        do("update", record.digest, Changes(idle=MINUTE))
        clock.advance(61)
        assert do("read", record.digest) is None

    def test_a_longer_idle_limit_holds_at_once(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=HOUR)
        do("update", record.digest, Changes(idle=3 * HOUR))
        clock.advance(2 * 3600)
        assert do("read", record.digest).idle == 3 * HOUR

    def test_a_nearer_deadline_holds_at_once(self, do: Caller, clock: Clock) -> None:
        record = insert(do)
        do("update", record.digest, Changes(deadline=clock.now() + MINUTE))
        clock.advance(61)
        assert do("read", record.digest) is None

    def test_a_later_deadline_holds_at_once(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=FOREVER, deadline=clock.now() + HOUR)
        do("update", record.digest, Changes(deadline=clock.now() + 3 * HOUR))
        clock.advance(2 * 3600)
        assert do("read", record.digest).deadline == record.deadline + 2 * HOUR

    def test_being_seen_does_not_revive_an_expired_session(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=HOUR)
        clock.advance(3601)
        assert do("update", record.digest, Changes(last_seen=clock.now())) is False
        assert do("read", record.digest) is None

    def test_new_limits_do_not_revive_an_expired_session(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=HOUR)
        clock.advance(3601)
        changes = Changes(idle=FOREVER, deadline=FOREVER, values={"cart": b"[2]"})
        assert do("update", record.digest, changes) is False
        assert do("read", record.digest) is None

    def test_an_expired_session_does_not_count_as_ended_by_removal(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do, idle=HOUR)
        clock.advance(3601)
        assert do("remove", [record.digest]) == []
        assert do("read", record.digest) is None

    def test_an_expired_session_cannot_be_rotated(self, do: Caller, clock: Clock) -> None:
        record = insert(do, idle=HOUR)
        new = insert(do).digest[::-1]
        clock.advance(3601)
        assert do("rotate", record.digest, new, Changes(last_seen=clock.now())) is False
        assert do("read", new) is None

    def test_a_clock_that_jumps_back_does_not_shorten_a_session(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do)
        clock.advance(-86_400)
        do("update", record.digest, Changes(last_seen=clock.now(), values={"cart": b"[2]"}))
        assert do("read", record.digest).expires == record.expires

    def test_a_clock_that_jumps_back_does_not_extend_a_session(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do)
        clock.advance(-86_400)
        do("update", record.digest, Changes(last_seen=clock.now()))
        clock.set(record.expires)
        assert do("read", record.digest) is None

    def test_a_clock_that_jumps_back_does_not_revive_an_ended_session(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do)
        do("remove", [record.digest])
        clock.advance(-86_400)
        assert is_ended(do, record.digest)
        assert do("update", record.digest, Changes(last_seen=clock.now())) is False

    def test_a_clock_that_jumps_forward_and_back_ends_nothing(
        self, do: Caller, clock: Clock
    ) -> None:
        record = insert(do)
        clock.advance(7 * 86_400)
        assert do("read", record.digest) is None
        clock.advance(-7 * 86_400)
        assert do("read", record.digest) == record

"""A limit to the sessions of a user: who is beyond it goes, and whoever comes at once is counted."""

import threading

from django.core.cache import caches
from django.db import connections

from frontdesk.clock import SECOND
from frontdesk.storages.base import Storage
from frontdesk.storages.record import Changes
from frontdesk.testing.clock import Clock
from frontdesk.testing.conformance.ground import (
    Caller,
    Ground,
    a_record,
    fresh_digest,
    insert,
    is_ended,
)


class Crowds(Ground):
    """The facts."""

    def test_the_sessions_beyond_a_limit_end_and_those_seen_last_stay(
        self, do: Caller, clock: Clock
    ) -> None:
        inserted = []
        for _ in range(5):
            clock.advance(1)
            inserted.append(insert(do, user_id=self.user_id(1)))
        ended = do("remove_beyond", self.user_id(1), 2)
        assert sorted(ended) == sorted(record.digest for record in inserted[:3])
        assert do("of_user", self.user_id(1)) == inserted[:2:-1]
        assert all(is_ended(do, digest) for digest in ended)

    def test_within_its_limit_a_user_loses_nothing(self, do: Caller) -> None:
        records = [insert(do, user_id=self.user_id(1)) for _ in range(2)]
        assert do("remove_beyond", self.user_id(1), 2) == []
        assert [do("read", record.digest) for record in records] == records

    def test_only_those_among_which_to_choose_end(self, do: Caller, clock: Clock) -> None:
        first = insert(do, user_id=self.user_id(1))
        clock.advance(1)
        last = insert(do, user_id=self.user_id(1))
        assert do("remove_beyond", self.user_id(1), 1, [last.digest]) == [last.digest]
        assert do("read", first.digest) == first

    def test_no_more_end_than_are_beyond_the_limit(self, do: Caller) -> None:
        digests = [insert(do, user_id=self.user_id(1)).digest for _ in range(3)]
        assert len(do("remove_beyond", self.user_id(1), 2, digests)) == 1

    def test_neither_the_ended_nor_the_expired_nor_those_of_others_are_counted(
        self, do: Caller, clock: Clock
    ) -> None:
        insert(do, user_id=self.user_id(1), idle=SECOND)
        insert(do, user_id=self.user_id(2))
        insert(do)
        do("remove", [insert(do, user_id=self.user_id(1)).digest])
        do("rotate", insert(do, user_id=self.user_id(1)).digest, fresh_digest(), Changes())
        clock.advance(1)
        assert do("remove_beyond", self.user_id(1), 1) == []

    def test_a_user_without_a_session_loses_nothing(self, do: Caller) -> None:
        assert do("remove_beyond", self.user_id(1), 0) == []

    def test_whoever_is_beyond_a_limit_can_be_ended_again_and_again(self, do: Caller) -> None:
        for _ in range(3):
            insert(do, user_id=self.user_id(1))
            do("remove_beyond", self.user_id(1), 1)
        assert len(do("of_user", self.user_id(1))) == 1


def arrive_at_once(storage: Storage, user_id: str, limit: int, people: int, *, refuse: bool) -> int:
    """Let ``people`` threads sign in at once under a limit, and return how many sessions are left.

    For storages that threads of a test can share: it commits, so it needs a real transaction.
    """
    barrier, failures = threading.Barrier(people), list[BaseException]()

    def arrive() -> None:
        record = a_record(user_id=user_id)
        try:
            barrier.wait(timeout=30)
            storage.insert(record)
            storage.remove_beyond(user_id, limit, [record.digest] if refuse else None)
        except BaseException as error:  # noqa: BLE001 (handed to the test)
            failures.append(error)
        finally:
            connections.close_all()
            caches.close_all()

    threads = [threading.Thread(target=arrive) for _ in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return len(storage.of_user(user_id))

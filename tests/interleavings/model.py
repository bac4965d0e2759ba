"""A random test of the contract of a storage against a dictionary, for any storage.

For example, with few examples for a place that takes its time::

    run_state_machine_as_test(
        lambda: Contract(storage, do), settings=settings(max_examples=5, stateful_step_count=20)
    )

``do`` runs a flow: :func:`frontdesk.core.flow.run`, or what awaits it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from frontdesk.core import clock
from frontdesk.core.flow import Flow, run
from frontdesk.core.keys import Key
from frontdesk.core.record import GRACE, Changes, Record, merge, rotate
from frontdesk.storages.base import ANYBODY, Storage
from frontdesk.testing import Clock

IDLE = 10 * clock.MINUTE
LASTS = clock.DAY

keys = st.sampled_from(["a", "b", "c"])
values = st.binary(max_size=8)


class Contract(RuleBasedStateMachine):
    """Does what requests do, often with an old record, and compares each answer with the model."""

    known = Bundle("known")
    """Sessions as they were read at some time."""

    def __init__(
        self,
        storage: Storage,
        do: Callable[[Flow[Any]], Any] = run,
        users: Sequence[str] = ("1", "2"),
    ) -> None:
        super().__init__()
        self.storage = storage
        self.do = do
        self.users = users
        self.model: dict[str, Record] = {}
        self.inserted: list[str] = []
        self.clock = Clock()
        self.clock.__enter__()

    def teardown(self) -> None:
        self.clock.__exit__(None, None, None)
        # By the real clock, as the next example begins there, and what had expired is live again.
        self.do(self.storage.end(self.inserted))

    # What requests do.

    @rule(target=known, owner=st.integers(0, 2), key=keys, value=values)
    def sign_in(self, owner: int, key: str, value: bytes) -> Record:
        """Insert a session of a user, or of nobody."""
        new, now = Key.new(), clock.now()
        record = Record(
            id=new.id,
            secret=new.digest,
            values={key: value},
            user_id=[None, *self.users][owner],
            created=now,
            last_seen=now,
            idle=IDLE,
            deadline=now + LASTS,
        )
        assert self.do(self.storage.insert(record))
        self.model[record.id] = record
        self.inserted.append(record.id)
        return record

    @rule(record=known)
    def insert_again(self, record: Record) -> None:
        if self.is_live(record.id):
            assert not self.do(self.storage.insert(replace(record, values={})))

    @rule(target=known, record=known)
    def read(self, record: Record) -> Any:
        found = self.do(self.storage.read(record.id))
        if self.is_live(record.id):
            assert found == self.model[record.id]
            return found
        assert found is None or found.ended is not None
        return multiple()

    @rule(target=known, record=known, key=keys, value=values)
    def put(self, record: Record, key: str, value: bytes) -> Any:
        return self.change(record, lambda found: self.merged(found, values={key: value}))

    @rule(target=known, record=known, key=keys)
    def take(self, record: Record, key: str) -> Any:
        return self.change(record, lambda found: self.merged(found, removed=[key]))

    @rule(target=known, record=known, owner=st.integers(0, 1))
    def sign_in_there(self, record: Record, owner: int) -> Any:
        """Rotate a session of nobody, which becomes a user's."""
        new, now, user_id = Key.new(), clock.now(), self.users[owner]

        def signed_in(found: Record) -> Record:
            if found.user_id is not None:
                return found
            after = self.merged(found, user_id=user_id, fields={"authenticated": now})
            return rotate(after, new.digest, now, None)

        return self.change(record, signed_in)

    @rule(record=consumes(known))
    def end(self, record: Record) -> None:
        self.ended([record.id], ANYBODY, [record])

    @rule(record=known, owner=st.integers(0, 1))
    def end_by_id(self, record: Record, owner: int) -> None:
        self.ended([record.id], self.users[owner])

    @rule(owner=st.integers(0, 1), keep=known)
    def end_others(self, owner: int, keep: Record) -> None:
        expected = {id for id in self.live_of(self.users[owner]) if id != keep.id}
        found = self.do(self.storage.end_of_user(self.users[owner], [keep.id]))
        assert {each.id for each in found} == expected
        self.forget(expected)

    @rule(minutes=st.sampled_from([1, 6, 15]))
    def wait(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=minutes))

    @rule()
    def purge(self) -> None:
        """Only what has expired goes, and all of it is returned once at most."""
        gone = self.do(self.storage.expire(clock.now(), 100))
        assert not {each.id for each in gone} & {id for id in self.model if self.is_live(id)}

    # What must be so at any time.

    @invariant()
    def lists_are_complete(self) -> None:
        for user_id in self.users:
            found = self.do(self.storage.of_user(user_id))
            assert [each.id for each in found] == self.live_of(user_id)
            assert all(each == self.model[each.id] for each in found)

    # The model.

    def is_live(self, id: str) -> bool:
        return id in self.model and self.model[id].is_live(clock.now())

    def live_of(self, user_id: str) -> list[str]:
        """Return the ids of a user's live sessions, most recently used first."""
        found = [each for each in self.model.values() if each.user_id == user_id]
        found.sort(key=lambda each: (each.last_seen, each.id), reverse=True)
        return [each.id for each in found if self.is_live(each.id)]

    def merged(self, found: Record, **changes: Any) -> Record:
        return merge(found, Changes(last_seen=clock.now(), **changes))

    def change(self, known: Record, function: Callable[[Record], Record]) -> Any:
        after = self.do(self.storage.change(known, function))
        if not self.is_live(known.id):
            assert after is None
            return multiple()
        assert after == replace(function(self.model[known.id]), version=after.version)
        self.model[known.id] = after
        return after

    def ended(self, ids: list[str], *args: Any) -> None:
        owner = args[0]
        expected = {
            id for id in ids if self.is_live(id) and owner in {ANYBODY, self.model[id].user_id}
        }
        found = self.do(self.storage.end(ids, *args))
        assert {each.id for each in found} == expected
        assert all(each == self.model[each.id] for each in found)
        self.forget(expected)

    def forget(self, ids: set[str]) -> None:
        """Note that these sessions have ended, which is remembered for the grace period."""
        for id in ids:
            secret = self.model.pop(id).secret
            left = self.do(self.storage.read(id))
            assert (left.secret, left.user_id, left.values) == (secret, None, {})
            assert left.expires == left.ended + GRACE

"""Any sequence of operations has the same results as on the reference implementation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from frontdesk.errors import Conflict
from frontdesk.storages.memory import MemoryStorage
from frontdesk.storages.record import UNCHANGED, Changes
from frontdesk.testing.clock import Clock
from frontdesk.testing.conformance.examples import for_any
from frontdesk.testing.conformance.ground import (
    HOUR,
    MINUTE,
    Caller,
    Ground,
    a_record,
    fresh_digest,
)
from frontdesk.tokens import Digest

SESSIONS = 4
USERS = 2

Step = tuple[str, dict[str, Any]]

# Steps name sessions and users by number. Times are whole minutes, so that nothing is ever so close to
# its end that a cache, which has a clock of its own, might drop it during the test.
_session = st.integers(0, SESSIONS - 1)
_user = st.integers(0, USERS - 1)
_key = st.sampled_from(["cart", "Cart", "", "\x00"])
_minutes = st.integers(1, 90).map(MINUTE.__mul__)

_changes = st.fixed_dictionaries(
    {},
    optional={
        "values": st.dictionaries(_key, st.sampled_from([b"", b"1", b"~\xff"]), max_size=3),
        "removed": st.sets(_key, max_size=2),
        "cleared": st.booleans(),
        "last_seen": st.integers(-30, 30).map(MINUTE.__mul__),
        "idle": _minutes,
        "deadline": _minutes,
        "authenticated": st.integers(0, 9),
        "user_id": st.none() | _user,
        "ip": st.sampled_from(["", "::1"]),
        "expected_version": st.integers(1, 3),
    },
)

_record = st.fixed_dictionaries(
    {"values": st.dictionaries(_key, st.just(b"0"), max_size=2), "idle": _minutes},
    optional={"user_id": _user, "deadline": _minutes},
)


def _step(name: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


# No purge: what it takes, and when, is left to storages whose place has a clock of its own.
_among = st.none() | st.sets(_session, max_size=2)
_steps = st.lists(
    st.one_of(
        _step("insert", session=_session, record=_record),
        _step("update", session=_session, changes=_changes),
        _step("rotate", session=_session, new=_session, changes=_changes),
        _step("remove", sessions=st.lists(_session, max_size=3)),
        _step("remove_for", user=_user, sessions=st.lists(_session, max_size=3)),
        _step("remove_beyond", user=_user, limit=st.integers(0, 2), among=_among),
        _step("remove_of_user", user=_user, keep=st.sets(_session, max_size=2)),
        _step("of_user", user=_user),
        _step("advance", minutes=st.integers(-20, 60)),
    ),
    min_size=4,
    max_size=14,
)


@dataclass
class Run:
    """One sequence, on a storage and on the reference at once."""

    storage: Caller
    model: Caller
    clock: Clock
    digests: list[Digest]
    users: list[str]

    def both(self, verb: str, *args: Any) -> Any:
        expected, found = _outcome(self.model, verb, *args), _outcome(self.storage, verb, *args)
        assert found == expected, (verb, args)
        return found

    def free(self, digest: Digest) -> bool:
        """Whether the digest was never used, or still is; after that, it is nobody's business."""
        used = digest in self.model.storage._slots  # type: ignore[attr-defined]
        return not used or self.model("read", digest) is not None

    def insert(self, session: int, record: dict[str, Any]) -> None:
        digest = self.digests[session]
        if self.free(digest):
            self.both("insert", a_record(digest=digest, **self.absolute(record)))

    def update(self, session: int, changes: dict[str, Any]) -> None:
        self.both("update", self.digests[session], Changes(**self.absolute(changes)))

    def rotate(self, session: int, new: int, changes: dict[str, Any]) -> None:
        old, digest = self.digests[session], self.digests[new]
        if old != digest and self.free(digest):
            self.both("rotate", old, digest, Changes(**self.absolute(changes)))

    def remove(self, sessions: list[int]) -> None:
        self.both("remove", [self.digests[session] for session in sessions])

    def remove_for(self, user: int, sessions: list[int]) -> None:
        self.both("remove", [self.digests[session] for session in sessions], self.users[user])

    def remove_beyond(self, user: int, limit: int, among: set[int] | None) -> None:
        names = None if among is None else [self.digests[session] for session in among]
        self.both("remove_beyond", self.users[user], limit, names)

    def remove_of_user(self, user: int, keep: set[int]) -> None:
        self.both("remove_of_user", self.users[user], [self.digests[session] for session in keep])

    def of_user(self, user: int) -> None:
        self.both("of_user", self.users[user])

    def advance(self, minutes: int) -> None:
        self.clock.advance(60 * minutes)

    def absolute(self, given: dict[str, Any]) -> dict[str, Any]:
        """Turn what is relative to this run into what a storage takes."""
        now = self.clock.now()
        moments: dict[str, Any] = {
            name: now + given[name] for name in ("last_seen", "deadline") if name in given
        }
        user = given.get("user_id", UNCHANGED)
        who: dict[str, Any] = {"user_id": self.users[user]} if isinstance(user, int) else {}
        return {**given, **moments, **who}


class Model(Ground):
    """The fact."""

    def test_any_sequence_of_operations_is_as_on_the_reference(
        self, do: Caller, clock: Clock
    ) -> None:
        start, examples = clock.now(), iter(range(100, 10**6))

        def holds(steps: list[Step]) -> None:
            clock.set(start)
            number = next(examples)
            run = Run(
                storage=do,
                model=Caller(MemoryStorage(), "sync"),
                clock=clock,
                digests=[fresh_digest() for _ in range(SESSIONS)],
                users=[self.user_id(number * USERS + user) for user in range(USERS)],
            )
            run.insert(0, {"values": {"cart": b"0"}, "idle": HOUR, "user_id": 0})
            for name, arguments in steps:
                getattr(run, name)(**arguments)
            for digest in run.digests:
                run.both("read", digest)
            for user in range(USERS):
                run.of_user(user)

        for_any(holds, examples=25, steps=_steps)


def _outcome(do: Callable[..., Any], verb: str, *args: Any) -> Any:
    try:
        found = do(verb, *args)
    except Conflict:
        return Conflict
    if verb == "of_user":
        assert found == sorted(found, key=lambda record: record.last_seen, reverse=True)
        return sorted(found, key=lambda record: str(record.digest))
    return sorted(found) if verb.startswith("remove") else found

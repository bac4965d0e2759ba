"""What the facts stand on: the fixtures, the caller for both colours, records to begin with."""

import hashlib
import inspect
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest
from asgiref.sync import async_to_sync

from frontdesk import clock as real_clock
from frontdesk.clock import DAY, SECOND
from frontdesk.storages.base import Storage
from frontdesk.storages.record import Ended, Record
from frontdesk.testing.clock import Clock
from frontdesk.tokens import Digest

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_numbers = itertools.count(1)

ODD = {
    "empty": "",
    "no-key": "not-a-key",
    "very-long": "9" * 5000,
    "long-number": "9" * 30,
    "negative": "-1",
    "letters": "é座🎈",
    "nul": "1\x00",
    "surrogate": "\ud800",
    "other-digits": "\u0661",  # ARABIC-INDIC DIGIT ONE, of which int() makes 1
    "padded": " 1",
    "underscore": "0_1",
}
"""User ids that nobody has. Those that int() takes for 1 are not user 1's either."""


class Caller:
    """``do("update", digest, changes)`` calls the verb, or awaits its twin that starts with ``a``."""

    def __init__(self, storage: Storage, mode: str) -> None:
        self.storage = storage
        self.mode = mode

    def __call__(self, verb: str, *args: Any) -> Any:
        if self.mode == "sync":
            return getattr(self.storage, verb)(*args)
        return async_to_sync(getattr(self.storage, "a" + verb))(*args)

    def by(self, storage: Storage) -> "Caller":
        """Return a caller of another storage, in the same colour."""
        return Caller(storage, self.mode)


def fresh_digest() -> Digest:
    """Return a digest that no test of this process has used."""
    return Digest(hashlib.sha256(f"conformance {next(_numbers)}".encode()).hexdigest())


def a_record(**given: Any) -> Record:
    """Return a record that is fresh, anonymous, and lives for an hour unseen and a day in all."""
    now = real_clock.now()
    usual = {
        "digest": fresh_digest(),
        "values": {"cart": b"[1]"},
        "created": now,
        "last_seen": now,
        "idle": HOUR,
        "deadline": now + DAY,
    }
    return Record(**{**usual, **given})


class Ground:
    """The fixtures, and the opt-outs."""

    not_applicable: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, reason in cls.not_applicable.items():
            if not inspect.isfunction(getattr(cls, name, None)) or not name.startswith("test_"):
                raise TypeError(f"{cls.__name__}.not_applicable names {name!r}, which is no test.")
            if not reason.strip():
                raise TypeError(f"{cls.__name__}.not_applicable gives no reason for {name!r}.")

    @pytest.fixture(autouse=True)
    def _applicable(self, request: pytest.FixtureRequest) -> None:
        reason = self.not_applicable.get(request.function.__name__)
        if reason:
            pytest.skip(reason)

    @pytest.fixture(autouse=True)
    def clock(self, _applicable: None) -> Iterator[Clock]:
        """The clock of the test. It stands still, so that what is written can be read back exactly."""
        with Clock() as clock:
            yield clock

    @pytest.fixture
    def storage(self) -> Storage:
        """The storage to test: for a subclass to supply."""
        raise NotImplementedError(
            f"{type(self).__name__} must define a fixture named 'storage'; see StorageConformance."
        )

    @pytest.fixture
    def other(self) -> Storage:
        """A second instance over the same place: for a subclass to supply."""
        raise NotImplementedError(
            f"{type(self).__name__} must define a fixture named 'other', or name the tests that ask for "
            "it in not_applicable; see StorageConformance."
        )

    @pytest.fixture(params=["sync", "async"])
    def mode(self, request: pytest.FixtureRequest) -> str:
        """The colour in which the test runs."""
        return str(request.param)

    @pytest.fixture
    def do(self, storage: Storage, mode: str) -> Caller:
        """The caller of the storage's verbs, in the colour of the test."""
        return Caller(storage, mode)

    def user_id(self, number: int) -> str:
        """Return the id of a user, by number."""
        return str(number)


def insert(do: Caller, **given: Any) -> Record:
    """Store a record and return it."""
    record = a_record(**given)
    assert do("insert", record) is True
    return record


def is_ended(do: Caller, digest: Digest) -> bool:
    """Whether the storage remembers that there was a session."""
    return isinstance(do("read", digest), Ended)

"""What operations meet in: storages in memory that can be set back, and the sessions that are there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from frontdesk.core import clock
from frontdesk.core.flow import run
from frontdesk.core.keys import Key
from frontdesk.core.record import FOREVER, Record
from frontdesk.http import middleware, session, transport
from frontdesk.signals import sessions_ended
from frontdesk.storages import documents
from frontdesk.storages.documents import SESSION, DocumentStorage, Write, decoded, encoded
from frontdesk.storages.memory import MemoryStorage

START: Final = 10**15
"""The time at which each order begins."""

HOUR: Final = 60 * clock.MINUTE

ADA, BOB = "7", "8"
"""The ids of two users."""

PHONE, LAPTOP, TABLET, WATCH, BOBS = (
    name.ljust(15, "0") for name in ("phone", "laptop", "tablet", "watch", "bobs")
)
"""The ids of Ada's sessions, and of Bob's."""


class Records(MemoryStorage):
    """The storage in memory, whose steps are ``load``, ``swap`` and ``ids_of``. It purges."""

    now = START

    def save(self) -> frozenset[Any]:
        """Return what is stored, as something that can be compared."""
        return frozenset((encoded(each), _Kept(each)) for each in self._records.values())

    def restore(self, stored: frozenset[Any]) -> None:
        # Sorted, so that an operation goes through them in the same order whenever it is started again.
        records = sorted((kept.record for _, kept in stored), key=lambda each: each.id)
        self._records = {each.id: each for each in records}

    def records(self) -> list[Record]:
        return list(self._records.values())

    def evict(self, id: str) -> None:
        self._records.pop(id, None)


class _Kept(NamedTuple):
    """Lets a record be part of what is compared, without comparing it."""

    record: Record

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return True


class Documents(DocumentStorage):
    """Documents in memory, whose steps are ``get`` and ``cas``. It forgets what has expired."""

    now = START

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[str, tuple[bytes, int]] = {}

    def get(self, names: Collection[str]) -> Mapping[str, bytes]:
        return {name: self.documents[name][0] for name in names if name in self.documents}

    def cas(self, writes: Sequence[Write]) -> list[bool]:
        return [self._write(write) for write in writes]

    def _write(self, write: Write) -> bool:
        there, expires = self.documents.get(write.name, (None, START))
        if documents.version_in(there if expires > self.now else None) != write.version:
            return False
        # A server is told how long it should keep a document, and counts that by its own clock.
        self.documents[write.name] = write.data, self.now + write.expires - clock.now()
        return True

    def save(self) -> frozenset[Any]:
        self.forget()
        return frozenset(self.documents.items())

    def restore(self, stored: frozenset[Any]) -> None:
        self.documents = dict(stored)
        self.forget()

    def forget(self) -> None:
        stored = self.documents.items()
        self.documents = {name: each for name, each in stored if each[1] > self.now}

    def records(self) -> list[Record]:
        stored = self.documents.items()
        return list(decoded(data for name, (data, _) in stored if name.startswith(SESSION)))

    def evict(self, id: str) -> None:
        self.documents.pop(SESSION + id, None)


class Files(Documents):
    """Documents that stay after they have expired, as in files that no purge has deleted yet."""

    def forget(self) -> None:
        """Forget nothing."""


class Users:
    """The hashes of passwords, which password changes replace."""

    def __init__(self) -> None:
        self.hash = "old"

    def get(self) -> str:
        return self.hash

    def set(self, to: str) -> None:
        self.hash = to


Stored = tuple[frozenset[Any], str]
"""What a world has stored."""


class Facts(NamedTuple):
    """What can be said of a stored state, whatever time it is."""

    records: Mapping[str, Record]
    listed: Mapping[str, frozenset[str]]
    """The ids in the index of each user who has a session."""


@dataclass
class World:
    """A storage with sessions. One serves all orders of a meeting."""

    name: str
    make: Callable[[], Any]
    phone: Mapping[str, Any] = field(default_factory=dict)
    """How the session on Ada's phone differs from the usual one."""
    has_others: bool = True
    """Whether there are sessions on Ada's laptop, and of Bob."""
    prepare: Callable[[Any], None] = lambda storage: None
    """Called with the storage that has these sessions."""

    def __str__(self) -> str:
        return f"{self.name}, {getattr(self.make, '__name__', self.make)}"

    @property
    def now(self) -> int:
        return self.storage.now  # type: ignore[no-any-return]

    @now.setter
    def now(self, time: int) -> None:
        self.storage.now = time

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Make the storage, let ``SessionStore`` use it, and let indexes be searched at each write."""
        self.storage = self.make()
        self.users = Users()
        self._facts: dict[Any, Facts] = {}
        sessions_ended.connect(ignore, sender=type(self.storage))
        with (
            patch.object(session, "get_storage", lambda: self.storage),
            patch.object(middleware, "time", self),
            patch.object(documents, "is_crowded", lambda names: True),
        ):
            yield
        del self.storage, self._facts

    def monotonic(self) -> float:
        return clock.now() / clock.SECOND

    def begin(self) -> None:
        self.now = START
        self.users.set("old")
        self.storage.restore(frozenset())
        others = [a_session(LAPTOP), a_session(BOBS, user_id=BOB)] if self.has_others else []
        for each in (a_session(PHONE, **self.phone), *others):
            assert run(self.storage.insert(each))
        self.prepare(self.storage)

    def save(self) -> Stored:
        return self.storage.save(), self.users.hash

    def restore(self, stored: Stored, time: int) -> None:
        self.now = time
        self.storage.restore(stored[0])
        self.users.hash = stored[1]

    def facts(self, stored: Stored) -> Facts:
        """Return what is stored now, which is ``stored``."""
        if stored not in self._facts:
            records = {each.id: each for each in self.storage.records()}
            users = {each.user_id for each in records.values()} - {None}
            listed = {user: frozenset(self.storage.ids_of(user)) for user in users}
            self._facts[stored] = Facts(records, listed)
        return self._facts[stored]


def ignore(**kwargs: Any) -> None:
    """Receive a signal. Without a receiver, the library would not send it."""


def key_of(id: str) -> Key:
    """Return the key with which a session of the beginning was handed out."""
    return Key(id + "0" * 25)


def a_session(id: str, *, user_id: str | None = ADA, **fields: Any) -> Record:
    """Return a session that was used two minutes ago, so that its next use is activity."""
    began = START - 10 * clock.MINUTE
    signed_in = {} if user_id is None else auth(user_id)
    usual = {
        "secret": key_of(id).digest,
        "user_id": user_id,
        "values": {"cart": b"0", **signed_in},
        "created": began,
        "authenticated": None if user_id is None else began,
        "last_seen": START - 2 * clock.MINUTE,
        "idle": HOUR,
        "deadline": began + 30 * clock.DAY,
        "carrier": transport.COOKIE.described(),
        "version": began,
    }
    return Record(id=id, **{**usual, **fields})


def auth(user_id: str) -> dict[str, bytes]:
    """Return the values that ``login()`` stores."""
    return {
        SESSION_KEY: b'"%s"' % user_id.encode(),
        BACKEND_SESSION_KEY: b'"backend"',
        HASH_SESSION_KEY: b'"old"',
    }


def signed_in(storage: Callable[[], Any], **fields: Any) -> World:
    """Ada is signed in on her phone and her laptop."""
    return World("signed in", storage, fields)


def anonymous(storage: Callable[[], Any], **fields: Any) -> World:
    """Ada is signed in on her laptop only."""
    return World("anonymous", storage, {"user_id": None, **fields})


def cut_off(storage: Callable[[], Any]) -> World:
    """A sign-in on Ada's tablet has died, more than a minute ago, when her index already named it."""

    def sign_in(storage: Any) -> None:
        run(storage._list(a_session(TABLET, deadline=FOREVER)))

    return World("a sign-in was cut off", storage, prepare=sign_in)


def frozen(value: Any) -> Hashable:
    """Return ``value`` as something that can be compared and hashed."""
    if isinstance(value, Record):
        return encoded(value)
    if isinstance(value, Mapping):
        return tuple(sorted((key, frozen(each)) for key, each in value.items()))
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if isinstance(value, Exception):
        return repr(value)
    return value  # type: ignore[no-any-return]

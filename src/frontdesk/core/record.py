"""The record of a session, and the pure functions that make one record from another."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from secrets import randbits
from typing import Any, Final, NamedTuple, Protocol

from frontdesk.core.clock import SECOND

GRACE: Final = 30 * SECOND
"""How long an ended session and a replaced secret are remembered.

Requests that left the browser before it learned of the change arrive within this time. They must not
touch the cookie, which may be a newer one by then.
"""

FOREVER: Final = 2**62
"""The deadline of a session without one: far away, but small enough to add an idle timeout to."""


class Serializer(Protocol):
    """What ``SESSION_SERIALIZER`` names (Django: "Session serialization")."""

    def dumps(self, obj: Any) -> bytes:
        """Return ``obj`` as bytes."""

    def loads(self, data: bytes) -> Any:
        """Undo :meth:`dumps`."""


class Former(NamedTuple):
    """A secret that was in force before a rotation."""

    until: int
    """When it is forgotten."""
    user_id: str | None
    """Whose session it was then. A sign-out with this secret ends the session only if it still is."""


@dataclass(slots=True)
class Record:
    """One session, as a storage keeps it. Times and durations are microseconds.

    Treat it as immutable: :func:`dataclasses.replace` makes another. It is not frozen only because
    making a frozen one takes four times as long.
    """

    id: str
    """Public, and the same for the whole life of the session."""
    secret: str
    """The SHA-256 of the secret in force."""
    created: int
    last_seen: int
    idle: int
    """How long the session may go unused."""
    deadline: int
    """When the session ends, however active."""
    authenticated: int | None = None
    """When the user signed in or last entered the password again."""
    ended: int | None = None
    """When the session was ended. Such a record stays for 30 seconds, and never becomes live again."""
    ip: str = ""
    user_agent: str = ""
    carrier: str = ""
    """How the key travels, and the attributes of its cookie in short."""
    version: int = 1
    """Another one after every write.

    A write replaces only the version that it was made from.
    """
    former: Mapping[str, Former] = field(default_factory=dict)
    """The secrets of the last moments, by their SHA-256."""
    values: Mapping[str, bytes] = field(default_factory=dict)
    """The values of the session's dictionary, each serialized on its own."""
    user_id: str | None = None

    @property
    def expires(self) -> int:
        """When the record may be deleted."""
        if self.ended is not None:
            return self.ended + GRACE
        return min(self.last_seen + self.idle, self.deadline)

    def is_live(self, now: int) -> bool:
        """Return whether the session may still be used."""
        return self.ended is None and now < self.expires

    def decoded(self, serializer: Serializer) -> dict[str, Any]:
        """Return the session's dictionary. Raises whatever ``serializer`` does with what it cannot read."""
        return {key: serializer.loads(value) for key, value in self.values.items()}


def next_version() -> int:
    """Return the version for a write, which no other write has.

    Not a count. A transaction that is rolled back leaves its request with a version that is not stored.
    Counted on from there, another request's write would have the same version, and that request would then
    overwrite it, even if it was the end of the session.
    """
    return 1 + randbits(61)


class Unchanged(Enum):
    """The type of :data:`UNCHANGED`."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
"""Stands for "leave the user as it is", because ``None`` means "no user"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one request changed. Everything else keeps the value that is stored when this is written."""

    values: Mapping[str, bytes] = field(default_factory=dict)
    removed: Collection[str] = ()
    cleared: bool = False
    """Whether all values go first, those that other requests have added included."""
    user_id: str | Unchanged | None = UNCHANGED
    last_seen: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    """New values of the record's other fields, by name."""


def merge(record: Record, changes: Changes) -> Record:
    """Return ``record`` with ``changes`` applied, key by key."""
    values = {} if changes.cleared else dict(record.values)
    for key in changes.removed:
        values.pop(key, None)
    values.update(changes.values)
    user_id = record.user_id if changes.user_id is UNCHANGED else changes.user_id
    return replace(
        record, values=values, user_id=user_id, last_seen=changes.last_seen, **changes.fields
    )


def rotate(record: Record, secret: str, now: int, former_user: str | None) -> Record:
    """Return ``record`` under a new secret, whose SHA-256 is ``secret``.

    The secret in force until now is remembered with ``former_user``, whose session it was.
    """
    former = {old: known for old, known in record.former.items() if known.until > now}
    former[record.secret] = Former(now + GRACE, former_user)
    return replace(record, secret=secret, former=former)


def end(record: Record, now: int) -> Record:
    """Return what is left of ``record`` after its end: no user and no values."""
    return Record(
        id=record.id,
        secret=record.secret,
        former=record.former,
        created=record.created,
        last_seen=now,
        idle=0,
        deadline=now,
        ended=now,
        version=record.version,
    )

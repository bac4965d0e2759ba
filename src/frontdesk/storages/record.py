"""What a storage keeps and is told: a session's record, what changed in it, and what became of it.

Plain values and pure functions; the verbs that take and return them are in
:mod:`frontdesk.storages.base`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, NamedTuple

from frontdesk.errors import Conflict
from frontdesk.tokens import Digest

FOREVER: Final = 2**62
"""The deadline of a session that has none; far enough, and small enough to add an idle limit to."""


class Unchanged(Enum):
    """The type of :data:`UNCHANGED`."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
"""Says that a change leaves the user alone, since ``None`` says that there is no user."""


@dataclass(slots=True, kw_only=True)
class Record:
    """One session, as a storage keeps it. Instants and durations are microseconds, see ``clock``.

    Nobody changes one: ``dataclasses.replace`` makes another. Only for speed is it not frozen, as one is
    made for each request, and a frozen one takes four times as long to make.
    """

    digest: Digest
    values: Mapping[str, bytes]
    user_id: str | None = None
    created: int
    authenticated: int | None = None
    last_seen: int
    idle: int
    """How long it may go unseen."""
    deadline: int
    """When it ends for good."""
    ip: str = ""
    user_agent: str = ""
    version: int = 1
    """Grows with every change."""

    @property
    def expires(self) -> int:
        """When it ends, unless it is seen before."""
        return min(self.last_seen + self.idle, self.deadline)


@dataclass(frozen=True, slots=True)
class Ended:
    """What :meth:`Storage.read` finds for ``LEFT_BEHIND`` after a session was removed or rotated."""

    digest: Digest
    until: int


class Expired(NamedTuple):
    """A session whose time was over when :meth:`Storage.purge` deleted it."""

    digest: Digest
    user_id: str | None
    idle: bool
    """Whether it had gone unseen for too long, or its deadline had come."""
    at: int
    """When that was."""


class Purged(NamedTuple):
    """What :meth:`Storage.purge` did."""

    removed: int
    """Rows, files or entries, the memories of ended sessions included."""
    expired: Sequence[Expired]


def expired(record: Record) -> Expired:
    """Return what is to be said of ``record`` when it is purged."""
    idle = record.last_seen + record.idle <= record.deadline
    return Expired(record.digest, record.user_id, idle, record.expires)


def beyond(
    seen: Mapping[Digest, int], limit: int, among: Collection[Digest] | None
) -> list[Digest]:
    """Return which of a user's live sessions, each with when it was ``seen``, go to leave ``limit``.

    The one that was seen longest ago goes first. With ``among``, no other ones go.
    """
    oldest = sorted(seen, key=lambda digest: (seen[digest], digest))
    return [digest for digest in oldest if among is None or digest in among][
        : max(0, len(seen) - limit)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one request changed. What is not named here stays as it is *then*, not as it was read."""

    values: Mapping[str, bytes] = field(default_factory=dict)
    removed: Collection[str] = ()
    cleared: bool = False
    """All values go first, those that others have added meanwhile included."""
    last_seen: int | None = None
    """Never moves backwards: the later one of this and the stored one holds."""
    idle: int | None = None
    deadline: int | None = None
    user_id: str | Unchanged | None = UNCHANGED
    authenticated: int | None = None
    ip: str | None = None
    user_agent: str | None = None
    expected_version: int | None = None
    """When given, and the record is at another one, :exc:`~frontdesk.errors.Conflict` is raised."""


def merged(record: Record, changes: Changes) -> Record:
    """Return ``record`` with ``changes`` applied: the meaning of ``update``, for any storage to use."""
    values = {} if changes.cleared else dict(record.values)
    for key in changes.removed:
        values.pop(key, None)
    values.update(changes.values)
    given = {
        name: value
        for name in ("idle", "deadline", "authenticated", "ip", "user_agent")
        if (value := getattr(changes, name)) is not None
    }
    if changes.user_id is not UNCHANGED:
        given["user_id"] = changes.user_id
    return replace(
        record,
        values=values,
        last_seen=max(record.last_seen, changes.last_seen or 0),
        version=record.version + 1,
        **given,
    )


def require_version(record: Record, changes: Changes) -> None:
    """Raise ``Conflict`` if ``changes`` were made for another version of ``record``."""
    if changes.expected_version not in {None, record.version}:
        raise Conflict(
            f"Session {record.digest} is at version {record.version}, not {changes.expected_version}."
        )

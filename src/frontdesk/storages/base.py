"""The contract of a storage: records by digest, eight verbs, each atomic by itself.

A storage knows no request, no cookie and no policy. It never swallows an error: a fault of the system is
:exc:`~frontdesk.errors.StorageUnavailable`, and what is there but cannot be read is
:exc:`~frontdesk.errors.UndecodableRecord`, never an empty session.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final, Protocol, runtime_checkable

from asgiref.sync import sync_to_async
from django.core.checks import CheckMessage

from frontdesk.clock import SECOND
from frontdesk.errors import Conflict
from frontdesk.outage import Incident
from frontdesk.tokens import Digest

FOREVER: Final = 2**62
"""The deadline of a session that has none; far enough, and small enough to add an idle limit to."""

LEFT_BEHIND: Final = 30 * SECOND
"""How long a storage remembers that a session has ended. Requests that left the browser before it took
a new key arrive within this time; they find out that they were overtaken, and touch nothing."""


class Unchanged(Enum):
    """The type of :data:`UNCHANGED`."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
"""Says that a change leaves the user alone, since ``None`` says that there is no user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One session, as a storage keeps it. Instants and durations are microseconds, see ``clock``."""

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


class Storage(ABC):
    """Where sessions live.

    Options come from ``FRONTDESK["STORAGE"]["OPTIONS"]`` as keyword arguments. One instance serves all
    threads and event loops of a process. The twins that start with ``a`` are supplied by a thread hop;
    a storage whose client is natively asynchronous overrides them.
    """

    thread_sensitive = True
    """Whether the verbs must run on the thread that Django keeps for its database connections."""

    def __init__(self) -> None:
        self.incident = Incident()

    @abstractmethod
    def read(self, digest: Digest) -> Record | Ended | None:
        """Return the record; :class:`Ended` for a while after its end; ``None`` if unknown or expired.

        Raises ``StorageUnavailable`` or ``UndecodableRecord``. Never writes.
        """

    @abstractmethod
    def insert(self, record: Record) -> bool:
        """Store a new record. ``False`` when its digest is taken; never overwrites."""

    @abstractmethod
    def update(self, digest: Digest, changes: Changes) -> bool:
        """Merge ``changes`` into what is there now. ``False`` when it is gone; never creates.

        Raises ``Conflict`` when ``changes.expected_version`` is given and is not the version there,
        ``Contention`` when others were faster each of many times.
        """

    @abstractmethod
    def rotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        """Move the session to a new digest and merge ``changes`` into it, in one step.

        ``False`` when the old one is gone or the new one taken; then nothing has changed.
        """

    @abstractmethod
    def remove(self, digests: Collection[Digest]) -> int:
        """End these sessions and return how many were live. They never answer again."""

    @abstractmethod
    def of_user(self, user_id: str) -> list[Record]:
        """Return every live session of a user, the one that was seen last first."""

    @abstractmethod
    def remove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        """End every session of a user but those to ``keep``; return those that were ended."""

    @abstractmethod
    def purge(self, now: int, limit: int) -> int:
        """Delete up to ``limit`` records that have expired by ``now``; return how many went."""

    @property
    def shared(self) -> bool:
        """Whether several processes of a server see the same sessions."""
        return True

    def check(self) -> list[CheckMessage]:
        """Return what ``manage.py check`` should say about this storage as it is configured."""
        return []

    async def _hop(self, verb: str, *args: Any) -> Any:
        return await sync_to_async(getattr(self, verb), thread_sensitive=self.thread_sensitive)(
            *args
        )

    async def aread(self, digest: Digest) -> Record | Ended | None:
        """See :meth:`read`."""
        return await self._hop("read", digest)  # type: ignore[no-any-return]

    async def ainsert(self, record: Record) -> bool:
        """See :meth:`insert`."""
        return await self._hop("insert", record)  # type: ignore[no-any-return]

    async def aupdate(self, digest: Digest, changes: Changes) -> bool:
        """See :meth:`update`."""
        return await self._hop("update", digest, changes)  # type: ignore[no-any-return]

    async def arotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        """See :meth:`rotate`."""
        return await self._hop("rotate", old, new, changes)  # type: ignore[no-any-return]

    async def aremove(self, digests: Collection[Digest]) -> int:
        """See :meth:`remove`."""
        return await self._hop("remove", digests)  # type: ignore[no-any-return]

    async def aof_user(self, user_id: str) -> list[Record]:
        """See :meth:`of_user`."""
        return await self._hop("of_user", user_id)  # type: ignore[no-any-return]

    async def aremove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        """See :meth:`remove_of_user`."""
        return await self._hop("remove_of_user", user_id, keep)  # type: ignore[no-any-return]

    async def apurge(self, now: int, limit: int) -> int:
        """See :meth:`purge`."""
        return await self._hop("purge", now, limit)  # type: ignore[no-any-return]


@runtime_checkable
class ReadsUser(Protocol):
    """An optional ability: the record and its user, in one read."""

    def read_with_user(self, digest: Digest) -> tuple[Record | Ended | None, Any]:
        """Return what ``read`` does, and the user's model instance.

        The instance is ``UNCHANGED`` when it could not be read along, ``None`` when there is no such user.
        """

    async def aread_with_user(self, digest: Digest) -> tuple[Record | Ended | None, Any]:
        """See :meth:`read_with_user`."""

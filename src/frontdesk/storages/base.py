"""The contract of a storage: records by digest, nine verbs, each atomic by itself.

A storage knows no request, no cookie and no policy. It never swallows an error: a fault of the system is
:exc:`~frontdesk.errors.StorageUnavailable`, and what is there but cannot be read is
:exc:`~frontdesk.errors.UndecodableRecord`, never an empty session.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, runtime_checkable

from django.core import checks
from django.core.checks import CheckMessage

from frontdesk.clock import SECOND
from frontdesk.drive import hop
from frontdesk.outage import Incident
from frontdesk.storages.record import Changes, Ended, Purged, Record
from frontdesk.tokens import Digest

LEFT_BEHIND: Final = 30 * SECOND
"""How long a storage remembers that a session has ended. Requests that left the browser before it took
a new key arrive within this time; they find out that they were overtaken, and touch nothing."""


class Storage(ABC):
    """Where sessions live.

    Options come from ``FRONTDESK["STORAGE"]["OPTIONS"]`` as keyword arguments. One instance serves all
    threads and event loops of a process. The twins that start with ``a`` are supplied by a thread hop;
    a storage whose client is natively asynchronous overrides them.
    """

    thread_sensitive = True
    """Whether the verbs must run on the thread that Django keeps for its database connections."""

    transactional = False
    """Whether a transaction of the project's can roll back what is done here; then ``after_commit`` waits."""

    def __init__(self) -> None:
        self.incident = Incident()
        self.reads_user = isinstance(self, ReadsUser)
        """Whether this is :class:`ReadsUser`; found once, as each request asks."""

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
    def remove(self, digests: Collection[Digest], user_id: str | None = None) -> list[Digest]:
        """End these sessions and return those that were live. They never answer again.

        One that was rotated within ``LEFT_BEHIND`` is ended under the name that it has now, which is
        the one that is returned, if it still belongs to whom it belonged when it moved, be that nobody.
        With ``user_id``, only sessions of that user are ended.
        """

    @abstractmethod
    def of_user(self, user_id: str) -> list[Record]:
        """Return every live session of a user, the one that was seen last first."""

    @abstractmethod
    def remove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        """End every session of a user but those to ``keep``; return those that were ended."""

    @abstractmethod
    def remove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        """End the sessions of a user that are more than ``limit``; return those that were ended.

        Those that were seen longest ago go; with ``among``, only if they are in it. Calls for the same
        user take effect one after the other, so that those who arrive at once are counted one by one.
        """

    @abstractmethod
    def purge(self, now: int, limit: int) -> Purged:
        """Delete up to ``limit`` records that have expired by ``now``."""

    def after_commit(self, function: Callable[[], None]) -> None:
        """Call ``function`` once what this thread has just done here can no longer be rolled back."""
        function()

    @property
    def shared(self) -> bool:
        """Whether several processes of a server see the same sessions."""
        return True

    def check(self) -> list[CheckMessage]:
        """Return what ``manage.py check`` should say about this storage as it is configured."""
        return []

    def check_deployed(self) -> list[CheckMessage]:
        """Return what ``manage.py check --deploy`` should say besides."""
        if self.shared:
            return []
        return [
            checks.Warning(
                f"{type(self).__name__} keeps sessions in the memory of one process: with several, "
                "people are signed in on some requests only, and a restart signs everybody out.",
                hint="Use a storage that processes share, for example the database.",
                id="frontdesk.W010",
            )
        ]

    async def _hop(self, verb: str, *args: Any) -> Any:
        return await hop(getattr(self, verb), *args, thread_sensitive=self.thread_sensitive)

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

    async def aremove(
        self, digests: Collection[Digest], user_id: str | None = None
    ) -> list[Digest]:
        """See :meth:`remove`."""
        return await self._hop("remove", digests, user_id)  # type: ignore[no-any-return]

    async def aof_user(self, user_id: str) -> list[Record]:
        """See :meth:`of_user`."""
        return await self._hop("of_user", user_id)  # type: ignore[no-any-return]

    async def aremove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        """See :meth:`remove_of_user`."""
        return await self._hop("remove_of_user", user_id, keep)  # type: ignore[no-any-return]

    async def aremove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        """See :meth:`remove_beyond`."""
        return await self._hop("remove_beyond", user_id, limit, among)  # type: ignore[no-any-return]

    async def apurge(self, now: int, limit: int) -> Purged:
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


@runtime_checkable
class Scans(Protocol):
    """An optional ability: going through all sessions, for staff. Caches cannot."""

    def scan(self, after: str = "") -> Iterator[Record]:
        """Go through the live records whose digests come after ``after``, in their order.

        A few at a time, so that memory does not grow with their number. One that begins or moves
        meanwhile may be missed.
        """


@runtime_checkable
class CountsExpired(Protocol):
    """An optional ability: saying how much there is to purge, without doing it."""

    def count_expired(self, now: int) -> int:
        """Return how many rows or files ``purge`` would delete."""


@runtime_checkable
class HasTable(Protocol):
    """An optional ability: the sessions are rows, which the ORM can filter, sort and page."""

    def live_rows(self) -> AbstractContextManager[Any]:
        """Give a query set of :class:`frontdesk.models.Session`: what ``scan`` would go through.

        Within the context, a fault of the database raises ``StorageUnavailable``.
        """

"""The contract of a storage.

A storage supplies four primitives: :meth:`Storage.load`, :meth:`~Storage.swap`, :meth:`~Storage.ids_of`
and :meth:`~Storage.purge`. The rest of the contract follows from them, is the same on every storage, and
is written as flows (see ``frontdesk.core.flow``).

A storage knows no request, cookie, policy or setting other than its options. It never turns a fault into
an empty answer: it raises :exc:`~frontdesk.errors.StorageUnavailable` when it cannot answer, and
:exc:`~frontdesk.errors.Contention` when only this call cannot be served. A record that cannot be decoded
is logged and left out.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from asgiref.sync import sync_to_async
from django.core import checks
from django.core.checks import CheckMessage

from frontdesk.core import clock, record
from frontdesk.core.flow import Call, Flow
from frontdesk.core.record import UNCHANGED, Record
from frontdesk.errors import Contention
from frontdesk.storages.outage import Outage

Result = TypeVar("Result")

TRIES: Final = 1000
"""Each lost attempt means that another write succeeded, so only a fault could use up so many."""

BATCH: Final = 500
"""How many records are loaded at once when there may be many."""

Swap = tuple[Record | None, Record]
"""The record that is stored now, or ``None`` for nothing, and the one to store in its place."""


class Anybody(Enum):
    """The type of :data:`ANYBODY`."""

    ANYBODY = "anybody"


ANYBODY: Final = Anybody.ANYBODY
"""Stands for "any owner", because ``None`` means "no user"."""


class Storage(ABC):
    """Where sessions live.

    The options of ``FRONTDESK["STORAGE"]["OPTIONS"]`` are the keyword arguments. One instance serves all
    threads and event loops of a process. Making one must change nothing on a disk or a server.
    """

    thread_sensitive: bool = True
    """Whether the async twins must run in the thread that holds Django's database connections."""

    shared: bool = True
    """Whether the processes of a site see the same sessions."""

    linger: int = 0
    """How much longer than the grace period an end is remembered, in microseconds.

    While sessions move from one of Django's engines, that engine may still have a copy.
    """

    def __init__(self) -> None:
        self.outage: Outage = Outage(
            "The session storage",
            "Requests that need a session get a 503 and keep their cookie.",
        )
        self.loads_user: bool = isinstance(self, LoadsUser)

    # The primitives. Each has an async twin, by default one hop to a thread.

    @abstractmethod
    def load(self, ids: Collection[str], latest: bool = False) -> list[Record]:
        """Return what is stored under ``ids``, ended sessions included, in any order.

        With ``latest``, inside a transaction that reads from a snapshot, see past the snapshot.
        """

    @abstractmethod
    def swap(self, swaps: Sequence[Swap]) -> list[bool]:
        """Store each new record if the version of the old one, or nothing, is still there.

        An old one that has expired is not: no write makes it live again. Return for each whether it was
        stored. Each swap is atomic by itself.
        """

    @abstractmethod
    def ids_of(self, user_id: str) -> list[str]:
        """Return the ids of all sessions of a user. May return others too, never fewer."""

    @abstractmethod
    def purge(self, now: int, limit: int) -> list[Record]:
        """Delete up to ``limit`` records that had expired at ``now``, and return them."""

    async def aload(self, ids: Collection[str], latest: bool = False) -> list[Record]:
        """See :meth:`load`."""
        return await self.hop(self.load, ids, latest)

    async def aswap(self, swaps: Sequence[Swap]) -> list[bool]:
        """See :meth:`swap`."""
        return await self.hop(self.swap, swaps)

    async def aids_of(self, user_id: str) -> list[str]:
        """See :meth:`ids_of`."""
        return await self.hop(self.ids_of, user_id)

    async def apurge(self, now: int, limit: int) -> list[Record]:
        """See :meth:`purge`."""
        return await self.hop(self.purge, now, limit)

    def hop(self, method: Callable[..., Result], *args: Any) -> Awaitable[Result]:
        """Call ``method`` in a thread."""
        return sync_to_async(method, thread_sensitive=self.thread_sensitive)(*args)

    # What follows from the primitives.

    def read(self, id: str, *, latest: bool = False) -> Flow[Record | None]:
        """Return the session, if it is live or has ended within the grace period."""
        return _unexpired((yield from self._load([id], latest=latest)))

    def read_with_user(self, id: str) -> Flow[tuple[Record | None, Any]]:
        """Return what :meth:`read` does, and its user as :meth:`LoadsUser.load_with_user` does."""
        if not self.loads_user:
            return (yield from self.read(id)), UNCHANGED
        found, user = yield from self._watched("load_with_user", id)
        return _unexpired(found), user

    def insert(self, record: Record) -> Flow[bool]:
        """Store a new session. ``False`` if its id is taken. Never overwrites."""
        (stored,) = yield from self._swap([(None, record)])
        return stored

    def change(self, known: Record, function: Callable[[Record], Record]) -> Flow[Record | None]:
        """Apply ``function`` to the session as it is stored now, and return the result.

        ``known`` is the session as it was read. If it has changed since, ``function`` is called again
        with what is stored, so it should only compute. Return ``None`` if the session has ended.
        """
        current: Record | None = known
        if _may_be_outdated(known, clock.now()):
            current = yield from self.read(known.id, latest=True)
        for _ in range(TRIES):
            if current is None or not current.is_live(clock.now()):
                return None
            after = replace(function(current), version=record.next_version())
            (stored,) = yield from self._swap([(current, after)])
            if stored:
                return after
            current = yield from self.read(known.id, latest=True)
            if current is not None and current.version == after.version:
                return current  # stored, but a client that got no answer has sent it twice
        raise Contention(f"Session {known.id} was changed by others {TRIES} times in a row.")

    def end(
        self,
        ids: Collection[str],
        owner: str | Anybody | None = ANYBODY,
        known: Sequence[Record] = (),
    ) -> Flow[list[Record]]:
        """End these sessions if they are ``owner``'s. Return those that were live, as they were.

        Sessions that were read already can be given as ``known``, which saves a read.
        """
        ended: list[Record] = []
        pending = list(dict.fromkeys(ids))
        found: Sequence[Record] = known
        sent: list[tuple[Record, Record]] = []
        for attempt in range(TRIES):
            now = clock.now()  # before reading: what has expired after that may have been used, too
            if attempt or not known or any(_may_be_outdated(each, now) for each in known):
                found = yield from self._load(pending, latest=attempt > 0)
            # Stored, but a client that got no answer has sent it twice.
            versions = {(each.id, each.version) for each in found}
            ended += [each for each, after in sent if (after.id, after.version) in versions]
            live = [
                each for each in found if each.is_live(now) and owner in (ANYBODY, each.user_id)
            ]
            if not live:
                return ended
            sent = [(each, self._ended(each)) for each in live]
            stored = yield from self._swap(sent)
            ended += [each for each, done in zip(live, stored, strict=True) if done]
            pending = [each.id for each, done in zip(live, stored, strict=True) if not done]
            if not pending:
                return ended
        raise Contention(f"Sessions were changed by others {TRIES} times while they were to end.")

    def of_user(self, user_id: str) -> Flow[list[Record]]:
        """Return the live sessions of a user, most recently used first."""
        now = clock.now()  # before reading, see end()
        ids = yield from self._watched("ids_of", user_id)
        found: list[Record] = []
        for start in range(0, len(ids), BATCH):
            found += yield from self._load(ids[start : start + BATCH])
        live = (each for each in found if each.is_live(now) and each.user_id == user_id)
        return sorted(live, key=lambda each: (each.last_seen, each.id), reverse=True)

    def end_of_user(self, user_id: str, keep: Collection[str] = ()) -> Flow[list[Record]]:
        """End all sessions of a user but those to ``keep``. Return those that were live."""
        found = yield from self.of_user(user_id)
        known = [each for each in found if each.id not in keep]
        if not known:
            return []
        return (yield from self.end([each.id for each in known], user_id, known))

    def end_of_users(self, user_ids: Collection[str]) -> Flow[list[Record]]:
        """End all sessions of these users, who were deleted. Return those that were live."""
        ended: list[Record] = []
        for user_id in user_ids:
            ended += yield from self.end_of_user(user_id)
        return ended

    def expire(self, now: int, limit: int) -> Flow[list[Record]]:
        """Delete up to ``limit`` records that had expired at ``now``, and return them."""
        gone: list[Record] = yield from self._watched("purge", now, limit)
        return gone

    def _ended(self, each: Record) -> Record:
        after = record.end(each, clock.now() + self.linger)
        return replace(after, version=record.next_version())

    def _load(self, ids: Collection[str], *, latest: bool = False) -> Flow[list[Record]]:
        found: list[Record] = yield from self._watched("load", ids, latest)
        return found

    def _swap(self, swaps: Sequence[Swap]) -> Flow[list[bool]]:
        stored: list[bool] = yield from self._watched("swap", swaps)
        return stored

    def _watched(self, name: str, *args: Any) -> Flow[Any]:
        return self.outage.watch(Call(self, name, args))

    # What surrounds the contract.

    def after_commit(self, function: Callable[[], None]) -> None:
        """Call ``function`` once no transaction of the project can undo what was done here."""
        function()

    def in_transaction(self) -> bool:
        """Return whether a transaction of the project can still undo what is done here."""
        return False

    def check(self) -> list[CheckMessage]:
        """Return what ``manage.py check`` should say about this storage. Changes nothing."""
        return []

    def check_deployed(self) -> list[CheckMessage]:
        """Return what ``manage.py check --deploy`` should say."""
        if self.shared:
            return []
        return [
            checks.Warning(
                f"{type(self).__name__} keeps sessions in the memory of one process. With several "
                "processes, users are signed in on some requests only; a restart signs all out.",
                hint="Use a storage that processes share, for example the database.",
                id="frontdesk.W010",
            )
        ]


@runtime_checkable
class LoadsUser(Protocol):
    """An optional ability: to read a session together with its user."""

    def load_with_user(self, id: str) -> tuple[list[Record], Any]:
        """Return what ``load([id])`` does, and the user, an instance of the user model.

        The user is ``UNCHANGED`` if it could not be read along, and ``None`` if there is none.
        """

    async def aload_with_user(self, id: str) -> tuple[list[Record], Any]:
        """See :meth:`load_with_user`."""


@runtime_checkable
class Scans(Protocol):
    """An optional ability: to go through all sessions."""

    def scan(self, after: str = "") -> Iterator[Record]:
        """Yield the live records whose ids come after ``after``, in the order of their ids.

        Only a few are in memory at once. A session that begins meanwhile may be missed.
        """

    def count_expired(self, now: int) -> int:
        """Return how many records :meth:`Storage.purge` would delete."""


def _unexpired(found: Collection[Record]) -> Record | None:
    """Return the record in ``found``, which has one at most, unless it may be deleted."""
    now = clock.now()
    for each in found:
        if each.expires > now:
            return each
    return None


def _may_be_outdated(known: Record, now: int) -> bool:
    """Return whether the session has expired by what is known, so that it may have been used since."""
    return known.ended is None and not known.is_live(now)

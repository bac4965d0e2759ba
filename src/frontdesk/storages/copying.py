"""The contract of a storage on top of an authority, with copies of its records in a cache before it.

Every change goes to the authority. Copies go in and out by these rules; :mod:`frontdesk.storages.trust`
has those for a cache that cannot do its part.

1. *Filling.* Who finds no copy puts a random lease there, reads the authority, and replaces the lease by
   a copy, if it is still there. Whatever happens to the record after that read removes the lease or the
   copy before it is reported. A cache that was emptied has lost the lease, so nothing is filled.
2. *Changing.* Before the change, a barrier replaces the copy; after its commit, whatever stands there
   that is not somebody else's barrier is removed. So from before the change until after its commit
   nothing is filled, also if this process dies in between: a barrier that is left behind lasts as long
   as a copy. Of several who change a record, each takes down its own part of the barrier only; whoever
   is alone, as is usual, asks the cache once before and once after.
3. *Ending.* As changing, with a tombstone that nobody takes down. It is put there again after the
   commit, as the cache may have been emptied and filled in between.
4. *Being seen.* That a session was used is written into its copy, if that is still the one from before.
   A copy that has missed it expires early and is read again, so nobody has to make sure.

Inside a transaction the authority may show the past, or what may never come true. What is read there is
not filled before its end, and then it is read again.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from frontdesk import clock
from frontdesk.drive import Call, Flow
from frontdesk.errors import Conflict, StorageUnavailable, UndecodableRecord
from frontdesk.storages import copies
from frontdesk.storages.authority import Authority
from frontdesk.storages.base import Storage
from frontdesk.storages.copies import Copy
from frontdesk.storages.front import Front
from frontdesk.storages.record import Changes, Ended, Record, beyond, merged
from frontdesk.storages.trust import Fence, FrontFailed, Stopwatch, Trust, View
from frontdesk.tokens import Digest

Found = Record | Ended | None

PATIENCE = 10
"""Seconds that a lease lasts: whoever takes longer to read a record may not fill it."""

BRIEF = 1
"""Seconds that is remembered that there is nothing."""

TRIES = 50
"""Of one compare-and-set. Each failure means that somebody else succeeded."""

Cleared = Callable[[View], Flow[None]]


class Mark(NamedTuple):
    """Who holds a barrier up, and until when."""

    name: str
    until: int


class Copying(Storage):
    """``authority`` with ``front`` before it, whose copies last for ``life`` seconds; without a colour.

    See :mod:`frontdesk.storages.fronted` for the verbs, which drive these flows.
    """

    def __init__(
        self,
        authority: Storage,
        front: Front,
        fence: Fence,
        life: int,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        super().__init__()
        self.authority = authority
        self.front = front
        self.trust = Trust(front, fence, stopwatch)
        self.transactional = authority.transactional
        self._life = life
        self._behind = Authority(authority)

    def _read(self, digest: Digest) -> Flow[Found]:
        view = yield from self.trust.view()
        if view is not None:
            name = _name(view, digest)
            try:
                data = yield from self.trust.ask("load", name)
                # Otherwise the answer took too long, or came over a new connection, and so from anywhere.
                if self.trust.holds(view):
                    copy = copies.copy_in(digest, data)
                    if copy is not None:
                        return copy.record
                    lease = copies.lease()
                    if not copies.keeps_out(data) and (
                        yield from self.trust.ask("swap", name, data, lease, PATIENCE)
                    ):
                        return (yield from self._read_and_fill(name, digest, lease))
            except FrontFailed:
                pass
        return (yield Call(self.authority, "read", (digest,)))  # type: ignore[no-any-return]

    def _read_and_fill(self, name: str, digest: Digest, lease: bytes) -> Flow[Found]:
        again = partial(self._filled_later, name, digest, lease)
        found, committed = yield Call(self._behind, "read", (digest, again))
        if committed:
            yield from self._filled(name, lease, found)
        return found  # type: ignore[no-any-return]

    def _filled_later(self, name: str, digest: Digest, lease: bytes, _found: Found) -> Flow[None]:
        with suppress(
            StorageUnavailable, UndecodableRecord
        ):  # of no concern to who waits for a commit
            found = yield Call(self.authority, "read", (digest,))
            yield from self._filled(name, lease, found)

    def _filled(self, name: str, lease: bytes, found: Found) -> Flow[None]:
        """Replace ``lease``, if it is still there, by a copy of what was read after it was put there."""
        if isinstance(found, Record):
            copy = Copy(found, clock.now() + self._life * clock.SECOND)
            with suppress(FrontFailed):
                yield from self.trust.ask("swap", name, lease, copies.written(copy), self._life)

    def _update(self, digest: Digest, changes: Changes) -> Flow[bool]:
        if _only_seen(changes):
            return (yield from self._seen(digest, changes))
        mark = Mark(copies.new_mark(), clock.now() + self._life * clock.SECOND)
        view = yield from self.trust.view()
        if view is not None:
            with suppress(FrontFailed):
                yield from self._raised(view, digest, mark)
        cleared = partial(self._lowered, digest, mark)
        return (  # type: ignore[no-any-return]
            yield from self._changed("update", (digest, changes), lambda _: cleared)
        )

    def _seen(self, digest: Digest, changes: Changes) -> Flow[bool]:
        """Update what nobody has to know at once: when, and from where, the session was used last."""
        view, data, name = (yield from self.trust.view()), None, ""
        if view is not None:
            name = _name(view, digest)
            with suppress(FrontFailed):
                data = yield from self.trust.ask("load", name)
        live, committed = yield Call(
            self._behind, "change", ("update", (digest, changes), _nothing)
        )
        copy = copies.copy_in(digest, data)
        if committed and copy is not None:
            # At the old version: others may have been seen too, so this one cannot be known. modify() is
            # then refused once, which makes it read anew.
            record = replace(merged(copy.record, changes), version=copy.record.version)
            after = copies.written(copy._replace(record=record)) if live else copies.FREE
            left = (copy.until - clock.now()) // clock.SECOND
            seconds = max(left, BRIEF) if live else BRIEF
            with suppress(FrontFailed):
                yield from self.trust.ask("swap", name, data, after, seconds)
        return live  # type: ignore[no-any-return]

    def _rotate(self, old: Digest, new: Digest, changes: Changes) -> Flow[bool]:
        return (yield from self._ended([old], "rotate", old, new, changes))  # type: ignore[no-any-return]

    def _remove(self, digests: Collection[Digest], user_id: str | None) -> Flow[list[Digest]]:
        return (yield from self._ended(digests, "remove", digests, user_id))  # type: ignore[no-any-return]

    def _remove_of_user(self, user_id: str, keep: Collection[Digest]) -> Flow[list[Digest]]:
        records = yield Call(self.authority, "of_user", (user_id,))
        names = [record.digest for record in records if record.digest not in keep]
        return (yield from self._ended(names, "remove_of_user", user_id, keep))  # type: ignore[no-any-return]

    def _remove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None
    ) -> Flow[list[Digest]]:
        records = yield Call(self.authority, "of_user", (user_id,))
        names = beyond({record.digest: record.last_seen for record in records}, limit, among)
        return (  # type: ignore[no-any-return]
            yield from self._ended(names, "remove_beyond", user_id, limit, among)
        )

    # Changes, and what they leave in the cache.

    def _ended(self, names: Collection[Digest], verb: str, *args: Any) -> Flow[Any]:
        """Call a verb that ends these sessions, or some, or others as well, whose names it returns."""
        view = yield from self.trust.view()
        if view is not None:
            with suppress(FrontFailed):
                yield from self._buried(names, view)

        def cleared(result: bool | list[Digest]) -> Cleared:
            ended = [] if isinstance(result, bool) else result
            return partial(self._buried, list(dict.fromkeys([*names, *ended])))

        return (yield from self._changed(verb, args, cleared))

    def _changed(
        self, verb: str, args: tuple[Any, ...], cleared: Callable[[Any], Cleared]
    ) -> Flow[Any]:
        def settled(result: Any) -> Flow[None]:
            return self.trust.settled(cleared(result))

        try:
            result, committed = yield Call(self._behind, "change", (verb, args, settled))
        except StorageUnavailable:
            self.trust.doubt()
            raise
        except Conflict:
            # Nothing has changed, but whoever made this change has read a copy that is behind.
            yield from settled(False)
            raise
        if committed:
            yield from settled(result)
        return result

    def _raised(self, view: View, digest: Digest, mark: Mark) -> Flow[None]:
        joined = partial(copies.raised, mark=mark.name, until=mark.until)
        yield from self._replaced(view, digest, copies.barrier(*mark), b"", joined)

    def _lowered(self, digest: Digest, mark: Mark, view: View) -> Flow[None]:
        left = partial(copies.lowered, mark=mark.name)
        yield from self._replaced(view, digest, copies.FREE, copies.barrier(*mark), left)

    def _replaced(
        self,
        view: View,
        digest: Digest,
        value: bytes,
        own: bytes,
        change: Callable[[bytes | None], bytes | None],
    ) -> Flow[None]:
        """Put ``value`` there; if a barrier of others stands there, what ``change`` makes of that.

        ``own`` is no barrier of others. ``None`` of ``change`` leaves what is there.
        """
        name, kinds = _name(view, digest), copies.LASTING
        data = yield from self.trust.ask("replace", name, value, kinds, own, self._lasts(value))
        if data is None:
            return
        for _ in range(TRIES):
            after = change(data)
            if after is None:
                return
            if (yield from self.trust.ask("swap", name, data, after, self._lasts(after))):
                return
            data = yield from self.trust.ask("load", name)
        raise FrontFailed

    def _lasts(self, data: bytes) -> int:
        return self._life if copies.is_barrier(data) else BRIEF

    def _buried(self, digests: Collection[Digest], view: View) -> Flow[None]:
        if digests:
            names = [_name(view, digest) for digest in digests]
            yield from self.trust.ask("put", names, copies.TOMBSTONE, self._life)


def _name(view: View, digest: Digest) -> str:
    return f"{view.generation}:{digest}"


def _only_seen(changes: Changes) -> bool:
    """Whether these are the changes of a session that was merely used."""
    seen = Changes(last_seen=changes.last_seen, ip=changes.ip, user_agent=changes.user_agent)
    return changes.last_seen is not None and changes == seen


def _nothing(_result: Any) -> Flow[None]:
    yield from ()

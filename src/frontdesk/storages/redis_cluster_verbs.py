"""The verbs of the contract on a Cluster, as flows of rounds.

A round is some steps, each about one key, that are sent to their servers at the same time. Nothing is
atomic but a step, and a process may die between any two. The rules:

1. A name is in its user's index before the session can be live under it, so no list misses one. Names of
   those that are gone stay behind; whoever comes across some drops them, which nobody's answer waits for.
2. A rotation is one step: the old key's ``leave``. The record at the new key waits for it, see
   :mod:`frontdesk.storages.redis_cluster_scripts`.
3. Whoever finds a key whose session has moved follows it. Whoever finds one that is still moving asks the
   old key.
4. Those who hold a user to a limit take turns by the index: they mark the names of those that they will
   end, which works only if nobody has added or marked one meanwhile.
"""

import logging
from collections.abc import Collection, Sequence
from typing import Final

from frontdesk import clock
from frontdesk.drive import Flow
from frontdesk.errors import Conflict, Contention, UndecodableRecord
from frontdesk.storages.record import UNCHANGED, Changes, Ended, Record, beyond
from frontdesk.storages.redis_cluster_lookup import Lookup, Servers, glanced
from frontdesk.storages.redis_cluster_steps import (
    DEADLINE,
    MOVED_TO,
    VERSION,
    Entry,
    Place,
    Step,
    Steps,
    others_in,
    seen_if_live,
    sure,
)
from frontdesk.storages.redis_codec import USER, Fields, decode, text
from frontdesk.storages.redis_commands import Word, found, name_of, owner_of
from frontdesk.tokens import Digest

logger = logging.getLogger("frontdesk")

TRIES = 1000
"""Of one change. Each further one means that somebody else succeeded, so this is never reached unless
something is broken; it is here so that broken does not mean forever."""


_NO_INDEX: Final[tuple[Place | None, Word, list[Entry]]] = (None, b"", [])
"""What is known of the index for a session that is nobody's."""


class ClusterVerbs:
    """Called like :class:`~frontdesk.storages.redis_commands.Commands`, and returns flows."""

    def __init__(self, prefix: str, servers: Servers) -> None:
        self.steps = Steps(prefix)
        self._round = servers.round
        self._lookup = Lookup(self.steps, servers)

    def read(self, digest: Digest) -> Flow[Record | Ended | None]:
        name = name_of(digest)
        if name is None:
            return None
        seen = yield from self._lookup.looked(name, whole=True)
        return found(digest, seen.fields)

    def insert(self, record: Record) -> Flow[bool]:
        name = name_of(record.digest)
        if name is None:
            raise ValueError("a session's digest is 64 lower-case hexadecimal digits")
        for _ in range(TRIES):
            place, stamp, others = _NO_INDEX
            if record.user_id is not None:
                place = self.steps.place(text(record.user_id))
                stamp, others = yield from self._lookup.entered(place, name, record.deadline)
            step = self.steps.insert(name, stamp, record)
            reply, tidying = yield from self._lookup.taken(step, place, stamp, others)
            if tidying:
                yield from self._round(tidying)
            if reply >= 0:
                return bool(reply)
        raise Contention(f"Session {record.digest} came too late {TRIES} times in a row.")

    def change(self, old: Digest, new: Digest | None, changes: Changes) -> Flow[bool]:
        """Update a session, or, with a ``new`` digest, rotate it."""
        name, there = name_of(old), b"" if new is None else name_of(new)
        if name is None or there is None:
            return False
        if there:
            return (yield from self._rotated(old, name, there, changes))
        return (yield from self._updated(old, name, changes))

    def _updated(self, digest: Digest, name: bytes, changes: Changes) -> Flow[bool]:
        known = b""
        for _ in range(TRIES):
            guard = b""
            stamp: Word = b""
            if changes.user_id is not None and _concerns_index(changes):
                seen = yield from self._lookup.looked(name)
                if seen_if_live(seen.fields) is None:
                    return False
                guard, known = seen.fields[VERSION], seen.known
                stamp = yield from self._announced(name, seen.fields, changes)
            (reply,) = yield from self._round(
                [self.steps.change(name, changes, guard, stamp, known)]
            )
            answer, *origin = sure(reply)
            if answer >= 0:
                return bool(answer)
            if answer == -1:
                raise _conflict(digest, changes)
            if origin:
                if not (yield from self._lookup.has_moved(origin[0], name)):
                    return False
                known = origin[0]
        raise _contention(digest)

    def _announced(self, name: bytes, fields: Fields, changes: Changes) -> Flow[Word]:
        """Add the name of a session to the index of whom it will belong to; return when that was."""
        user = _owner_after(fields, changes)
        if user is None:
            return b""
        deadline = changes.deadline or int(fields[DEADLINE])
        stamp, _ = yield from self._lookup.entered(self.steps.place(user), name, deadline)
        return stamp

    def _rotated(self, digest: Digest, old: bytes, new: bytes, changes: Changes) -> Flow[bool]:
        for attempt in range(TRIES):
            try:
                fields, known = yield from self._lookup.looked(old, whole=True)
            except UndecodableRecord:
                return False
            if seen_if_live(fields) is None:
                return False
            if str(changes.expected_version).encode() not in {b"None", fields[VERSION]}:
                raise _conflict(digest, changes)
            was, user = fields.get(USER), _owner_after(fields, changes)
            arrive = self.steps.arrive(new, old, fields, changes, again=attempt > 0)
            place, stamp, others = _NO_INDEX
            if user is None:
                (arrived,) = yield from self._round([arrive])
            else:
                place = self.steps.place(user)
                member = new + old if was == user else new
                deadline = changes.deadline or int(fields[DEADLINE])
                entered, arrived = yield from self._round(
                    [self.steps.enter(place, member, deadline), arrive]
                )
                stamp, others = others_in(entered, member, old)
            if not sure(arrived):
                return False
            left = self.steps.leave(old, new, fields[VERSION], stamp, known)
            reply, tidying = yield from self._lookup.taken(left, place, stamp, others)
            if reply == 1:
                yield from self._settled(old, new, place if was == user else None, tidying)
                return True
        raise _contention(digest)

    def _settled(
        self, old: bytes, new: bytes, place: Place | None, tidying: Sequence[Step]
    ) -> Flow[None]:
        """Tell the new key that it has arrived, and the index. Who next writes to it would do so too."""
        moved = [] if place is None else [self.steps.moved(place, new, old)]
        reply, *_ = yield from self._round([self.steps.settle(new, old), *moved, *tidying])
        if isinstance(reply, Exception):
            logger.warning("A session has a new key, %s, which could not be told so.", new.hex())

    def remove(self, digests: Collection[Digest], user_id: str | None) -> Flow[list[Digest]]:
        names = dict.fromkeys(name for name in map(name_of, digests) if name is not None)
        return (yield from self._ended(names, owner_of(user_id), always=False))

    def of_user(self, user_id: str) -> Flow[list[Record]]:
        place = self.steps.place(text(user_id))
        survey = yield from self._lookup.surveyed(place, text(user_id), whole=True)
        records = []
        for name in survey.live:
            try:
                records.append(decode(Digest(name.hex()), survey.states[name]))
            except UndecodableRecord as error:
                # One damaged record must not hide the others from their owner.
                logger.error("%s It is left out of the list.", error)
        yield from self._lookup.dropped(place, survey, text(user_id))
        return sorted(records, key=lambda record: record.last_seen, reverse=True)

    def remove_of_user(self, user_id: str, keep: Collection[Digest]) -> Flow[list[Digest]]:
        names = yield from self._lookup.names(self.steps.place(text(user_id)))
        kept = set(map(name_of, keep))
        ending = dict.fromkeys(entry.name for entry in names.entries if entry.name not in kept)
        return (yield from self._ended(ending, owner_of(user_id), kept))

    def remove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None
    ) -> Flow[list[Digest]]:
        user = text(user_id)
        place = self.steps.place(user)
        for _ in range(TRIES):
            survey = yield from self._lookup.surveyed(place, user)
            entries = survey.names.entries
            condemned = {entry.name for entry in entries if entry.condemned}
            counted = {
                Digest(name.hex()): seen
                for name, seen in survey.live.items()
                if name not in condemned
            }
            chosen = {bytes.fromhex(digest) for digest in beyond(counted, limit, among)}
            if chosen:
                listed = {entry.name for entry in entries}
                marked = [entry.member for entry in entries if entry.name in chosen]
                marked += chosen - listed
                (reply,) = yield from self._round(
                    [self.steps.condemn(place, survey.names.token, marked)]
                )
                if not sure(reply):
                    continue
            # Whoever comes next does not count them any more, and ends them if this process dies here.
            ending = [name for name in survey.live if name in condemned | chosen]
            ended = yield from self._ended(ending, owner_of(user_id))
            yield from self._lookup.dropped(place, survey, user)
            return ended
        raise Contention(f"The index of a user's sessions was changed {TRIES} times in a row.")

    # Parts of the verbs.

    def _ended(
        self,
        names: Collection[bytes],
        owner: bytes,
        keep: Collection[bytes | None] = (),
        *,
        always: bool = True,
    ) -> Flow[list[Digest]]:
        """End sessions of ``owner``, wherever they are by now but in ``keep``.

        Without ``always``, those that have moved are followed only as long as their end is remembered.
        """
        ended: dict[bytes, bytes] = {}
        going = {name: (name, owner, b"") for name in names}
        while going:  # in the end nobody has moved
            replies = yield from self._round([self.steps.end(*given) for given in going.values()])
            next_, moving = {}, {}
            for (first, (name, whose, _)), reply in zip(going.items(), replies, strict=True):
                answer, *more = sure(reply)
                if answer == 1:
                    ended[first] = name
                elif answer == 2:
                    there, its_owner, until = more
                    followed = always or int(until) > clock.now()
                    if followed and whose in {b"", its_owner} and there not in keep:
                        next_[first] = (there, its_owner, name)
                elif answer == -2:
                    moving[first] = (name, whose, more[0])
            if moving:
                steps = [self.steps.glance(origin) for _, _, origin in moving.values()]
                replies = yield from self._round(steps)
                for (first, given), reply in zip(moving.items(), replies, strict=True):
                    if glanced(reply).get(MOVED_TO) == given[0]:
                        next_[first] = given
            going = next_
        return [Digest(ended[name].hex()) for name in names if name in ended]


def _conflict(digest: Digest, changes: Changes) -> Conflict:
    return Conflict(f"Session {digest} is no longer at version {changes.expected_version}.")


def _contention(digest: Digest) -> Contention:
    return Contention(f"Session {digest} was changed by others {TRIES} times in a row.")


def _concerns_index(changes: Changes) -> bool:
    return changes.user_id is not UNCHANGED or changes.deadline is not None


def _owner_after(fields: Fields, changes: Changes) -> bytes | None:
    user = changes.user_id
    if user is UNCHANGED:
        return fields.get(USER)
    return None if user is None else text(user)

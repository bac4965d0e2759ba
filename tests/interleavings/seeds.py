"""Storages with well-known mistakes. Each is one that a released session library makes, or has made.

``for_request`` gives each request a view of the storage, so that it can remember what it has read, and
``<verb>_in_parts`` is a verb in more steps than one.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import replace

from frontdesk import clock
from frontdesk.drive import Call, Flow
from frontdesk.storages.memory import MemoryStorage
from frontdesk.storages.record import UNCHANGED, Changes, Ended, Record, merged
from frontdesk.tokens import Digest


class Remembering(MemoryStorage):
    """Gives each request a view of the same sessions, with a memory of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[Digest, Record] = {}

    def for_request(self) -> Remembering:
        view = copy.copy(self)
        view.seen = {}
        return view

    def read(self, digest: Digest) -> Record | Ended | None:
        found = super().read(digest)
        if isinstance(found, Record):
            self.seen[digest] = found
        return found


class BlindOverwrite(Remembering):
    """Writes back the whole record that was read, as each of Django's storages does."""

    def update(self, digest: Digest, changes: Changes) -> bool:
        if self._live(digest, changes) is None:
            return False
        after = merged(self.seen.get(digest, self._slots[digest]), changes)
        self._slots[digest] = self.seen[digest] = after
        return True


class CheckThenWrite(MemoryStorage):
    """Looks whether the session is there, and writes in a second step, as Django's cache storage does."""

    def update_in_parts(self, digest: Digest, changes: Changes) -> Flow[bool]:
        there = yield Call(self, "check", (digest, changes))
        return there and (yield Call(self, "write", (digest, merged(there, changes))))

    def check(self, digest: Digest, changes: Changes) -> Record | None:
        return self._live(digest, changes)

    def write(self, digest: Digest, record: Record) -> bool:
        self._slots[digest] = record
        return True


class RecreateOnSave(Remembering):
    """Creates what it was to update, as a storage of key and value does that only knows SET."""

    def update(self, digest: Digest, changes: Changes) -> bool:
        if not super().update(digest, changes):
            if digest not in self.seen:
                return False
            self._slots[digest] = merged(self.seen[digest], changes)
        return True


class RotationInTwoSteps(MemoryStorage):
    """Stores the new key, and ends the old one in a second step, as cycle_key() of Django does."""

    def rotate_in_parts(self, old: Digest, new: Digest, changes: Changes) -> Flow[bool]:
        record = yield Call(self, "copy", (old, new, changes))
        return record and (yield Call(self, "remove", ([old],))) >= 0

    def copy(self, old: Digest, new: Digest, changes: Changes) -> bool:
        record = self._live(old, changes)
        if record is None:
            return False
        self._slots[new] = replace(merged(record, changes), digest=new)
        return True


class RotationInTwoStepsTheOtherWay(MemoryStorage):
    """Ends the old key, and stores the new one in a second step: for a moment there is neither."""

    def rotate_in_parts(self, old: Digest, new: Digest, changes: Changes) -> Flow[bool]:
        record = yield Call(self, "take", (old, changes))
        return record is not None and (
            yield Call(self, "insert", (replace(merged(record, changes), digest=new),))
        )

    def take(self, old: Digest, changes: Changes) -> Record | None:
        record = self._live(old, changes)
        self._end(old)
        return record


class RotationForgetsAMerge(Remembering):
    """Rotates the record as it was read, without what others have merged since."""

    def rotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        record = self._live(old, changes)
        if record is None:
            return False
        self._slots[new] = replace(merged(self.seen.get(old, record), changes), digest=new)
        return self._end(old)


class EndMissesASignIn(MemoryStorage):
    """Lists the user's sessions, and ends those in a second step: one that signs in again is missed."""

    def remove_of_user_in_parts(
        self, user_id: str, keep: Collection[Digest] = ()
    ) -> Flow[list[Digest]]:
        records = yield Call(self, "of_user", (user_id,))
        digests = [record.digest for record in records if record.digest not in keep]
        yield Call(self, "remove", (digests,))
        return digests


class EndDeletes(MemoryStorage):
    """Ends a session by deleting it, without a word to those who come a moment later."""

    def _end(self, digest: Digest) -> bool:
        if self._live(digest) is None:
            return False
        del self._slots[digest]
        return True


class EndLosesTrack(MemoryStorage):
    """Ends the key that it is told and no other, as every released session library does."""

    def _now_at(self, digest: Digest) -> Digest:
        return digest


class ExpiryIsForgotten(MemoryStorage):
    """Lets a write renew a session that has expired but has not been purged."""

    def update(self, digest: Digest, changes: Changes) -> bool:
        found = self._slots.get(digest)
        if not isinstance(found, Record):
            return False
        late = replace(merged(found, changes), last_seen=clock.now())
        self._slots[digest] = late
        return True


class UserOfTheRecordIsNotWritten(MemoryStorage):
    """Merges a sign-in into the values, and forgets the column that lists and ends go by."""

    def update(self, digest: Digest, changes: Changes) -> bool:
        return super().update(digest, replace(changes, user_id=UNCHANGED))

    def rotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        return super().rotate(old, new, replace(changes, user_id=UNCHANGED))


class IgnoresTheVersion(MemoryStorage):
    """Takes every write of modify() for the first one."""

    def update(self, digest: Digest, changes: Changes) -> bool:
        return super().update(digest, replace(changes, expected_version=None))


SEEDS: list[tuple[type[MemoryStorage], tuple[str, ...], bool, set[str]]] = [
    (BlindOverwrite, ("save", "save another key"), True, {"nothing_lost"}),
    (CheckThenWrite, ("save", "logout"), True, {"nothing_revived"}),
    (CheckThenWrite, ("save", "save another key"), True, {"nothing_lost"}),
    (RecreateOnSave, ("save", "logout"), True, {"nothing_revived"}),
    (RecreateOnSave, ("save", "end all"), True, {"nothing_revived"}),
    (RecreateOnSave, ("save", "login"), False, {"nothing_revived"}),
    (RecreateOnSave, ("save", "expire then purge"), True, {"nothing_revived"}),
    (RotationInTwoSteps, ("touch", "login"), False, {"one_live_key"}),
    (RotationInTwoStepsTheOtherWay, ("touch", "login"), False, {"one_live_key"}),
    (RotationForgetsAMerge, ("save", "login"), False, {"nothing_lost"}),
    (EndMissesASignIn, ("login", "end all"), True, {"nothing_revived"}),
    (EndDeletes, ("touch", "login"), False, {"badge_not_taken"}),
    (EndLosesTrack, ("change password", "logout"), True, {"signed_out_is_signed_out"}),
    (EndLosesTrack, ("login", "logout"), True, {"signed_out_is_signed_out"}),
    (ExpiryIsForgotten, ("save", "expire then purge"), True, {"nothing_revived"}),
    (UserOfTheRecordIsNotWritten, ("touch", "login"), False, {"never_somebody_else"}),
    (IgnoresTheVersion, ("count", "count"), True, {"increments_sum_up"}),
]
"""The mistake, a meeting that shows it, and the oracle that must say so."""

"""Well-known mistakes. Each is one that a session library makes or has made, or that this one had.

A mistake is a storage with a method that differs, or a patch of the library's own code. A method named
``<primitive>_in_parts`` is a flow, which takes a primitive apart that should be atomic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, NamedTuple
from unittest.mock import patch

from frontdesk.core import clock, policy, record
from frontdesk.core.flow import Call, Flow
from frontdesk.core.record import Record
from frontdesk.http.session import SessionStore
from frontdesk.http.state import State
from frontdesk.storages import base, documents
from frontdesk.storages.documents import SESSION, UNBORN, Write, encoded, version_in
from tests.interleavings import operations as do
from tests.interleavings import promises, requests
from tests.interleavings.promises import Operation
from tests.interleavings.world import (
    HOUR,
    START,
    Documents,
    Records,
    World,
    anonymous,
    cut_off,
    signed_in,
)


class BlindOverwrite(Documents):
    """Writes without looking at what is there."""

    def _write(self, write: Write) -> bool:
        return super()._write(write._replace(version=self._version(write.name)))

    def _version(self, name: str) -> int:
        return version_in(self.get([name]).get(name))


class VersionNotChecked(BlindOverwrite):
    """Writes if there is something, or nothing, as expected. Which version it is makes no difference."""

    def _write(self, write: Write) -> bool:
        there = self._version(write.name)
        return bool(there) == bool(write.version) and super()._write(write)


class CheckThenWrite(Documents):
    """Compares in one step and writes in the next one."""

    def cas_in_parts(self, writes: Sequence[Write]) -> Flow[list[bool]]:
        stored = []
        for write in writes:
            found = yield Call(self, "get", ([write.name],))
            fits = version_in(found.get(write.name)) == write.version
            if fits:
                yield Call(self, "put", (write,))
            stored.append(fits)
        return stored

    def put(self, write: Write) -> None:
        self.documents[write.name] = write.data, write.expires


class RecordCheckThenWrite(Records):
    """Does so with records."""

    def swap_in_parts(self, swaps: Sequence[Any]) -> Flow[list[bool]]:
        stored = []
        for before, after in swaps:
            found = yield Call(self, "load", ([after.id],))
            fits = [each.version for each in found] == ([before.version] if before else [])
            if fits:
                yield Call(self, "put", (after,))
            stored.append(fits)
        return stored

    def put(self, after: Record) -> None:
        self._records[after.id] = after


class CreatesWhatIsMissing(Documents):
    """Stores a session anew if its document is gone, so a late write that meets nothing inserts."""

    def _write(self, write: Write) -> bool:
        is_gone = write.name.startswith(SESSION) and write.name not in self.documents
        return super()._write(write._replace(version=0) if is_gone else write)


class EndIsDeletion(Records):
    """Deletes a session at its end, and a write creates what is missing."""

    def _swap_one(self, before: Record | None, after: Record) -> bool:
        if before is not None and before.id not in self._records:
            before = None
        stored = super()._swap_one(before, after)
        if stored and after.ended:
            del self._records[after.id]
        return stored


class ExpiredIsAlive(Records):
    """Stores what a stalled request has made of a session that has expired since."""

    def _swap_one(self, before: Record | None, after: Record) -> bool:
        there = self._records.get(after.id)
        if (there and there.version) != (before and before.version):
            return False
        self._records[after.id] = after
        return True


class RotationForgetsTheEnd(Documents):
    """After a conflict, takes over the version that is there, and keeps what it had computed."""

    def change(self, known: Record, function: Callable[[Record], Record]) -> Flow[Record | None]:
        while True:
            after = replace(function(known), version=known.version + 1)
            (stored,) = yield from self._swap([(known, after)])
            if stored:
                return after
            found = yield from self.read(known.id)
            if found is None:
                return None
            known = replace(known, version=found.version)


class IndexAfterRecord(Documents):
    """Lists a session once it is stored."""

    def _swap_documents(self, swaps: Sequence[Any]) -> Flow[list[bool]]:
        writes = [
            Write(
                SESSION + after.id, before.version if before else 0, encoded(after), after.expires
            )
            for before, after in swaps
        ]
        stored = yield Call(self, "cas", (writes,))
        for (_, after), done in zip(swaps, stored, strict=True):
            if done and documents._is_signed_in(after):
                yield from self._list(after)
        return stored  # type: ignore[no-any-return]


class NothingIsAnnounced(Documents):
    """Lists a new session before there is anything of it, so its name looks dead and is removed."""

    def _announce(self, record: Record) -> Flow[int]:
        return 0
        yield


class UnbornLookAlike(Documents):
    """Does not tell two sign-ins under one id from each other before they are stored."""

    def _announce(self, record: Record) -> Flow[int]:
        blank = replace(record, user_id=None, values={}, version=UNBORN + 1)
        name, until = SESSION + record.id, clock.now() + documents.UNBORN_LASTS
        yield Call(self, "cas", ([Write(name, 0, encoded(blank), until)],))
        return UNBORN + 1


class TrustsTheIndex(Documents):
    """Leaves the index alone if the name of a new session is there, though it may be about to go."""

    def _list(self, record: Record, *, becomes_theirs: bool = False) -> Flow[None]:
        return super()._list(record)


class DeadlineInIndexStays(Documents):
    """Keeps the first deadline of a session in the index, though the session may last longer."""

    def _list(self, record: Record, *, becomes_theirs: bool = False) -> Flow[None]:
        ids = yield Call(self, "ids_of", (record.user_id,))
        if record.id not in ids:
            yield from super()._list(record, becomes_theirs=becomes_theirs)


def any_secret(self: SessionStore, key: Any) -> Flow[Record | None]:
    """``SessionStore._find`` that takes a former secret for the one in force."""
    found, self.user = yield from self._read(key)
    if found is None or key.digest not in {found.secret, *found.former}:
        return None
    return found if found.ended is None else None


def forgetful_rotation(current: Record, secret: str, now: int, former_user: str | None) -> Record:
    """``record.rotate`` that does not remember the secret of before."""
    return replace(current, secret=secret)


def due_by_the_past(current: Record, limits: policy.Limits, now: int) -> bool:
    """``policy.activity_is_due`` that believes a time in the future."""
    return now - current.last_seen >= min(limits.activity, current.idle // 4)


def disown_at_any_rate(self: SessionStore) -> Flow[None]:
    """``SessionStore.disown`` that does not look whether the password's hash has been renewed."""
    deadline = clock.now() + record.GRACE
    if self.record is not None:
        yield from self.storage.change(
            self.record, lambda current: replace(current, deadline=deadline)
        )
    self._reset(State.UNKNOWN)
    self.overtaken = True


Patch = Callable[[], AbstractContextManager[Any]]


class Seed(NamedTuple):
    """A mistake, a meeting that shows it, and the promise that it breaks."""

    mistake: Any
    operations: Sequence[Operation]
    breaks: str
    world: Callable[[Any], World] = signed_in
    patch: Patch = nullcontext
    meeting: dict[str, Any] = {}

    @property
    def name(self) -> str:
        mistake = getattr(self.mistake, "__name__", str(self.mistake))
        return f"{mistake}: {', '.join(each.name for each in self.operations)}"


def patched(target: Any, name: str, by: Any) -> Patch:
    return lambda: patch.object(target, name, by)


def long_idle(storage: Any) -> World:
    """The phone may go unused for long, and has one hour left."""
    return signed_in(storage, idle=90 * clock.DAY, deadline=START + HOUR)


def of_the_future(storage: Any) -> World:
    """The phone was last used on a server whose clock is a day ahead."""
    return signed_in(storage, last_seen=START + clock.DAY)


def alone(storage: Any) -> World:
    """Ada has a phone, and there is nothing else."""
    return World("phone only", storage, has_others=False)


HALF_HOURS = {"disturbances": 2, "minutes": 31}
"""Half of the time that a session may go unused, twice."""

SEEDS = [
    Seed(BlindOverwrite, [do.SAVE, do.SAVE_OTHER], promises.LOST),
    Seed(BlindOverwrite, [do.COUNT, do.COUNT], promises.LOST),
    Seed(BlindOverwrite, [do.SAVE, do.SIGN_OUT], promises.REVIVED),
    Seed(BlindOverwrite, [do.SIGN_IN, do.SIGN_IN_TOO], promises.UNLISTED),
    Seed(VersionNotChecked, [do.SAVE, do.SAVE_OTHER], promises.LOST),
    Seed(VersionNotChecked, [do.ROTATE, do.END], promises.REVIVED),
    Seed(VersionNotChecked, [requests.COUNT, requests.COUNT], promises.LOST),
    Seed(CheckThenWrite, [do.SAVE, do.SAVE_OTHER], promises.LOST),
    Seed(CheckThenWrite, [do.USE, do.END_ALL], promises.REVIVED),
    Seed(RecordCheckThenWrite, [do.COUNT, do.COUNT], promises.LOST),
    Seed(RecordCheckThenWrite, [requests.PUT_A, requests.LOG_OUT], promises.REVIVED),
    Seed(CreatesWhatIsMissing, [do.SAVE, do.SIGN_OUT], promises.REVIVED),
    Seed(CreatesWhatIsMissing, [do.SAVE, do.EVICT], promises.REVIVED),
    Seed(EndIsDeletion, [do.SAVE, do.SIGN_OUT], promises.REVIVED),
    Seed(EndIsDeletion, [requests.LOOK, requests.LOG_OUT], promises.REVIVED),
    Seed(ExpiredIsAlive, [do.USE, do.SAVE], promises.REVIVED, meeting=HALF_HOURS),
    Seed(
        "what is known is taken for what is stored",
        [requests.LOG_OUT, do.USE],
        promises.REVIVED,
        patch=patched(base, "_may_be_outdated", lambda known, now: False),
        meeting=HALF_HOURS,
    ),
    Seed(RotationForgetsTheEnd, [do.ROTATE, do.END], promises.REVIVED),
    Seed(RotationForgetsTheEnd, [requests.LOG_IN, requests.LOG_OUT], promises.REVIVED),
    Seed(IndexAfterRecord, [do.SIGN_IN, do.LIST], promises.UNLISTED),
    Seed(IndexAfterRecord, [do.SIGN_IN_HERE], promises.UNLISTED, anonymous),
    Seed(NothingIsAnnounced, [do.SIGN_IN, do.SIGN_IN_TOO], promises.UNLISTED),
    Seed(
        UnbornLookAlike,
        [do.SIGN_IN, do.SIGN_IN, do.PRUNE],
        promises.UNLISTED,
        alone,
        meeting={"kinds": ["pause"]},
    ),
    Seed(TrustsTheIndex, [do.SIGN_IN_FOREVER, do.PRUNE], promises.UNLISTED, cut_off),
    Seed(
        DeadlineInIndexStays,
        [do.EXTEND, do.SIGN_IN],
        promises.UNLISTED,
        long_idle,
        meeting={"minutes": 180},
    ),
    Seed(
        "a former secret is accepted",
        [requests.LOG_IN, requests.LOOK],
        promises.FORMER,
        patch=patched(SessionStore, "_find", any_secret),
    ),
    Seed(
        "a former secret writes",
        [requests.LOG_IN, requests.PUT_A],
        promises.FORMER,
        patch=patched(SessionStore, "_require_secret", lambda self, current: None),
    ),
    Seed(
        "a former secret is forgotten",
        [requests.LOG_IN, requests.TAKE],
        promises.COOKIE,
        anonymous,
        patch=patched(record, "rotate", forgetful_rotation),
    ),
    Seed(
        "no grace period",
        [requests.LOG_IN, requests.TAKE],
        promises.COOKIE,
        anonymous,
        patch=patched(record, "GRACE", 0),
    ),
    Seed(
        "a clock in the future is believed",
        [requests.LOOK],
        promises.FUTURE,
        of_the_future,
        patch=patched(policy, "activity_is_due", due_by_the_past),
    ),
    Seed(
        "what others wrote counts as removed",
        [requests.PUT_TWICE, requests.PUT_B],
        promises.LOST,
        patch=patched(SessionStore, "_as_read", property(lambda self: self.live_record)),
    ),
    Seed(
        "a new password is not noticed",
        [requests.CHANGE_PASSWORD, requests.LOOK_AT_USER],
        promises.LOST,
        patch=patched(SessionStore, "disown", disown_at_any_rate),
    ),
]

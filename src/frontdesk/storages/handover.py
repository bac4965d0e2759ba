"""The second half of a move: what was inserted where it goes is deleted where it came from."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from frontdesk import clock
from frontdesk.drive import Call, Flow, run
from frontdesk.errors import StorageUnavailable
from frontdesk.storages.base import LEFT_BEHIND, Storage
from frontdesk.storages.record import Changes, Ended, Record
from frontdesk.tokens import Digest

logger = logging.getLogger("frontdesk")


def barred(storage: Storage, digest: Digest) -> Flow[None]:
    """Keep a session that was ended where it came from out of ``storage``; ``remove`` is to follow.

    A move that has read it there may be about to insert it. It finds the name taken, first by an empty
    record, see :func:`seen_through`, and then by the memory that ``remove`` leaves of that.
    """
    now = clock.now()
    until = now + LEFT_BEHIND
    bar = Record(
        digest=digest, values={}, created=now, last_seen=now, idle=LEFT_BEHIND, deadline=until
    )
    yield Call(storage, "insert", (bar,))


def seen_through(found: Record | Ended | None) -> Record | Ended | None:
    """Return ``found``, or that it has ended if it is only what :func:`barred` has put there."""
    if (
        isinstance(found, Record)
        and not found.values
        and found.idle == LEFT_BEHIND == found.deadline - found.created
    ):
        return Ended(found.digest, found.deadline)
    return found


def handed_over(storage: Storage, digest: Digest, forget: Call) -> Flow[bool]:
    """Let ``forget`` delete the old copy of a session that has just been inserted in ``storage``.

    ``False`` if it was gone already: then somebody else has ended the session, or moved it and it has
    ended since, and it ends here too. While the insertion can still be rolled back, the old copy stays.
    """
    found = yield from once_committed(storage, partial(_handed_over, storage, digest, forget))
    return found is not False


def _handed_over(storage: Storage, digest: Digest, forget: Call) -> Flow[bool]:
    found = yield from forgotten(digest, forget)
    if not found:
        # Not ``remove``, which would follow it if another sign-in has given it a new key meanwhile.
        yield Call(storage, "update", (digest, Changes(deadline=clock.now())))
    return found


def forgotten(digest: Digest, forget: Call) -> Flow[bool]:
    """Let ``forget`` delete an old copy; return whether it was there, or may be there still."""
    try:
        return bool((yield forget))
    except StorageUnavailable as error:
        # Nobody has to wait for that: the session is found where it has gone, and looked for there first.
        logger.error("The old copy of session %s could not be deleted: %s.", digest, error)
        return True


class Transactional(Protocol):
    """A storage, or a place of Django's sessions."""

    @property
    def transactional(self) -> bool:
        """See :attr:`Storage.transactional`."""

    def after_commit(self, function: Callable[[], None]) -> None:
        """See :meth:`Storage.after_commit`."""


def once_committed(storage: Transactional, flow: Callable[[], Flow[Any]]) -> Flow[Any]:
    """Drive ``flow`` now and return its result, or ``None`` if it waits for a transaction's commit."""
    if not storage.transactional or (yield Call(_commit, "reached", (storage,))):
        return (yield from flow())
    storage.after_commit(partial(_later, flow))
    return None


def _later(flow: Callable[[], Flow[Any]]) -> None:
    try:
        run(flow())
    except StorageUnavailable as error:
        logger.error("The move of a session could not be finished: %s.", error)


class _Commit:
    def reached(self, storage: Transactional) -> bool:
        """Whether what this thread has just done in ``storage`` can no longer be rolled back."""
        answers: list[bool] = []
        storage.after_commit(partial(answers.append, True))
        return bool(answers)

    async def areached(self, storage: Transactional) -> bool:
        return True  # no transaction spans an await


_commit = _Commit()

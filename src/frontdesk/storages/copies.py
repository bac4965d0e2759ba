"""What stands under a name in a cache before the database: a copy of a record, or what keeps copies out.

=========  ====================================================================================
copy       a record, and until when it may be used
lease      somebody reads the database and will put a copy here, if this is still here then
barrier    those who are changing the record, each with the end of its patience: no copies now
tombstone  the session has ended, or got another name: no copies ever
free       nothing; caches can compare and set, not compare and delete
=========  ====================================================================================

What cannot be read counts as free: it is never a session, and never an error.
"""

import json
import secrets
from contextlib import suppress
from typing import Final, NamedTuple

from frontdesk import clock
from frontdesk.errors import UndecodableRecord
from frontdesk.storages.codec import Live, decode, encode
from frontdesk.storages.record import Record
from frontdesk.tokens import Digest

COPY, LEASE, BARRIER = b"c", b"l", b"b"
TOMBSTONE: Final = b"t"
FREE: Final = b"f"

LASTING = BARRIER + TOMBSTONE
"""The first bytes of what only those replace who know what they make of it."""


class Copy(NamedTuple):
    """A record as a cache holds it."""

    record: Record
    until: int
    """When it is too old to be used, whatever happens to the record meanwhile."""


def new_mark() -> str:
    """Return what nobody else has: the mark of a lease, or of one who raises a barrier."""
    return secrets.token_hex(8)


def lease() -> bytes:
    """Return a lease that is nobody else's."""
    return LEASE + new_mark().encode("ascii")


def written(copy: Copy) -> bytes:
    """Return ``copy`` as bytes."""
    return b"%s%d:%s" % (COPY, copy.until, encode(Live(copy.record)))


def copy_in(digest: Digest, data: bytes | None) -> Copy | None:
    """Return the copy that ``data`` holds, if its time, and the session's, is not over."""
    if data is None or data[:1] != COPY:
        return None
    with suppress(UndecodableRecord, ValueError):
        until, _, rest = data[1:].partition(b":")
        slot = decode(digest, rest)
        now = clock.now()
        if isinstance(slot, Live) and now < int(until) and now < slot.record.expires:
            return Copy(slot.record, int(until))
    return None


def keeps_out(data: bytes | None) -> bool:
    """Whether ``data`` says that no copy is to be put in its place."""
    return data is not None and data[:1] in {LEASE, BARRIER, TOMBSTONE}


def barrier(mark: str, until: int) -> bytes:
    """Return a barrier that nobody but ``mark`` holds up."""
    return _barrier({mark: until})


def is_barrier(data: bytes) -> bool:
    """Whether ``data`` is a barrier, which lasts as long as its holders may take."""
    return data[:1] == BARRIER


def raised(data: bytes | None, mark: str, until: int) -> bytes | None:
    """Return the barrier that also ``mark`` holds up; ``None`` if what is there keeps out for good."""
    if data == TOMBSTONE:
        return None
    return _barrier({**_holders(data), mark: until})


def lowered(data: bytes | None, mark: str) -> bytes | None:
    """Return what is to stand there once ``mark`` is done; ``None`` if that is there already."""
    if data is None or data in {TOMBSTONE, FREE}:
        return None
    holders = _holders(data)
    if not holders:
        # A copy or a lease from before the change: the cache had lost the barrier.
        return FREE
    if mark not in holders:
        return None
    del holders[mark]
    return _barrier(holders) if holders else FREE


def _barrier(holders: dict[str, int]) -> bytes:
    return BARRIER + json.dumps(holders).encode("ascii")


def _holders(data: bytes | None) -> dict[str, int]:
    """Return who holds the barrier up, without those who must have died over it."""
    if data is None or data[:1] != BARRIER:
        return {}
    try:
        now = clock.now()
        return {str(mark): until for mark, until in json.loads(data[1:]).items() if until > now}
    except (ValueError, TypeError, AttributeError):
        return {}

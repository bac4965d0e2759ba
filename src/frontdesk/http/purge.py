"""The purge: expired sessions are deleted in batches, and their ends are reported."""

from collections.abc import Callable
from typing import Final

from frontdesk.core import clock
from frontdesk.core.flow import Flow
from frontdesk.core.record import Record
from frontdesk.signals import End, Reason, expired_purged, notify, notify_ends
from frontdesk.storages import get_storage

BATCH: Final = 1000

MARGIN: Final = 10 * clock.MINUTE
"""How long expired sessions are left, because the clocks of servers may differ."""


def purge(
    batch: int = BATCH,
    limit: int | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> Flow[int]:
    """Delete expired sessions in batches, at most ``limit``, and return how many records went.

    ``on_batch`` is called with the size of each batch.
    """
    storage, removed = get_storage(), 0
    while limit is None or removed < limit:
        size = batch if limit is None else min(batch, limit - removed)
        gone = yield from storage.expire(clock.now() - MARGIN, size)
        yield from notify_ends(storage, [_end_of(each) for each in gone if each.ended is None])
        removed += len(gone)
        if on_batch is not None:
            on_batch(len(gone))
        if not gone:
            yield from notify(storage, expired_purged)
            break
    return removed


def _end_of(gone: Record) -> End:
    idle = gone.last_seen + gone.idle <= gone.deadline
    reason = Reason.IDLE if idle else Reason.ABSOLUTE
    return End(gone.id, gone.user_id, reason, gone.expires, gone.ip, gone.user_agent)

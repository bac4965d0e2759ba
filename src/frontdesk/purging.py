"""The purge: removing what has expired in batches, and telling whose sessions those were."""

from collections.abc import Callable

from frontdesk import clock
from frontdesk.asking import asked
from frontdesk.drive import Flow
from frontdesk.signals import End, Reason, expired_cleared, told, told_ends
from frontdesk.storages import get_storage
from frontdesk.storages.base import Storage

BATCH = 1000


def purged(
    batch: int,
    limit: int | None = None,
    *,
    on_batch: Callable[[int], object] = bool,
    rest: Callable[[], bool] = lambda: True,
) -> Flow[int]:
    """Remove what has expired, up to ``limit``; return how many rows, files or entries went.

    ``on_batch`` hears how many went with each batch; ``rest`` is called before the next one, and
    ``False`` ends the purge. When nothing is left, ``expired_cleared`` tells that.
    """
    storage, removed = get_storage(), 0
    while went := (
        yield from _batch(storage, batch if limit is None else min(batch, limit - removed))
    ):
        removed += went
        on_batch(went)
        if (limit is not None and removed >= limit) or not rest():
            return removed
    yield from told(storage, expired_cleared)
    return removed


def _batch(storage: Storage, limit: int) -> Flow[int]:
    done = yield from asked(storage, "purge", clock.now(), limit)
    reasons = {True: Reason.IDLE, False: Reason.ABSOLUTE}
    ends = [End(gone.digest, gone.user_id, reasons[gone.idle], gone.at) for gone in done.expired]
    yield from told_ends(storage, ends)
    return int(done.removed)

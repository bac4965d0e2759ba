"""The counts of the throttle, in the table ``frontdesk_throttle``: one row for each bucket.

An attempt is counted before its password is checked, by one conditional UPDATE. So of any number of
attempts at the same moment, no more pass than the limit says.
"""

from collections.abc import Callable
from typing import Final

from django.db import connections, router, transaction
from django.db.models import F, QuerySet

from frontdesk.core import clock
from frontdesk.core.throttle import QUIET, SKEW, Limit, Window, next_window
from frontdesk.errors import Contention
from frontdesk.models import Throttle
from frontdesk.storages.rows import create_row, delete_some, execute

NAME: Final = "the database of the sign-in throttle"

TRIES: Final = 100
"""How often a bucket is tried while other requests open its windows."""

BATCH: Final = 1000


def take(bucket: str, limit: Limit, *, over: bool = False, alike: bool = False) -> Window | None:
    """Count an attempt and return ``None``; or return the window that is full.

    A SELECT and a write. A full window takes the SELECT alone, and counts nothing. With ``alike``, it counts
    the refusal by a write as well, so that the time does not tell a refusal. With ``over``, it has always
    room. Raises :exc:`~frontdesk.errors.StorageUnavailable`.
    """
    return execute(lambda alias: _take(alias, bucket, limit, over, alike), _alias(), NAME)


def _take(alias: str, bucket: str, limit: Limit, over: bool, alike: bool) -> Window | None:
    inside = connections[alias].in_atomic_block
    table = Throttle.objects.using(alias)
    row = table.filter(pk=bucket)
    if inside and not connections[alias].features.has_select_for_update:
        # SQLite has no row locks. A write, even of no row, locks the database for this transaction.
        table.filter(pk="").update(attempts=0)
    # In a transaction, a locking read sees what others have committed since it began.
    read = (row.select_for_update() if inside else row).values_list(*Window._fields)
    for _ in range(TRIES):
        now, found = clock.now(), read.first()
        if found is None:
            if create_row(table, pk=bucket, **next_window(None, limit, now)._asdict()):
                return None
            continue  # Another request was quicker.
        last = Window(*found)
        same = row.filter(since=last.since, until=last.until)
        if not last.is_open(limit, now):
            if same.update(**next_window(last, limit, now)._asdict()):
                return None
        elif over or last.attempts < limit.most:
            room = same if over else same.filter(attempts__lt=limit.most)
            if room.update(attempts=F("attempts") + 1):
                return None
        else:
            if alike:
                same.update(attempts=F("attempts") + 1)
            return last
    raise Contention(f"{NAME}: too many requests opened a window of the same bucket.")


def give_back(bucket: str, taken: int) -> None:
    """Take back an attempt that was counted at ``taken``: one statement."""

    def update(alias: str) -> None:
        row = Throttle.objects.using(alias).filter(pk=bucket, since__lte=taken, attempts__gt=0)
        row.update(attempts=F("attempts") - 1)

    execute(update, _alias(), NAME)


def report(bucket: str, window: Window) -> bool:
    """Return whether this call is the first to report that this window is full: one statement."""

    def update(alias: str) -> bool:
        row = Throttle.objects.using(alias).filter(pk=bucket, since=window.since, reported=False)
        return row.update(reported=True) == 1

    return execute(update, _alias(), NAME)


def rows() -> QuerySet[Throttle]:
    """Return the rows, in the database that the routers choose."""
    return Throttle.objects.using(_alias())


def purge(limit: int = BATCH) -> int:
    """Delete up to ``limit`` buckets that no longer matter, and return how many went."""
    over = rows().filter(until__lt=clock.now() - QUIET - SKEW)
    return delete_some(over.order_by("until"), limit)


def in_transaction() -> bool:
    """Return whether a transaction of the project is under way in the database of the counts."""
    return connections[_alias()].in_atomic_block


def on_commit(function: Callable[[], None]) -> None:
    """Call ``function`` once that transaction is committed."""
    transaction.on_commit(function, using=_alias())


def _alias() -> str:
    return router.db_for_write(Throttle)

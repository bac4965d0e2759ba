"""All sessions, on any storage: going through them, and ending many.

For staff, so nothing here has a twin: views of the admin and commands are plain functions.

A storage that cannot enumerate its sessions (a cache) is asked for those of each user in the project's
table. Anonymous sessions, and those of users who are gone, are not seen then: :func:`sees_everybody`.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from frontdesk import clock, policy
from frontdesk.accounts import all_user_ids
from frontdesk.asking import asked
from frontdesk.conf import options
from frontdesk.drive import Flow, run
from frontdesk.errors import StorageUnavailable, UndecodableRecord
from frontdesk.sessions import end_all_of
from frontdesk.signals import End, Reason, told_ends
from frontdesk.storages import get_storage
from frontdesk.storages.base import HasTable, Scans, Storage
from frontdesk.storages.record import Record
from frontdesk.tokens import Digest, as_digest
from frontdesk.user_ids import owner_as_text

TOGETHER = 500
"""Sessions that are ended by one call of the storage."""


def sees_everybody() -> bool:
    """Whether the storage can go through all its sessions, the anonymous ones included."""
    return isinstance(get_storage(), Scans)


def all_records(after: str = "") -> Iterator[Record]:
    """Go through the sessions that the storage holds live, a few in memory at a time.

    In the order of their ids, from the one that comes after ``after`` on; or user by user, and from the
    beginning, where the storage does not see everybody. One that begins or gets a new key meanwhile may
    be missed. Raises ``StorageUnavailable``.
    """
    storage = get_storage()
    if isinstance(storage, Scans):
        return _scanned(storage, storage.scan(after))
    return (record for user_id in all_user_ids() for record in records_of(user_id))


def records_of(user_id: str) -> list[Record]:
    """Return the sessions of a user that the storage holds live."""
    return run(asked(get_storage(), "of_user", user_id))


def alive(records: Iterable[Record]) -> Iterator[Record]:
    """Leave out those that are over by today's limits: nobody can use them any more."""
    limits, now = options(), clock.now()
    return (record for record in records if policy.is_alive(record, limits, now))


def end_everybody(reason: Reason) -> int:
    """End all sessions that have begun by now; return how many (OWASP ASVS 7.4.5).

    Gone through again until a pass ends none, since one that gets a new key during a pass may be missed
    by it. Whoever comes meanwhile stays.
    """
    if not sees_everybody():
        return sum(run(end_all_of(user_id, reason)) for user_id in all_user_ids())
    began, ended = clock.now(), 0
    while count := end_records((r for r in all_records() if r.created <= began), reason):
        ended += count
    return ended


def end_records(records: Iterable[Record], reason: Reason) -> int:
    """End these sessions, as they come; return how many were live."""
    pairs, ended = ((record.digest, record.user_id) for record in records), 0
    while batch := dict(islice(pairs, TOGETHER)):
        ended += len(end_owned(batch, reason))
    return ended


def owners_of(names: Iterable[str]) -> dict[Digest, str | None]:
    """Return whose the sessions with these ids are; ``None`` also for one that is not there.

    For ids that somebody chose, a page of them: one query of a table, or else a read for each. What
    can't be an id is left out.
    """
    storage = get_storage()
    digests = [digest for name in names if (digest := as_digest(name))]
    if isinstance(storage, HasTable):
        with storage.live_rows() as live:
            rows = live.filter(pk__in=digests).values_list("pk", "user_id")
            owners = {Digest(pk): owner_as_text(user_id) for pk, user_id in rows}
        return {digest: owners.get(digest) for digest in digests}
    return {digest: _owner_of(digest) for digest in digests}


def _owner_of(digest: Digest) -> str | None:
    try:
        found = run(asked(get_storage(), "read", digest))
    except UndecodableRecord:
        return None  # nobody can use it, and it can be ended all the same
    return found.user_id if isinstance(found, Record) else None


def end_owned(owners: Mapping[Digest, str | None], reason: Reason) -> list[Digest]:
    """End sessions, each given with whose it is; return those that were live."""
    return run(_end_owned(owners, reason))


def _end_owned(owners: Mapping[Digest, str | None], reason: Reason) -> Flow[list[Digest]]:
    """End sessions, each given with whose it is, and tell."""
    storage = get_storage()
    ended: list[Digest] = yield from asked(storage, "remove", list(owners))
    # One that has just got a new key is ended under that. Whose it is follows if all those that were not
    # found under their names are one user's.
    unnamed = {user_id for name, user_id in owners.items() if name not in ended}
    moved = next(iter(unnamed)) if len(unnamed) == 1 else None
    ends = [End(name, owners.get(name, moved), reason) for name in ended]
    yield from told_ends(storage, ends)
    return ended


def _scanned(storage: Storage, records: Iterator[Record]) -> Iterator[Record]:
    """Keep the book of the storage's outages, as ``asked`` does."""
    try:
        yield from records
    except StorageUnavailable as error:
        storage.incident.failed(error)
        raise
    if storage.incident.open:
        storage.incident.answered()

"""What staff do, on any storage: find users, go through sessions, and end them.

The admin and ``manage.py frontdesk`` share these functions. Both are sync code, so there are no async
twins. All raise :exc:`~frontdesk.errors.StorageUnavailable` when the storage cannot answer.
"""

from collections.abc import Iterable, Iterator
from heapq import nlargest
from itertools import islice
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import router
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from frontdesk.conf import options
from frontdesk.core import clock, keys, policy
from frontdesk.core.flow import run
from frontdesk.core.record import Record
from frontdesk.models import HistoryEntry, Session
from frontdesk.sessions import end_all_of
from frontdesk.signals import Reason, ends_of, notify_ends
from frontdesk.storages import get_storage
from frontdesk.storages.base import Scans, Storage
from frontdesk.storages.database import DatabaseStorage
from frontdesk.storages.moving import MovingStorage
from frontdesk.storages.rows import id_of_pk, pk_of_id

BATCH: Final = 500
"""How many sessions or users are in memory, or are ended, at once."""

FOUND: Final = 50
"""How many users a search takes into account."""

STORAGES: Final = {
    "DatabaseStorage": "the database",
    "FileStorage": "files",
    "RedisStorage": "Redis",
    "CacheStorage": "the cache",
    "MemoryStorage": "the memory of this process",
}


def storage_in_words(storage: Storage) -> str:
    """Return where sessions live, for example "the database"."""
    if isinstance(storage, MovingStorage):
        return f"{storage_in_words(storage.new)}, moving from {storage_in_words(storage.old)}"
    name = type(storage).__name__
    return STORAGES.get(name, name)


# Users.


def users_called(name: str) -> list[Any]:
    """Return the users with exactly this user name: one, or none."""
    if "\0" in name:  # no database takes it
        return []
    model: Any = get_user_model()
    return list(model._base_manager.filter(**{model.USERNAME_FIELD: name})[:2])


def users_with_id(user_id: str) -> list[Any]:
    """Return the users with exactly this id: one, or none."""
    pk = pk_of_id(user_id)
    return [] if pk is None else list(get_user_model()._base_manager.filter(pk=pk))


def ids_of_users_like(text: str) -> list[str]:
    """Return the ids of up to :data:`FOUND` users with ``text`` in their user name, or as their id."""
    if "\0" in text:
        return []
    model: Any = get_user_model()
    wanted = Q(**{f"{model.USERNAME_FIELD}__icontains": text})
    pk = pk_of_id(text)
    if pk is not None:
        wanted |= Q(pk=pk)
    found = model._base_manager.filter(wanted).order_by("pk").values_list("pk", flat=True)
    return [id_of_pk(pk) for pk in found[:FOUND]]


def names_of(user_ids: Iterable[str | None]) -> dict[str, str]:
    """Return the user names of those that exist, by user id: one query, none for no ids."""
    pks = [pk_of_id(user_id) for user_id in dict.fromkeys(user_ids)]
    wanted = [pk for pk in pks if pk is not None]
    if not wanted:
        return {}
    model: Any = get_user_model()
    found = model._base_manager.filter(pk__in=wanted).values_list("pk", model.USERNAME_FIELD)
    return {id_of_pk(pk): str(name) for pk, name in found}


def user_in_words(user_id: str | None, names: dict[str, str]) -> str:
    """Return the name of the user of a session. ``names`` is what :func:`names_of` returned."""
    if user_id is None:
        return gettext("anonymous")
    return names.get(user_id) or gettext("deleted user %(id)s") % {"id": user_id}


def all_user_ids() -> Iterator[str]:
    """Yield the ids of all users of the project."""
    pks = get_user_model()._base_manager.order_by("pk").values_list("pk", flat=True)
    return map(id_of_pk, pks.iterator(chunk_size=BATCH))


# Sessions.


def can_list() -> bool:
    """Return whether the storage can go through all sessions."""
    return isinstance(get_storage(), Scans)


def all_sessions() -> Iterator[Record]:
    """Yield the live sessions, in the order of their ids.

    A storage that cannot list its sessions is asked for those of each user. Anonymous sessions, and those
    of deleted users, are missing then.
    """
    storage = get_storage()
    if isinstance(storage, Scans):
        return _alive(storage.scan())
    return (record for user_id in all_user_ids() for record in sessions_of(user_id))


def sessions_of(user_id: str) -> list[Record]:
    """Return the live sessions of a user, most recently used first."""
    return list(_alive(run(get_storage().of_user(user_id))))


def find(session_ids: Iterable[str]) -> list[Record]:
    """Return the live sessions with these ids. Any text may be given as an id."""
    return list(_alive(get_storage().load([each for each in session_ids if keys.is_id(each)])))


def _alive(records: Iterable[Record]) -> Iterator[Record]:
    now, limits = clock.now(), options().limits
    return (record for record in records if policy.is_alive(record, limits, now))


def is_table() -> bool:
    """Return whether sessions are rows of a table, which can be filtered, sorted and counted."""
    return isinstance(get_storage(), DatabaseStorage)


def live_rows() -> QuerySet[Session]:
    """Return the rows of the live sessions, without their values and secrets."""
    now, absolute = clock.now(), options().absolute_timeout
    # From where they are written, because a replica may still show a session that has ended.
    rows = Session.objects.using(router.db_for_write(Session)).defer("data", "secret", "former")
    rows = rows.filter(ended=None, expires__gt=now)
    if absolute is None:
        return rows
    # As policy.is_alive() does, in case the timeout was lowered.
    began = Coalesce(F("authenticated"), F("created"))
    return rows.alias(began=began).filter(began__gt=now - absolute)


def keys_of(user_ids: Iterable[str]) -> list[Any]:
    """Return what rows of these users have in ``user_id``."""
    keys = [pk_of_id(user_id, _key_of_users(Session)) for user_id in user_ids]
    return [key for key in keys if key is not None]


def user_id_in(row: Session | HistoryEntry) -> str | None:
    """Return the id of the user that a row names."""
    return None if row.user_id is None else id_of_pk(row.user_id, _key_of_users(type(row)))


def _key_of_users(model: Any) -> Any:
    return model._meta.get_field("user").target_field


def record_of(row: Session) -> Record:
    """Return a row of the table as a record, without what :func:`live_rows` leaves out."""
    names = ("id", "created", "authenticated", "last_seen", "idle", "deadline", "ip", "user_agent")
    values = {name: getattr(row, name) for name in names}
    return Record(secret="", user_id=user_id_in(row), **values)


def newest(sessions: Iterable[Record], limit: int) -> tuple[int, list[Record]]:
    """Return how many sessions there are, and up to ``limit`` of them, most recently used first."""
    total = 0

    def counted() -> Iterator[Record]:
        nonlocal total
        for total, record in enumerate(sessions, start=1):  # noqa: B007 (it is part of the result)
            yield record

    found = nlargest(limit, counted(), key=lambda record: (record.last_seen, record.id))
    return total, found


def newest_of_all(limit: int) -> tuple[int, list[Record]]:
    """Return what :func:`newest` does for all sessions. A table is not read as a whole."""
    if not is_table():
        return newest(all_sessions(), limit)
    rows = live_rows()
    return rows.count(), [record_of(row) for row in rows.order_by("-last_seen", "-pk")[:limit]]


# Ending.


def end_sessions(session_ids: Iterable[str]) -> Iterator[list[Record]]:
    """End these sessions in batches, and yield those of each batch that were still live."""
    storage, remaining = get_storage(), iter(session_ids)
    while batch := list(islice(remaining, BATCH)):
        ended = run(storage.end(batch))
        run(notify_ends(storage, ends_of(ended, Reason.REVOKED_BY_STAFF)))
        yield ended


def end_sessions_of(user_id: str) -> int:
    """End all sessions of a user, and return how many."""
    return run(end_all_of(user_id, Reason.REVOKED_BY_STAFF))

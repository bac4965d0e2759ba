"""The one read of the database storage: a session and its user in one row.

The session itself never becomes a model instance, which would cost more than the statement.
"""

from operator import itemgetter
from typing import Any

from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper

from frontdesk.errors import UndecodableRecord
from frontdesk.models import Session
from frontdesk.storages.one_row import OneRow, Row
from frontdesk.storages.record import UNCHANGED, Record
from frontdesk.storages.sql import COLUMNS
from frontdesk.storages.text import key_from_text, value_from_text
from frontdesk.tokens import Digest
from frontdesk.user_ids import owner_as_text, user_model

EXPIRES, ENDED = COLUMNS.index("expires"), COLUMNS.index("ended")


class Reader:
    """Reads one session by its digest, with or without its user."""

    def __init__(self, alias: str, *, with_user: bool) -> None:
        self._alias = alias
        self._users = user_model()
        with_user = with_user and router.db_for_write(self._users) == alias
        sessions = Session.objects.using(alias).filter(digest="digest")
        if with_user:
            sessions = sessions.select_related("user")
        # The others are what they seem, on every database.
        plain = [name for name in COLUMNS if name not in {"data", "user_id"}]
        self.row = OneRow(sessions, plain=plain)
        self._columns = itemgetter(*(self.row.places[name] for name in COLUMNS))
        self._user_names: list[str] = []
        if with_user:
            (users,) = self.row.related
            self._user_names = list(users)
            self._user_columns = itemgetter(*users.values())
            self._user_pk = users[self._users._meta.pk.attname]

    def read(self, connection: BaseDatabaseWrapper, digest: Digest) -> Row | None:
        """Return what the database has under ``digest``, for the two methods below."""
        return self.row.fetch(connection, digest)

    def session(self, row: Row) -> Row:
        """Return the session of ``row``, as ``COLUMNS`` has it."""
        return self._columns(row)  # type: ignore[no-any-return]

    def user(self, row: Row) -> Any:
        """Return the user of ``row``; see ``ReadsUser.read_with_user``."""
        if not self._user_names:
            return UNCHANGED
        if row[self._user_pk] is None:
            return None
        return self._users.from_db(self._alias, self._user_names, self._user_columns(row))


def as_record(row: Row) -> Record:
    """Return a row of ``COLUMNS`` as a record. Raises :exc:`~frontdesk.errors.UndecodableRecord`."""
    digest, data, user_id, created, authenticated, seen, idle, deadline, _, _, _, *rest = row
    ip, user_agent, version = rest
    try:
        values = {key_from_text(key): value_from_text(value) for key, value in data.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UndecodableRecord(f"The record of session {digest} is damaged: {error}") from error
    return Record(
        digest=Digest(digest),
        values=values,
        user_id=owner_as_text(user_id),
        created=created,
        authenticated=authenticated,
        last_seen=seen,
        idle=idle,
        deadline=deadline,
        ip=ip,
        user_agent=user_agent,
        version=version,
    )

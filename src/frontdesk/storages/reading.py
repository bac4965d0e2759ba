"""The one read of the database storage: a session and its user in one row.

The session itself never becomes a model instance, which would cost more than the statement.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from django.db import router

from frontdesk.errors import UndecodableRecord
from frontdesk.instances import Instances
from frontdesk.models import Session
from frontdesk.storages.direct import Row
from frontdesk.storages.one_row import OneRow
from frontdesk.storages.record import UNCHANGED, Record
from frontdesk.storages.sql import COLUMNS
from frontdesk.storages.text import loaded, values_from_text
from frontdesk.tokens import Digest
from frontdesk.user_ids import owner_as_text, user_model

EXPIRES, ENDED = COLUMNS.index("expires"), COLUMNS.index("ended")


class Reader:
    """Reads one session by its digest, with or without its user."""

    def __init__(self, alias: str, *, with_user: bool) -> None:
        self._users = user_model()
        with_user = with_user and router.db_for_write(self._users) == alias
        sessions = Session.objects.using(alias).filter(digest="digest")
        if with_user:
            sessions = sessions.select_related("user")
        # The others are what they seem, on every database.
        plain = [name for name in COLUMNS if name != "user_id"]
        self.row = OneRow(sessions, plain=plain)
        self.session: Callable[[Row], Row] = itemgetter(
            *(self.row.places[name] for name in COLUMNS)
        )
        """Returns the session of a row, as ``COLUMNS`` has it."""
        self._instances: Instances | None = None
        if with_user:
            (users,) = self.row.related
            self._instances = Instances(self._users, alias, list(users))
            self._user_columns = itemgetter(*users.values())
            self._user_pk = users[self._users._meta.pk.attname]

    def user(self, row: Row) -> Any:
        """Return the user of ``row``; see ``ReadsUser.read_with_user``."""
        if self._instances is None:
            return UNCHANGED
        if row[self._user_pk] is None:
            return None
        return self._instances.make(self._user_columns(row))


def as_record(row: Row) -> Record:
    """Return a row of ``COLUMNS`` as a record. Raises :exc:`~frontdesk.errors.UndecodableRecord`."""
    digest, data, user_id, created, authenticated, seen, idle, deadline, _, _, _, *rest = row
    ip, user_agent, version = rest
    try:
        # Text as the driver gives it, or what the ORM has made of that.
        values = values_from_text(loaded(data) if isinstance(data, str) else data)
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

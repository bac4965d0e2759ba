"""The one read of the database storage: a session and its user in one row.

The ORM writes the statement once per database; after that it is executed as it is, with a digest as its
only parameter. The ORM's converters are kept, so custom fields and keys arrive as from any query. The
session itself never becomes a model instance, which would cost more than the statement.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from frontdesk.errors import UndecodableRecord
from frontdesk.models import Session
from frontdesk.storages.record import UNCHANGED, Record
from frontdesk.storages.sql import COLUMNS
from frontdesk.storages.text import key_from_text, value_from_text
from frontdesk.tokens import Digest
from frontdesk.user_ids import owner_as_text

Row = Sequence[Any]

EXPIRES, ENDED = COLUMNS.index("expires"), COLUMNS.index("ended")


class Reader:
    """Reads one session by its digest, with or without its user."""

    def __init__(self, alias: str, *, with_user: bool) -> None:
        self._alias = alias
        self._users: Any = get_user_model()
        with_user = with_user and router.db_for_write(self._users) == alias
        # A parameter with a name: for Django's SQLite, which has to put another one into the statement at
        # each execution, that is a tenth of the work. No part of the statement itself has a "%".
        sessions = Session.objects.using(alias).filter(digest="digest")
        if with_user:
            sessions = sessions.select_related("user")
        compiler = sessions.query.get_compiler(alias)
        self._sql = compiler.as_sql()[0] % "%(digest)s"
        own = _places(compiler, compiler.klass_info)
        self._columns = itemgetter(*(own[name] for name in COLUMNS))
        self._user_names: list[str] = []
        if with_user:
            (related,) = compiler.klass_info["related_klass_infos"]
            users = _places(compiler, related)
            self._user_names = list(users)
            self._user_columns = itemgetter(*users.values())
            self._user_pk = users[self._users._meta.pk.attname]
        # Of the session's own columns only this one is not what it seems, on every database.
        plain = {own[name] for name in COLUMNS if name not in {"data", "user_id"}}
        found = compiler.get_converters([expression for expression, _, _ in compiler.select])
        self._converters = [
            (index, convert, expression)
            for index, (converters, expression) in found.items()
            if index not in plain
            for convert in converters
        ]

    def read(self, connection: BaseDatabaseWrapper, digest: Digest) -> Row | None:
        """Return what the database has under ``digest``, for the two methods below."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, {"digest": digest})
            row = cursor.fetchone()
        if row is None:
            return None
        values = list(row)
        for index, convert, expression in self._converters:
            values[index] = convert(values[index], expression, connection)
        return values

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


def _places(compiler: Any, info: Any) -> dict[str, int]:
    """Return where in a row the columns of a model are, by the names of its attributes."""
    return {compiler.select[index][0].target.attname: index for index in info["select_fields"]}


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


def connection_for_sessions() -> BaseDatabaseWrapper:
    """Return the connection of this thread. Reads too go where writes go: a replica may still show a
    session that has ended."""
    return connections[router.db_for_write(Session)]

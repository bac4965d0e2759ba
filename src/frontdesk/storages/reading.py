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
        with_user = with_user and router.db_for_write(get_user_model()) == alias
        sessions = Session.objects.using(alias).filter(digest="digest")
        if with_user:
            sessions = sessions.select_related("user")
        compiler = sessions.query.get_compiler(alias)
        self._sql, _ = compiler.as_sql()
        converters = compiler.get_converters([expression for expression, _, _ in compiler.select])
        self._converters = [(index, *found) for index, found in converters.items()]
        info = compiler.klass_info
        self._columns = _columns(info, compiler.select, COLUMNS)
        self._user_names: list[str] = []
        if with_user:
            (related,) = info["related_klass_infos"]
            indexes = related["select_fields"]
            self._user_names = [compiler.select[index][0].target.attname for index in indexes]
            self._user_columns = itemgetter(*indexes)
            pk = get_user_model()._meta.pk.attname
            self._user_pk = indexes[self._user_names.index(pk)]

    def read(self, connection: BaseDatabaseWrapper, digest: Digest) -> Row | None:
        """Return what the database has under ``digest``, for the two methods below."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, (digest,))
            row = cursor.fetchone()
        if row is None:
            return None
        values = list(row)
        for index, converters, expression in self._converters:
            for convert in converters:
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
        values = self._user_columns(row)
        return get_user_model().from_db(self._alias, self._user_names, values)


def _columns(info: Any, select: Any, names: Sequence[str]) -> Any:
    """Return what takes the columns of these names out of a row."""
    places = {select[index][0].target.attname: index for index in info["select_fields"]}
    return itemgetter(*(places[name] for name in names))


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

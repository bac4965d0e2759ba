"""The one read of the database storage: a session and its user in one row.

The ORM writes the statement once per database; after that it is executed as it is, with a digest as its
only parameter. The ORM's converters are kept, so custom fields and keys arrive as from any query.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper

from frontdesk.errors import UndecodableRecord
from frontdesk.models import Session
from frontdesk.storages.record import UNCHANGED, Record
from frontdesk.storages.sql import owner_as_text
from frontdesk.storages.text import key_from_text, value_from_text
from frontdesk.tokens import Digest

Converters = dict[int, tuple[Any, Any]]


class Reader:
    """Reads one session by its digest, with or without its user."""

    def __init__(self, alias: str, *, with_user: bool) -> None:
        self.with_user = with_user and router.db_for_write(get_user_model()) == alias
        sessions = Session.objects.using(alias).filter(digest="digest")
        if self.with_user:
            sessions = sessions.select_related("user")
        compiler = sessions.query.get_compiler(alias)
        self._sql, _ = compiler.as_sql()
        self._converters: Converters = compiler.get_converters(
            [expression for expression, _, _ in compiler.select]
        )
        info = compiler.klass_info
        self._session = _Columns(Session, info["select_fields"], compiler.select)
        self._user = None
        if self.with_user:
            (related,) = info["related_klass_infos"]
            self._user = _Columns(get_user_model(), related["select_fields"], compiler.select)

    def read(self, connection: BaseDatabaseWrapper, digest: Digest) -> tuple[Session | None, Any]:
        """Return the row and its user; see ``ReadsUser.read_with_user`` for the latter."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, (digest,))
            row = cursor.fetchone()
        if row is None:
            return None, UNCHANGED
        row = self._converted(row, connection)
        session = self._session.instance(connection.alias, row)
        if self._user is None or session is None:
            return session, UNCHANGED
        return session, self._user.instance(connection.alias, row)

    def _converted(self, row: Sequence[Any], connection: BaseDatabaseWrapper) -> list[Any]:
        values = list(row)
        for index, (converters, expression) in self._converters.items():
            for convert in converters:
                values[index] = convert(values[index], expression, connection)
        return values


class _Columns:
    """Which columns of the row make an instance of a model."""

    def __init__(self, model: type[models.Model], indexes: Sequence[int], select: Any) -> None:
        self._model = model
        self._indexes = indexes
        self._names = [select[index][0].target.attname for index in indexes]
        self._pk = indexes[self._names.index(model._meta.pk.attname)]

    def instance(self, alias: str, row: Sequence[Any]) -> Any:
        """Return the instance, or ``None`` where the join found nothing."""
        if row[self._pk] is None:
            return None
        return self._model.from_db(alias, self._names, [row[index] for index in self._indexes])


def as_record(session: Session) -> Record:
    """Return the row as a record. Raises :exc:`~frontdesk.errors.UndecodableRecord`."""
    try:
        values = {key_from_text(key): value_from_text(value) for key, value in session.data.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UndecodableRecord(
            f"The record of session {session.digest} is damaged: {error}"
        ) from error
    return Record(
        digest=Digest(session.digest),
        values=values,
        user_id=owner_as_text(session.user_id),
        created=session.created,
        authenticated=session.authenticated,
        last_seen=session.last_seen,
        idle=session.idle,
        deadline=session.deadline,
        ip=session.ip,
        user_agent=session.user_agent,
        version=session.version,
    )


def connection_for_sessions() -> BaseDatabaseWrapper:
    """Return the connection of this thread. Reads too go where writes go: a replica may still show a
    session that has ended."""
    return connections[router.db_for_write(Session)]

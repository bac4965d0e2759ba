"""Compare-and-set on Django's cache in a database, by statements of its own."""

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
    router,
    transaction,
)

from frontdesk.storages.cas import CompareAndSet


class Database(CompareAndSet):
    """The cache's table, with the stored text as the token: ``UPDATE ... WHERE value = what was read``."""

    faults = (OperationalError, InterfaceError, InternalError)

    def load(self, key: str) -> tuple[bytes | None, Any]:
        with self._cursor() as (cursor, table):
            cursor.execute(f"SELECT value FROM {table} WHERE cache_key = %s", [key])  # noqa: S608
            row = cursor.fetchone()
        return (_plain(row[0]), row[0]) if row else (None, None)

    def load_many(self, keys: Collection[str]) -> dict[str, bytes]:
        marks = ", ".join(["%s"] * len(keys))
        with self._cursor() as (cursor, table):
            cursor.execute(
                f"SELECT cache_key, value FROM {table} WHERE cache_key IN ({marks})",  # noqa: S608
                list(keys),
            )
            return {key: _plain(value) for key, value in cursor.fetchall()}

    def store(self, key: str, token: Any, value: bytes, timeout: int) -> bool:
        with self._cursor() as (cursor, table):
            expires = self._moment(timeout)
            if token is not None:
                cursor.execute(
                    f"UPDATE {table} SET value = %s, expires = %s "  # noqa: S608
                    "WHERE cache_key = %s AND value = %s",
                    [_text(value), expires, key, token],
                )
                return bool(cursor.rowcount == 1)
            try:
                with transaction.atomic(using=self._alias()):
                    cursor.execute(
                        f"INSERT INTO {table} (cache_key, value, expires) "  # noqa: S608
                        "VALUES (%s, %s, %s)",
                        [key, _text(value), expires],
                    )
            except IntegrityError:
                return False
            return True

    def purge(self, limit: int) -> int:
        with self._cursor() as (cursor, table):
            now = self._moment(0)
            cursor.execute(f"SELECT cache_key FROM {table} WHERE expires < %s", [now])  # noqa: S608
            keys = [key for (key,) in cursor.fetchmany(limit)]
            if not keys:
                return 0
            marks = ", ".join(["%s"] * len(keys))
            cursor.execute(
                f"DELETE FROM {table} WHERE expires < %s AND cache_key IN ({marks})",  # noqa: S608
                [now, *keys],
            )
            return int(cursor.rowcount)

    def _alias(self) -> str:
        # Reads too go where writes go: a replica may still show a session that has ended.
        return router.db_for_write(self.cache.cache_model_class)

    @contextmanager
    def _cursor(self) -> Iterator[tuple[Any, str]]:
        connection = connections[self._alias()]
        with connection.cursor() as cursor:
            yield cursor, connection.ops.quote_name(self.cache._table)

    def _moment(self, timeout: int) -> Any:
        zone = UTC if settings.USE_TZ else None
        moment = datetime.now(zone) + timedelta(seconds=timeout)
        # Whole seconds, as in Django's own rows of this table.
        return connections[self._alias()].ops.adapt_datetimefield_value(
            moment.replace(microsecond=0)
        )


def _text(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _plain(text: str) -> bytes:
    return b64decode(text.encode("ascii"))

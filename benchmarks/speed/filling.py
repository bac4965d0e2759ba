"""Fill tables with sessions by SQL: a million in seconds, each readable by a key that its number gives.

Row number ``n`` belongs to the key that is ``n`` written with 32 digits, so any of them can be asked for by
an ordinary request. Digests are as random as any, so the index is built as it would be in life.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from django.db import connection

LARGE = 2_000_000
"""From so many rows on, indexes are built once all rows are there, and PostgreSQL writes no log of them."""


def key_of(number: int) -> str:
    """Return the key of a row."""
    return f"{number:032d}"


def fill_users(first: int, count: int) -> tuple[int, int]:
    """Copy the first user; the names are numbers from ``first`` on. Return the lowest and the highest id."""
    columns = (
        "password, is_superuser, first_name, last_name, email, is_staff, is_active, date_joined"
    )
    execute(
        f"INSERT INTO auth_user (username, {columns}) SELECT {text('n')}, {columns} "
        f"FROM auth_user, {numbers(first, count)} WHERE auth_user.id = (SELECT MIN(id) FROM auth_user)"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(id) - %s + 1, MAX(id) FROM auth_user", [count])
        return cursor.fetchone()


def fill_stock(first: int, count: int, data: str, *, expired: bool = False) -> None:
    """Add rows to the table of Django's ``db`` engine, all with the same ``data``."""
    day = "-20 days" if expired else "+14 days"
    if connection.vendor == "postgresql":
        expires = f"now() + interval '{day}' + n %% 1000 * interval '1 second'"
    else:
        expires = f"datetime('now', '{day}', '+' || (n %% 1000) || ' seconds')"
    with indexes_later("django_session", count):
        execute(
            "INSERT INTO django_session (session_key, session_data, expire_date) "
            f"SELECT {text('n')}, '{data}', {expires} FROM {numbers(first, count)}"
        )


def settle() -> None:
    """Let the database learn what its tables hold, and write it down."""
    if connection.vendor == "postgresql":
        execute("VACUUM ANALYZE")
        execute("CHECKPOINT")
    else:
        execute("ANALYZE")
        execute("PRAGMA wal_checkpoint(TRUNCATE)")


def bytes_of(table: str) -> dict[str, int]:
    """Return the bytes of a table and those of its indexes."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_table_size(%s), pg_indexes_size(%s)", [table, table])
            rows, indexes = cursor.fetchone()
            return {"table": rows, "indexes": indexes}
        cursor.execute(
            "SELECT m.type, SUM(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name "
            "WHERE m.tbl_name = %s GROUP BY m.type",
            [table],
        )
        found = dict(cursor.fetchall())
        return {"table": found.get("table", 0), "indexes": found.get("index", 0)}


@contextmanager
def watched() -> Iterator[list[float]]:
    """Give the seconds of each statement within."""
    seen: list[float] = []

    def watch(execute: Any, *given: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*given)
        finally:
            seen.append(time.perf_counter() - began)

    with connection.execute_wrapper(watch):
        yield seen


# --- dialects -----------------------------------------------------------------------------------


def numbers(first: int, count: int) -> str:
    """Return a table ``numbers`` of so many numbers ``n``."""
    last = first + count - 1
    if connection.vendor == "postgresql":
        return f"generate_series({first}, {last}) AS numbers(n)"
    return (
        f"(WITH RECURSIVE numbers(n) AS (VALUES({first}) UNION ALL SELECT n + 1 FROM numbers "
        f"WHERE n < {last}) SELECT n FROM numbers)"
    )


def text(number: str) -> str:
    """Return the key of a number."""
    if connection.vendor == "postgresql":
        return f"lpad({number}::text, 32, '0')"
    return f"printf('%%032d', {number})"


def digest(number: str) -> str:
    """Return the digest of the key of a number."""
    if connection.vendor == "postgresql":
        return f"encode(sha256(convert_to({text(number)}, 'UTF8')), 'hex')"
    connection.ensure_connection()
    connection.connection.create_function(
        "digest_of", 1, lambda n: sha256(key_of(n).encode()).hexdigest(), deterministic=True
    )
    return f"digest_of({number})"


@contextmanager
def indexes_later(table: str, count: int) -> Iterator[None]:
    """Drop the indexes of an empty table that gets many rows, and build them once all are there."""
    if count < LARGE:
        yield
    elif connection.vendor == "postgresql":
        with _indexes_of_postgresql(table):
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = %s AND sql <> ''",
                [table],
            )
            indexes = cursor.fetchall()
        execute("PRAGMA cache_size = -2000000")
        execute("PRAGMA journal_mode = OFF")
        for name, _ in indexes:
            execute(f'DROP INDEX "{name}"')
        yield
        for _, sql in indexes:
            execute(sql)
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA cache_size = -2000")  # SQLite's own default
        execute("PRAGMA shrink_memory")


@contextmanager
def _indexes_of_postgresql(table: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = %s::regclass AND contype = 'p'",
            [table],
        )
        ((key, definition),) = cursor.fetchall()
        execute(f'ALTER TABLE {table} DROP CONSTRAINT "{key}"')
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table])
        indexes = cursor.fetchall()
    for name, _ in indexes:
        execute(f'DROP INDEX "{name}"')
    execute(f"ALTER TABLE {table} SET UNLOGGED")
    execute("SET maintenance_work_mem = '1GB'")
    yield
    execute(f'ALTER TABLE {table} ADD CONSTRAINT "{key}" {definition}')
    for _, sql in indexes:
        execute(sql)


def execute(sql: str) -> None:
    """Execute one statement, in which a percent sign is written twice."""
    with connection.cursor() as cursor:
        cursor.execute(sql, [])

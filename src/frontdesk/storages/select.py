"""A SELECT by one value, which the ORM has compiled, in the spelling of each that executes it."""

from collections.abc import Collection
from hashlib import sha256

_PLACE = "\0"
"""Stands for the value; nothing that a database could be asked has it."""


class Select:
    """The statement ``sql``, which is as the ORM compiles one: with one ``%s``, and each ``%`` twice.

    ``untyped`` are columns, as they are spelled in it, whose values are wanted as SQLite has them.
    """

    def __init__(self, sql: str, untyped: Collection[str] = ()) -> None:
        text = sql % _PLACE
        # By name: for Django's SQLite, which puts the parameters into the statement at each execution, that
        # is less work than by position.
        self.for_cursor = text.replace("%", "%%").replace(_PLACE, "%(value)s")
        """For Django's cursor, which takes ``{"value": ...}``."""
        self.for_sqlite = _untyped(text, untyped).replace(_PLACE, "?")
        self.for_libpq = text.replace(_PLACE, "$1").encode()
        # It says what the statement is, so that under no name there is ever another one, whoever shares
        # the connection.
        self.name = b"frontdesk_" + sha256(self.for_libpq).hexdigest()[:32].encode()
        """What PostgreSQL knows it by, once it is prepared."""


def _untyped(text: str, columns: Collection[str]) -> str:
    """Return a statement of SQLite's in which the selected ``columns`` have no declared type.

    For each column that has one, at each execution, Python's driver looks for somebody who converts it.
    """
    selected, words, rest = text.partition(" FROM ")
    for column in columns:
        # By a sign that changes no value: an expression has no declared type.
        selected = selected.replace(f" {column}", f" +{column}")
    return selected + words + rest

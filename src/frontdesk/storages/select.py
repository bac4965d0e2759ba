"""A SELECT by one value, which the ORM has compiled, in the spelling of each that executes it."""

from hashlib import sha256

_PLACE = "\0"
"""Stands for the value; nothing that a database could be asked has it."""


class Select:
    """The statement ``sql``, which is as the ORM compiles one: with one ``%s``, and each ``%`` twice."""

    def __init__(self, sql: str) -> None:
        text = sql % _PLACE
        # By name, as Django's SQLite takes twice as long to put parameters into a statement by position.
        self.for_cursor = text.replace("%", "%%").replace(_PLACE, "%(value)s")
        """For Django's cursor, which takes ``{"value": ...}``."""
        self.for_sqlite = text.replace(_PLACE, "?")
        self.for_libpq = text.replace(_PLACE, "$1").encode()
        # It says what the statement is, so that under no name there is ever another one, whoever shares
        # the connection.
        self.name = b"frontdesk_" + sha256(self.for_libpq).hexdigest()[:32].encode()
        """What PostgreSQL knows it by, once it is prepared."""

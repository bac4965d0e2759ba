"""The statements of the database storage, for the databases that merge JSON by themselves.

Each change is one statement. The database merges the changed keys into what is there at that moment
(RFC 7396), so overlapping requests need neither a lock nor a second look.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.constants import OnConflict

from frontdesk.errors import InvalidSetting
from frontdesk.models import Session
from frontdesk.storages.record import UNCHANGED, Changes, Record
from frontdesk.storages.text import key_as_text, value_as_text
from frontdesk.tokens import Digest
from frontdesk.user_ids import key_of

Statement = tuple[str, list[Any]]

COLUMNS = (
    "digest",
    "data",
    "user_id",
    "created",
    "authenticated",
    "last_seen",
    "idle",
    "deadline",
    "expires",
    "ended",
    "moved_to",
    "ip",
    "user_agent",
    "version",
)

LIVE = "NOT ended AND expires > %s"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between databases."""

    merge: str
    """Takes the document as ``{}``, then one parameter: a patch as of RFC 7396."""
    document: str
    greatest: str = "GREATEST"
    least: str = "LEAST"
    returning: bool = True
    one_patch: bool = True
    """Whether a patch may remove one key and do anything else."""
    row_locks: bool = True
    """Whether there is SELECT ... FOR UPDATE."""
    skips_locked: bool = False
    """Whether SKIP LOCKED is of use. On MariaDB, a DELETE by a long list of keys may look at all rows,
    and two that have skipped each other's would wait for each other."""


DIALECTS = {
    # The values are strings, so the only nulls to strip are those of the patch: the removed keys.
    "postgresql": Dialect("jsonb_strip_nulls({} || %s::jsonb)", "%s::jsonb", skips_locked=True),
    "sqlite": Dialect("json_patch({}, %s)", "%s", greatest="MAX", least="MIN", row_locks=False),
    # MariaDB 10.11 gets some patches wrong that remove a key beside another change: of
    # JSON_MERGE_PATCH('{"a":"3","b":"3","h":"1"}', '{"b":null,"a":null}') it leaves b in place.
    "mysql": Dialect("JSON_MERGE_PATCH({}, %s)", "%s", returning=False, one_patch=False),
}


class Sql:
    """Builds the statements for one connection. Assumes nothing about the rows that are there."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        try:
            self.dialect = DIALECTS[connection.vendor]
        except KeyError:
            raise InvalidSetting(
                f"The database storage cannot use {connection.display_name}: frontdesk does not know "
                "how to merge JSON there. Use PostgreSQL, SQLite, MariaDB or MySQL for sessions."
            ) from None
        self.table = connection.ops.quote_name(Session._meta.db_table)
        self._user = Session._meta.get_field("user").target_field
        self._connection = connection
        ignore = OnConflict.IGNORE
        places = [self.dialect.document if column == "data" else "%s" for column in COLUMNS]
        suffix = connection.ops.on_conflict_suffix_sql((), ignore, (), ())
        insert = (
            f"{connection.ops.insert_statement(on_conflict=ignore)} {self.table} "
            f"({', '.join(COLUMNS)})"
        )
        self._insert = f"{insert} VALUES ({', '.join(places)}) {suffix}"
        places[COLUMNS.index("user_id")] = "user_id"
        source = f"FROM {self.table} WHERE digest = %s"
        self._insert_moved = f"{insert} SELECT {', '.join(places)} {source} {suffix}"

    def user(self, user_id: str | None) -> Any:
        """Return ``user_id`` as the database keeps it; ``None`` for what can't be a user's key."""
        key = key_of(user_id)
        return None if key is None else self._user.get_db_prep_value(key, self._connection)

    def insert(self, record: Record) -> Statement:
        """Insert ``record`` unless its digest is taken."""
        own = {
            "data": _document(record.values),
            "user_id": self.user(record.user_id),
            "ended": False,
            "moved_to": "",
        }
        return self._insert, [
            own[column] if column in own else getattr(record, column) for column in COLUMNS
        ]

    def tombstone(
        self, digest: Digest, moved_to: Digest, now: int, until: int, *, same_user: bool
    ) -> Statement:
        """Insert the memory of a session that is ``moved_to`` another digest, with whose it is there.

        Unless it is the ``same_user``'s, where it went is left out: nobody is to follow it.
        """
        own = {
            **dict.fromkeys(COLUMNS, 0),
            "digest": digest,
            "data": "{}",
            "created": now,
            "last_seen": now,
            "deadline": until,
            "expires": until,
            "ended": True,
            "moved_to": moved_to if same_user else "",
            "authenticated": None,
            "ip": "",
            "user_agent": "",
            "version": 1,
        }
        params = [own[column] for column in COLUMNS if column != "user_id"]
        return self._insert_moved, [*params, moved_to]

    def update(
        self, digest: Digest, changes: Changes, now: int, new: Digest | None = None
    ) -> Statement:
        """Merge ``changes`` into a live row, and give it the name ``new``."""
        parts = [*self._times(changes), *self._facts(changes)]
        if new is not None:
            parts.append(("digest = %s", [new]))
        parts.append(("version = version + 1", []))
        where, where_params = f"digest = %s AND {LIVE}", [digest, now]
        if changes.expected_version is not None:
            where, where_params = (
                f"{where} AND version = %s",
                [*where_params, changes.expected_version],
            )
        assignments = ", ".join(part for part, _ in parts)
        params = [param for _, params in parts for param in params]
        return f"UPDATE {self.table} SET {assignments} WHERE {where}", [*params, *where_params]  # noqa: S608

    def _times(self, changes: Changes) -> list[Statement]:
        """Assign the clocks. ``expires`` comes first: MySQL lets later ones see earlier ones' results."""
        seen, seen_params = "last_seen", []
        if changes.last_seen is not None:
            seen, seen_params = f"{self.dialect.greatest}(last_seen, %s)", [changes.last_seen]
        idle, idle_params = ("idle", []) if changes.idle is None else ("%s", [changes.idle])
        end, end_params = (
            ("deadline", []) if changes.deadline is None else ("%s", [changes.deadline])
        )
        own = [
            (name, sql, params)
            for name, sql, params in (
                ("last_seen", seen, seen_params),
                ("idle", idle, idle_params),
                ("deadline", end, end_params),
            )
            if params
        ]
        if not own:
            return []
        expires = f"expires = {self.dialect.least}({seen} + {idle}, {end})"
        return [
            (expires, [*seen_params, *idle_params, *end_params]),
            *((f"{name} = {sql}", params) for name, sql, params in own),
        ]

    def _facts(self, changes: Changes) -> list[Statement]:
        parts: list[Statement] = []
        if changes.cleared:
            parts.append((f"data = {self.dialect.document}", [_document(changes.values)]))
        elif changes.values or changes.removed:
            parts.append(self._merge(changes))
        if changes.user_id is not UNCHANGED:
            parts.append(("user_id = %s", [self.user(changes.user_id)]))
        given = ((name, getattr(changes, name)) for name in ("authenticated", "ip", "user_agent"))
        parts += [(f"{name} = %s", [value]) for name, value in given if value is not None]
        return parts

    def _merge(self, changes: Changes) -> Statement:
        removals = [{key: None} for key in changes.removed if key not in changes.values]
        patches: list[Mapping[str, Any]] = [*removals, changes.values]
        if self.dialect.one_patch:
            patches = [{key: value for patch in patches for key, value in patch.items()}]
        merge = "data"
        for _ in patches:
            merge = self.dialect.merge.format(merge)
        return f"data = {merge}", [_document(patch) for patch in patches]

    def end(self, condition: str, params: list[Any], now: int, until: int) -> Statement:
        """Turn the live rows that meet ``condition`` into memories of themselves."""
        statement = (
            f"UPDATE {self.table} SET ended = %s, data = {self.dialect.document}, "  # noqa: S608
            "user_id = NULL, ip = '', user_agent = '', expires = %s, version = version + 1 "
            f"WHERE {condition} AND {LIVE}"
        )
        return statement, [True, "{}", until, *params, now]

    def lock(self, condition: str, params: list[Any], now: int) -> Statement:
        """Select, and hold until the transaction ends, what ``end`` would end.

        Gives digests and when they were last seen.
        """
        where = f"WHERE {condition} AND {LIVE}"
        if self.dialect.row_locks:
            statement = (
                f"SELECT digest, last_seen FROM {self.table} {where} ORDER BY digest FOR UPDATE"  # noqa: S608
            )
        else:
            # A write that changes nothing holds the whole database. A SELECT would hold nothing, and
            # the UPDATE after it would fail if somebody else had written in between.
            statement = (
                f"UPDATE {self.table} SET version = version {where} RETURNING digest, last_seen"  # noqa: S608
            )
        return statement, [*params, now]

    def delete(self, digests: list[str], now: int) -> Statement:
        """Delete those of ``digests`` that have expired by ``now``."""
        statement = f"DELETE FROM {self.table} WHERE digest IN ({marks(digests)}) AND expires <= %s"  # noqa: S608
        return statement, [*digests, now]

    def moved(self, digests: Collection[Digest], now: int) -> Statement:
        """Select where those of ``digests`` are that were rotated a moment ago, and whose they were."""
        where = f"WHERE digest IN ({marks(digests)}) AND moved_to <> '' AND expires > %s"
        return f"SELECT moved_to, user_id FROM {self.table} {where}", [*digests, now]  # noqa: S608


def marks(values: Collection[Any]) -> str:
    """Return a placeholder for each of ``values``."""
    return ", ".join(["%s"] * len(values))


def _document(values: Mapping[str, Any]) -> str:
    return json.dumps(
        {
            key_as_text(key): None if value is None else value_as_text(value)
            for key, value in values.items()
        }
    )

"""A record as bytes, for storages that keep one opaque value per name (files, caches).

JSON, since what is stored outlives the code that wrote it and must never be able to run any.
"""

import json
from dataclasses import dataclass
from typing import Any

from frontdesk.errors import UndecodableRecord
from frontdesk.storages.record import Record
from frontdesk.tokens import Digest

FORMAT = 1

_MAYBE_TEXT = (str, type(None))
_MAYBE_INT = (int, type(None))
_TOMBSTONE: tuple[Any, ...] = (int, _MAYBE_TEXT, _MAYBE_TEXT)
_RECORD: tuple[Any, ...] = (
    dict,
    _MAYBE_TEXT,
    int,
    _MAYBE_INT,
    int,
    int,
    int,
    str,
    str,
    int,
    _MAYBE_TEXT,
)
"""The kinds of the fields that follow the format, in their order."""


@dataclass(frozen=True, slots=True)
class Live:
    """A slot that holds a record.

    With ``moved_from``, it counts only once the slot of that name says that it moved here: two slots
    cannot be written in one step, so that one write, there, is what rotates.
    """

    record: Record
    moved_from: Digest | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A slot whose session has ended; it remembers so until an instant."""

    until: int
    moved_to: Digest | None = None
    user_id: str | None = None
    """Whose it was when it moved."""


Slot = Live | Tombstone


def encode(slot: Slot) -> bytes:
    """Return ``slot`` as bytes."""
    if isinstance(slot, Tombstone):
        body: list[Any] = [FORMAT, slot.until, slot.moved_to, slot.user_id]
    else:
        record = slot.record
        body = [
            FORMAT,
            # Latin-1 gives each byte a character of its own, whatever the project's serializer wrote.
            {key: value.decode("latin-1") for key, value in record.values.items()},
            record.user_id,
            record.created,
            record.authenticated,
            record.last_seen,
            record.idle,
            record.deadline,
            record.ip,
            record.user_agent,
            record.version,
            slot.moved_from,
        ]
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def decode(digest: Digest, data: bytes) -> Slot:
    """Return the slot that ``data`` holds.

    Raises :exc:`~frontdesk.errors.UndecodableRecord`.
    """
    try:
        form, *body = json.loads(data)
        if form != FORMAT:
            raise ValueError(f"format {form!r} is not {FORMAT}")
        kinds = _TOMBSTONE if len(body) == len(_TOMBSTONE) else _RECORD
        pairs = zip(body, kinds, strict=True)
        if not all(isinstance(value, kind) for value, kind in pairs):
            raise TypeError("its fields are not of the kinds they should be")
        if kinds is _TOMBSTONE:
            return Tombstone(*body)
        values, user, created, authenticated, seen, idle, deadline, ip, agent, version, origin = (
            body
        )
        return Live(
            Record(
                digest=digest,
                values={key: value.encode("latin-1") for key, value in values.items()},
                user_id=user,
                created=created,
                authenticated=authenticated,
                last_seen=seen,
                idle=idle,
                deadline=deadline,
                ip=ip,
                user_agent=agent,
                version=version,
            ),
            origin,
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UndecodableRecord(f"The record of session {digest} is damaged: {error}") from error

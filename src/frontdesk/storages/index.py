"""The index of a user's sessions, as slots keep it: which there are, under what name, and how encoded."""

import hashlib
import json

from frontdesk import clock
from frontdesk.errors import UndecodableRecord
from frontdesk.tokens import Digest

UNBORN = 60 * clock.SECOND
"""How long a name may stand in an index before its record appears."""

CONDEMNED = 0
"""Stands for when a session was added, in the entry of one that is being ended to make room."""

Index = dict[Digest, tuple[int, int]]
"""The sessions of a user: digest -> (when it was added, when it ends for good)."""


def name_of_index(user_id: str) -> str:
    """Return the name of the slot: ``u-`` and the SHA-256 of the user's id."""
    # Whatever text a project takes for a user's key, half a surrogate pair included.
    return f"u-{hashlib.sha256(user_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def encoded(index: Index) -> bytes:
    """Return ``index`` as a slot holds it."""
    return json.dumps([(digest, *entry) for digest, entry in index.items()]).encode("ascii")


def entries_in(data: bytes | None) -> Index:
    """Undo :func:`encoded`; nothing is an empty index. Raises ``UndecodableRecord``."""
    if data is None:
        return {}
    try:
        return {Digest(name): (added, ends) for name, added, ends in json.loads(data)}
    except (ValueError, TypeError) as error:
        raise UndecodableRecord(f"The index of a user's sessions is damaged: {error}") from error


def end_of(index: Index) -> int:
    """Return when the last session of ``index`` ends for good; it has at least one."""
    return max(ends for _added, ends in index.values())

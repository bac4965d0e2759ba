"""What the Redis storage sends for each verb, and how it reads the answer. No I/O, so no colour."""

import logging
import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from frontdesk import clock
from frontdesk.errors import Conflict, UndecodableRecord
from frontdesk.storages import redis_scripts
from frontdesk.storages.record import UNCHANGED, Changes, Ended, Record
from frontdesk.storages.redis_codec import (
    BROWSER,
    ENDED,
    IDLE,
    IP,
    NUMBERS,
    Fields,
    decode,
    encode,
    field_of,
    fields_of,
    packed,
    packed_ip,
    shortened,
    text,
)
from frontdesk.storages.redis_scripts import Script
from frontdesk.tokens import Digest

logger = logging.getLogger("frontdesk")

Word = bytes | str | int

_is_digest = re.compile(r"[0-9a-f]{64}").fullmatch


class Command(NamedTuple):
    """One command to the server, and what makes of its reply the answer of the verb."""

    script: Script | None
    """To be run with ``words`` as its arguments; without one, they are the command."""
    words: tuple[Word, ...]
    answer: Callable[[Any], Any]
    about: str = ""
    """What is damaged if the command finds something else than it looked for."""


class Commands:
    """The verbs of the contract as commands, for keys that start with ``prefix``.

    ``None`` stands for a command that needs not be sent, as it names no session that could be there.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = text(prefix)

    def read(self, digest: Digest) -> Command | None:
        name = name_of(digest)
        if name is None:
            return None
        return Command(
            None,
            ("HGETALL", self.prefix + b"s" + name),
            lambda reply: found(digest, mapped(reply)),
            f"session {digest}",
        )

    def insert(self, record: Record) -> Command:
        name = name_of(record.digest)
        if name is None:
            raise ValueError("a session's digest is 64 lower-case hexadecimal digits")
        pairs = [word for pair in encode(record).items() for word in pair]
        return self._run(
            redis_scripts.insert, bool, name, owner_of(record.user_id), record.deadline, *pairs
        )

    def change(self, old: Digest, new: Digest | None, changes: Changes) -> Command | None:
        """Return what updates a session, or, with a ``new`` digest, rotates it."""
        name, there = name_of(old), b"" if new is None else name_of(new)
        if name is None or there is None:
            return None
        return self._run(
            redis_scripts.change,
            lambda reply: _changed(old, changes, reply),
            name,
            there,
            or_nothing(changes.expected_version),
            or_nothing(changes.deadline),
            *words_of(changes),
        )

    def remove(self, digests: Collection[Digest], user_id: str | None) -> Command | None:
        names = [name for name in map(name_of, digests) if name is not None]
        if not names:
            return None
        return self._run(redis_scripts.remove, _digests, owner_of(user_id), *names)

    def of_user(self, user_id: str) -> Command:
        return self._run(redis_scripts.of_user, _records, text(user_id))

    def remove_of_user(self, user_id: str, keep: Collection[Digest]) -> Command:
        names = [name for name in map(name_of, keep) if name is not None]
        return self._run(redis_scripts.remove_of_user, _digests, text(user_id), *names)

    def remove_beyond(self, user_id: str, limit: int, among: Collection[Digest] | None) -> Command:
        names = [name for name in map(name_of, among or ()) if name is not None]
        return self._run(
            redis_scripts.remove_beyond,
            _digests,
            text(user_id),
            limit,
            int(among is not None),
            *names,
        )

    def _run(self, script: Script, answer: Callable[[Any], Any], *words: Word) -> Command:
        return Command(script, (self.prefix, clock.now(), *words), answer)


def name_of(digest: Digest) -> bytes | None:
    """Return how the server knows a digest; ``None`` for what is none, as an id that came in a form."""
    return bytes.fromhex(digest) if _is_digest(digest) else None


def owner_of(user_id: str | None) -> bytes:
    """Return a user as an argument; nothing for nobody."""
    return b"" if user_id is None else b"=" + text(user_id)


def or_nothing(number: int | None) -> Word:
    """Return a number as an argument."""
    return b"" if number is None else number


def words_of(changes: Changes) -> tuple[Word, ...]:
    """Return what changes a record, as the scripts' ``merge`` takes it."""
    pairs: list[Word] = []
    for fact, field in NUMBERS.items():
        if fact not in {"last_seen", "version"}:
            value = getattr(changes, fact, None)
            if value is not None:
                pairs += (field, shortened(value) if field == IDLE else value)
    for pair in fields_of(changes.values):
        pairs += pair
    if changes.ip is not None:
        pairs += [IP, packed_ip(changes.ip)]
    if changes.user_agent is not None:
        pairs += [BROWSER, packed(text(changes.user_agent))]
    same = changes.user_id is UNCHANGED
    return (
        int(changes.cleared),
        b"" if same else owner_of(changes.user_id) or b"-",  # type: ignore[arg-type]
        or_nothing(changes.last_seen),
        len(pairs),
        *pairs,
        *(field_of(key) for key in changes.removed if not changes.cleared),
    )


def _digests(reply: list[bytes]) -> list[Digest]:
    return [Digest(name.hex()) for name in reply]


def mapped(reply: Any) -> Fields:
    """Return the fields of a hash, which the server tells one after the other."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))


def found(digest: Digest, fields: Fields) -> Record | Ended | None:
    """Return what the fields of a session's key say of it. Raises ``UndecodableRecord``."""
    if not fields:
        return None
    if ENDED in fields:
        try:
            until = int(fields[ENDED])
        except ValueError as error:
            raise UndecodableRecord(f"The end of session {digest} is damaged: {error}") from error
        return Ended(digest, until) if until > clock.now() else None
    record = decode(digest, fields)
    return record if record.expires > clock.now() else None


def _changed(digest: Digest, changes: Changes, reply: int) -> bool:
    if reply < 0:
        raise Conflict(f"Session {digest} is no longer at version {changes.expected_version}.")
    return reply == 1


def _records(reply: list[list[Any]]) -> list[Record]:
    records = []
    for name, flat in reply:
        try:
            records.append(decode(Digest(name.hex()), mapped(flat)))
        except UndecodableRecord as error:
            # One damaged record must not hide the others from their owner.
            logger.error("%s It is left out of the list.", error)
    return sorted(records, key=lambda record: record.last_seen, reverse=True)

"""The steps of which the verbs consist on a Cluster: each is about one key. No I/O, so no colour."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from frontdesk import clock
from frontdesk.storages import redis_cluster_scripts as scripts
from frontdesk.storages.record import Changes, Record
from frontdesk.storages.redis_cluster_scripts import SPAN, UNBORN
from frontdesk.storages.redis_codec import ENDED, IDLE, NUMBERS, USER, Fields, encode, idle_of, text
from frontdesk.storages.redis_commands import Word, mapped, or_nothing, words_of
from frontdesk.storages.redis_scripts import PARTS, SWEPT, USERS, Script

MOVED_TO, MOVED_FROM = b"m", b"f"
SEEN, DEADLINE, VERSION = NUMBERS["last_seen"], NUMBERS["deadline"], NUMBERS["version"]
_GLANCED: Final = (SEEN, IDLE, DEADLINE, VERSION, USER, ENDED, MOVED_TO, MOVED_FROM)


class Step(NamedTuple):
    """A command about one key."""

    key: bytes
    script: Script | None
    """To be run with ``words`` as its arguments; without one, they are the command, but for its key."""
    words: tuple[Word, ...]
    about: str = ""
    """What is damaged if a command finds something else than it looked for."""
    optional: bool = False
    """Its failure matters to nobody: it tidies up, and somebody else will do it later."""

    def sent(self, *, whole: bool = False) -> tuple[Word, ...]:
        """Return the words to send; with ``whole``, for a server that does not know the script."""
        if self.script is None:
            return (self.words[0], self.key, *self.words[1:])
        if whole:
            return ("EVAL", self.script.text, 1, self.key, *self.words)
        return ("EVALSHA", self.script.sha, 1, self.key, *self.words)


class Entry(NamedTuple):
    """A name in the index."""

    member: bytes
    score: int

    @property
    def name(self) -> bytes:
        """The digest of the session."""
        return self.member[:32]

    @property
    def origin(self) -> bytes:
        """The digest that it is moving from, if it is; until that is settled, both are in the index."""
        return self.member[32:]

    @property
    def condemned(self) -> bool:
        """Whether the session is being ended to make room for another."""
        return self.score % SPAN == 0

    def born(self, now: int) -> bool:
        """Whether it is certain that there has been a record; ``now`` is the server's."""
        return self.condemned or now - self.score % SPAN > UNBORN


class Names(NamedTuple):
    """The names of a user's sessions in the index."""

    now: int
    """In the seconds of the server."""
    token: bytes
    """Differs whenever they do."""
    entries: list[Entry]


class Place(NamedTuple):
    """Where in the index the names of a user's sessions are."""

    part: bytes
    number: int


class Steps:
    """Makes the steps for keys that start with ``prefix``."""

    def __init__(self, prefix: str) -> None:
        self.prefix = text(prefix)

    # Records.

    def session(self, name: bytes) -> bytes:
        """Return the key of a session."""
        return self.prefix + b"s" + name

    def whole(self, name: bytes) -> Step:
        """Read a record; see :func:`whole_fields`."""
        return Step(self.session(name), None, ("HGETALL",), f"session {name.hex()}")

    def glance(self, name: bytes, *, optional: bool = False) -> Step:
        """Read what decides about a record; see :func:`glanced_fields`."""
        about = f"session {name.hex()}"
        return Step(self.session(name), None, ("HMGET", *_GLANCED), about, optional)

    def insert(self, name: bytes, stamp: Word, record: Record) -> Step:
        """Store a record whose name was added at ``stamp``."""
        pairs = [word for pair in encode(record).items() for word in pair]
        return self._record(name, scripts.insert, stamp, *pairs)

    def change(
        self, name: bytes, changes: Changes, guard: bytes, stamp: Word, known: bytes
    ) -> Step:
        """Change a record, if it is still at the version ``guard``."""
        expected = or_nothing(changes.expected_version)
        return self._record(name, scripts.change, expected, guard, stamp, known, *words_of(changes))

    def arrive(
        self, name: bytes, origin: bytes, fields: Fields, changes: Changes, *, again: bool
    ) -> Step:
        """Put a changed copy of ``fields`` there, which does not count before ``origin`` has left."""
        pairs = [word for pair in fields.items() if pair[0] != MOVED_FROM for word in pair]
        return self._record(
            name, scripts.arrive, origin, int(again), len(pairs), *pairs, *words_of(changes)
        )

    def leave(self, name: bytes, new: bytes, version: bytes, stamp: Word, known: bytes) -> Step:
        """Move to ``new``, if nothing has changed."""
        return self._record(name, scripts.leave, new, version, stamp, known)

    def settle(self, name: bytes, origin: bytes) -> Step:
        """Tell a record that it has arrived."""
        return self._record(name, scripts.settle, origin)._replace(optional=True)

    def end(self, name: bytes, owner: bytes, known: bytes) -> Step:
        """End a session."""
        return self._record(name, scripts.end, owner, known)

    def _record(self, name: bytes, script: Script, *words: Word) -> Step:
        return Step(self.session(name), script, (clock.now(), *words))

    # The index.

    def place(self, user: bytes) -> Place:
        """Return where the names of a user's sessions are."""
        number = int.from_bytes(hashlib.sha1(user, usedforsecurity=False).digest()[:8])
        return Place(self.prefix + b"x%d" % (number % PARTS), number // PARTS % USERS)

    def enter(self, place: Place, member: bytes, deadline: Word) -> Step:
        """Add a name; the answer is when, and others of the same part, to be looked at."""
        return self._part(place, scripts.enter, place.number, member, deadline, SWEPT)

    def names(self, place: Place) -> Step:
        """Read the names of a user; see :func:`names_in`."""
        return self._part(place, scripts.names, place.number)

    def condemn(self, place: Place, token: bytes, members: Iterable[bytes]) -> Step:
        """Mark names if they are still those that gave ``token``."""
        return self._part(place, scripts.condemn, place.number, token, *members)

    def moved(self, place: Place, new: bytes, old: bytes) -> Step:
        """Have ``new`` in the place of ``old``, once that has moved."""
        return self._part(place, scripts.moved, new + old, new, old)._replace(optional=True)

    def drop(self, place: Place, entries: Iterable[Entry]) -> Step:
        """Drop names that have not been added again."""
        words = [word for entry in entries for word in entry]
        return self._part(place, scripts.drop, *words)._replace(optional=True)

    def _part(self, place: Place, script: Script, *words: Word) -> Step:
        return Step(place.part, script, (clock.now(), *words))


# Answers.


def whole_fields(reply: Any) -> Fields:
    """Return what ``whole`` found, or nothing. Raises what it met."""
    return mapped(sure(reply))


def glanced_fields(reply: Any) -> dict[bytes, bytes]:
    """Return what ``glance`` found, or nothing. Raises what it met."""
    pairs = zip(_GLANCED, sure(reply), strict=True)
    return {field: value for field, value in pairs if value is not None}


def entries_in(flat: list[Any]) -> list[Entry]:
    """Return the names that a script has told, each before its score."""
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [Entry(member, int(score)) for member, score in pairs]


def others_in(entered: Any, *own: bytes) -> tuple[Word, list[Entry]]:
    """Return when a name was added, and others of the same part that may have to go."""
    stamp, flat = sure(entered)
    return stamp, [entry for entry in entries_in(flat) if entry.member not in own]


def names_in(reply: list[Any]) -> Names:
    """Return what ``names`` found."""
    now, token, flat = sure(reply)
    return Names(now, token, entries_in(flat))


def seen_if_live(fields: Fields) -> int | None:
    """Return when a record was seen last; ``None`` if it is not live, or damaged."""
    try:
        seen = int(fields[SEEN])
        ends = min(seen + idle_of(fields[IDLE]), int(fields[DEADLINE]))
    except (KeyError, ValueError):
        return None
    live = ENDED not in fields and VERSION in fields and ends > clock.now()
    return seen if live else None


def sure(reply: Any) -> Any:
    """Return ``reply``; raise it if it is an error."""
    if isinstance(reply, Exception):
        raise reply
    return reply

"""How the verbs look things up on a Cluster: a session that may be moving, and all those of a user."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from frontdesk.drive import Flow
from frontdesk.errors import UndecodableRecord
from frontdesk.storages.redis_cluster_steps import (
    MOVED_FROM,
    MOVED_TO,
    Entry,
    Names,
    Place,
    Step,
    Steps,
    glanced_fields,
    names_in,
    others_in,
    seen_if_live,
    sure,
    whole_fields,
)
from frontdesk.storages.redis_codec import ENDED, USER, Fields
from frontdesk.storages.redis_commands import Word

_DAMAGED: Final[Fields] = {b"?": b""}
"""Stands for a key that holds something else than a session."""


class Servers(Protocol):
    """What brings steps to their servers."""

    def round(self, steps: Sequence[Step]) -> Flow[list[Any]]:
        """Return their replies, in their order; an error where there is none."""


class Seen(NamedTuple):
    """A record that was looked at."""

    fields: Fields
    """Nothing, if it does not count."""
    known: bytes = b""
    """From where it has moved, if it has not been told so yet."""


class Survey(NamedTuple):
    """The sessions that an index names, and those that they have moved to."""

    names: Names
    states: dict[bytes, Fields]
    """What each name has; nothing, if it has gone or is not there yet."""
    live: dict[bytes, int]
    """Those of the user: name -> when it was seen."""


class Lookup:
    """The flows."""

    def __init__(self, steps: Steps, servers: Servers) -> None:
        self._steps = steps
        self._round = servers.round

    def looked(self, name: bytes, *, whole: bool = False) -> Flow[Seen]:
        """Look at a record, and if it is still moving, where from. Raises ``UndecodableRecord``."""
        step, fields_in = self._looking(whole=whole)
        (reply,) = yield from self._round([step(name)])
        fields = dict(fields_in(reply))
        origin = fields.pop(MOVED_FROM, b"")
        if origin and not (yield from self.has_moved(origin, name)):
            return Seen({})
        return Seen(fields, origin)

    def has_moved(self, origin: bytes, name: bytes) -> Flow[bool]:
        """Whether the session of ``origin`` has moved to ``name``."""
        (reply,) = yield from self._round([self._steps.glance(origin)])
        return glanced(reply).get(MOVED_TO) == name

    def _looking(self, *, whole: bool) -> tuple[Callable[[bytes], Step], Callable[[Any], Fields]]:
        if whole:
            return self._steps.whole, whole_fields
        return self._steps.glance, glanced_fields

    # The index.

    def entered(self, place: Place, name: bytes, deadline: Word) -> Flow[tuple[Word, list[Entry]]]:
        """Add a name; see ``others_in``."""
        (reply,) = yield from self._round([self._steps.enter(place, name, deadline)])
        return others_in(reply, name)

    def taken(
        self, step: Step, place: Place | None, stamp: Any, others: Collection[Entry]
    ) -> Flow[tuple[Any, list[Step]]]:
        """Take a step and at once look at others in the index; return what drops those that are dead."""
        looks = [self._steps.glance(entry.name)._replace(optional=True) for entry in others]
        reply, *replies = yield from self._round([step, *looks])
        dead = [
            entry
            for entry, look in zip(others, replies, strict=True)
            if not isinstance(look, Exception) and _dead(entry, glanced_fields(look), stamp)
        ]
        return sure(reply), [self._steps.drop(place, dead)] if place and dead else []

    def names(self, place: Place) -> Flow[Names]:
        """Return the names of a user."""
        (reply,) = yield from self._round([self._steps.names(place)])
        return names_in(reply)

    def surveyed(self, place: Place, user: bytes, *, whole: bool = False) -> Flow[Survey]:
        """Look at all the sessions of a user."""
        names = yield from self.names(place)
        states = yield from self._states((entry.name for entry in names.entries), whole=whole)
        live = {
            name: seen
            for name, fields in states.items()
            if fields.get(USER) == user
            and MOVED_FROM not in fields
            and (seen := seen_if_live(fields)) is not None
        }
        for entry in names.entries:
            # It was looked at before it moved, and again afterwards, under the new name.
            if entry.origin in live and _has_arrived(states[entry.name]):
                del live[entry.origin]
        return Survey(names, states, live)

    def _states(self, names: Iterable[bytes], *, whole: bool) -> Flow[dict[bytes, Fields]]:
        step, fields_in = self._looking(whole=whole)
        states: dict[bytes, Any] = {}
        asking = list(dict.fromkeys(names))
        while asking:
            replies = yield from self._round([step(name) for name in asking])
            for name, reply in zip(asking, replies, strict=True):
                states[name] = _or_damaged(fields_in, reply)
            linked = [
                fields[link]
                for fields in states.values()
                for link in (MOVED_TO, MOVED_FROM)
                if link in fields
            ]
            asking = [name for name in dict.fromkeys(linked) if name not in states]
        for name, fields in states.items():
            if MOVED_FROM in fields and states[fields[MOVED_FROM]].get(MOVED_TO) == name:
                del fields[MOVED_FROM]
        return states

    def dropped(self, place: Place, survey: Survey, user: bytes) -> Flow[None]:
        """Drop the names of those that were found dead."""
        now, states = survey.names.now, survey.states
        dead = [
            entry
            for entry in survey.names.entries
            if _dead(entry, states[entry.name], now)
            or (entry.born(now) and _others(states[entry.name], user))
        ]
        if dead:
            yield from self._round([self._steps.drop(place, dead)])


def glanced(reply: Any) -> Fields:
    """Return what a glance found; what is neither live nor dead, if it is damaged."""
    return _or_damaged(glanced_fields, reply)


def _or_damaged(fields_in: Callable[[Any], Fields], reply: Any) -> Fields:
    try:
        return fields_in(reply)
    except UndecodableRecord:
        return _DAMAGED


def _dead(entry: Entry, fields: Fields, now: int) -> bool:
    """Whether nothing will ever be live again under that name."""
    return ENDED in fields or (not fields and entry.born(now))


def _others(fields: Fields, user: bytes) -> bool:
    live = MOVED_FROM not in fields and seen_if_live(fields) is not None
    return live and fields.get(USER) != user


def _has_arrived(fields: Fields) -> bool:
    return bool(fields) and MOVED_FROM not in fields

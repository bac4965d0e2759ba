"""What must hold whenever operations meet: after each step, when an operation is answered, and at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from django.contrib.auth import SESSION_KEY

from frontdesk.core.flow import Flow, run
from frontdesk.core.keys import Key
from frontdesk.core.record import Record
from frontdesk.http.session import SessionStore
from frontdesk.http.state import State
from tests.interleavings.world import ADA, BOBS, LAPTOP, PHONE, START, key_of

if TYPE_CHECKING:
    from tests.interleavings.explorer import Actor
    from tests.interleavings.world import Facts, World


class Seen(NamedTuple):
    """A live session."""

    id: str
    user_id: str | None
    secret: str


Live = frozenset[Seen]

Session = tuple[str, int]
"""A session: its id and when it was created, as a session of the same id may begin after its end."""

LOST: Final = "nothing is lost"
REVIVED: Final = "ended means ended"
UNLISTED: Final = "a live session is listed"
FORMER: Final = "a former secret opens nothing"
ONE_KEY: Final = "a live session has one key"
TOLD: Final = "an end is reported once"
OTHERS: Final = "a session is one user's"
LIMIT: Final = "a user has no more sessions than allowed"
COOKIE: Final = "the cookie of a live session is left alone"
FUTURE: Final = "no session outlives its limits"
RAISES: Final = "nothing is raised"


class Violation(AssertionError):
    """A promise is broken."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


class Result(NamedTuple):
    """What an operation has answered."""

    stored: str = ""
    """The id of the session in which its writes are."""
    counted: str = ""
    """The id of the session in which its steps are counted."""
    refused: str = ""
    """The id of the session that had ended, or got another key, before it could write."""
    ended: frozenset[str] = frozenset()
    """The ids of the sessions that it says it has ended."""
    listed: frozenset[str] | None = None
    """The ids of Ada's sessions, if it was asked for them."""
    key: str = ""
    """The key that the browser gets."""
    cleared: bool = False
    """Whether the browser's cookie is deleted."""

    def __str__(self) -> str:
        said = {name: value for name, value in self._asdict().items() if value}
        return ", ".join(f"{name} {value}" for name, value in said.items()) or "nothing"


@dataclass(frozen=True)
class Operation:
    """What is done, and what it promises if it is answered."""

    name: str
    flow: Callable[[World], Flow[Result]]
    writes: Mapping[str, bytes | None] = field(default_factory=dict)
    """The values that it stores; ``None`` for one that it takes away."""
    counts: int = 0
    """How many steps of the value "n" it makes."""
    ends: Callable[[Live], set[str]] = lambda live: set()
    """Which of the sessions that were live when it began have ended when it is answered."""
    inserts: str = ""
    """The id of the session that it begins."""
    sets_deadline: int = 0
    """The deadline that the session has after it."""
    limit: int = 0
    """How many sessions Ada may have."""
    visits: bool = False
    """Whether it is a request."""
    signs_out: bool = False


@dataclass(frozen=True)
class Ledger:
    """What has been true once, and so may not be, or must be, true later."""

    began: frozenset[Session] = frozenset()
    """All sessions that have been live."""
    ended: frozenset[Session] = frozenset()
    """Those that have been found ended, expired or gone."""
    secrets: frozenset[tuple[str, str]] = frozenset()
    """All secrets that have been in force, with the ids of their sessions."""
    former: frozenset[tuple[str, str]] = frozenset()
    """Those that have been replaced."""


def live(facts: Facts, now: int) -> Live:
    alive = (each for each in facts.records.values() if each.is_live(now))
    return frozenset(Seen(each.id, each.user_id, each.secret) for each in alive)


def look(facts: Facts, ledger: Ledger, now: int, *, clocks_differ: bool) -> Ledger:
    """Look at what is stored after a step, and return what to compare later steps with.

    If clocks differ, a session may have expired by one and not by the other. Otherwise expiry is an end.
    """
    records = facts.records
    alive = {(each.id, records[each.id].created) for each in live(facts, now)}
    if revived := alive & ledger.ended:
        raise Violation(REVIVED, f"{revived} is live again")
    for id, user_id, _ in live(facts, now):
        if user_id is not None and id not in facts.listed[user_id]:
            raise Violation(UNLISTED, f"{id} is live, and not among {set(facts.listed[user_id])}")
        if records[id].values.get(SESSION_KEY) != (user_id and b'"%s"' % user_id.encode()):
            raise Violation(OTHERS, f"{id} is of {user_id}, and its values say another user")
    secrets = frozenset((each.id, each.secret) for each in records.values())
    if again := secrets & ledger.former:
        raise Violation(FORMER, f"{again} is in force again")
    there = {(each.id, each.created) for each in records.values() if not each.ended}
    there = there if clocks_differ else alive
    began = ledger.began | alive
    return Ledger(
        began=began,
        ended=ledger.ended | (began - there),
        secrets=ledger.secrets | secrets,
        former=ledger.former | {(id, old) for id, old in ledger.secrets - secrets if id in records},
    )


def answered(actor: Actor, facts: Facts, now: int) -> None:
    """Check what ``actor`` has answered now."""
    name, result = actor.operation.name, actor.result
    current = live(facts, now)
    if spared := actor.operation.ends(actor.began) & {each.id for each in current}:
        raise Violation(REVIVED, f"{spared} is live after {name!r}")
    if result.refused:
        record = facts.records.get(result.refused)
        has_first_key = record is not None and record.secret == key_of(record.id).digest
        if has_first_key and record.is_live(now):
            raise Violation(LOST, f"{name!r} did not write to {result.refused}, which is live")
    if result.listed is not None:
        there = {each.id for each in current if each.user_id == ADA}
        missing = there & {each.id for each in actor.began if each.user_id == ADA} - result.listed
        if missing:
            raise Violation(UNLISTED, f"{missing} was live all the time, and {name!r} missed it")
    if actor.operation.visits:
        _answered_request(actor, facts.records.get(PHONE), now)


def _answered_request(actor: Actor, record: Record | None, now: int) -> None:
    """Check a request that came with the phone's first key, against the session ``record``."""
    name, result = actor.operation.name, actor.result
    if record is None or not record.is_live(now):
        return
    came = key_of(PHONE).digest
    if result.stored == PHONE and not result.key and record.secret != came:
        raise Violation(FORMER, f"{name!r} wrote with a key that had been replaced")
    # At the start, a key that has been replaced was replaced a moment ago.
    is_known = record.secret == came or now == START
    if result.cleared and is_known and not actor.operation.signs_out:
        raise Violation(COOKIE, f"{name!r} clears the cookie of a live session")
    if record.secret == came and record.last_seen > now:
        raise Violation(FUTURE, f"{name!r} believes a clock that was ahead")


def judge(world: World, actors: tuple[Actor, ...], ledger: Ledger, *, disturbed: bool) -> None:
    """Check what is left when all operations are over."""
    records = world.facts(world.save()).records
    done = [actor for actor in actors if actor.over == "done"]
    current = live(world.facts(world.save()), world.now)
    for id in {id for actor in done for id in (actor.result.stored, actor.result.counted) if id}:
        if id not in {ended for ended, _ in ledger.ended}:
            _kept(records[id], actors)
    _ends(records, done, complete=not disturbed)
    _inserts(actors, ledger, disturbed=disturbed)
    limit = min(actor.operation.limit for actor in actors)
    if limit and not disturbed and len([each for each in current if each.user_id == ADA]) > limit:
        raise Violation(LIMIT, f"{current} are live, and {limit} are allowed")
    if BOBS in records and records[BOBS].version != records[BOBS].created:
        raise Violation(OTHERS, "Bob's session has changed")
    if any(actor.operation.visits for actor in actors):
        _keys(records, done, world.now, complete=not disturbed)


def _kept(record: Record, actors: tuple[Actor, ...]) -> None:
    """All that was stored in ``record`` is there, unless something was written over it."""
    done = [actor for actor in actors if actor.over == "done" and actor.result.stored == record.id]
    crashed = [actor for actor in actors if actor.over == "crashed"]
    for actor in done:
        for key, value in actor.operation.writes.items():
            allowed = {value} | {
                other.operation.writes[key]
                for other in (*done, *crashed)
                if key in other.operation.writes
            }
            if record.values.get(key) not in allowed:
                raise Violation(
                    LOST,
                    f"{actor.operation.name!r} stored {key}={value!r}, "
                    f"which is {record.values.get(key)!r} at the end",
                )
        deadlines = {other.operation.sets_deadline for other in (*done, *crashed)}
        if actor.operation.sets_deadline and record.deadline not in deadlines:
            raise Violation(LOST, f"{actor.operation.name!r} set another deadline")
    counted = int(record.values.get("n", b"0"))
    least = sum(each.operation.counts for each in actors if _counted(each) == record.id)
    most = least + sum(actor.operation.counts for actor in crashed)
    # A sign-in that was overtaken goes on with a copy of what it has read, and with what was counted there.
    if not least <= counted or (record.id == PHONE and counted > most):
        raise Violation(LOST, f"{least} steps were counted, which are {counted} at the end")


def _counted(actor: Actor) -> str:
    return actor.result.counted if actor.over == "done" else ""


def _keys(records: Mapping[str, Record], done: list[Actor], now: int, *, complete: bool) -> None:
    """Each live session is opened by the last key that a browser has got for it, and by no other."""
    keys = {Key(actor.result.key) for actor in done if actor.result.key} | {key_of(PHONE)}
    for key in keys:
        session, record = SessionStore(key), records.get(key.id)
        run(session.open())
        opens = record is not None and record.is_live(now) and record.secret == key.digest
        if opens != (session.state is State.LIVE):
            raise Violation(FORMER, f"{key!s} leads to {session.state}")
    digests = {key.digest for key in keys}
    for record in records.values():
        # A request that was overtaken may have stored a session without a user.
        known = record.secret in digests or record.id in {LAPTOP, BOBS} or not record.user_id
        if complete and record.is_live(now) and not known:
            raise Violation(ONE_KEY, f"no browser has got the key of {record.id}")


def _ends(records: Mapping[str, Record], done: list[Actor], *, complete: bool) -> None:
    reported = Counter(id for actor in done for id in actor.result.ended)
    if twice := {id for id, times in reported.items() if times > 1}:
        raise Violation(TOLD, f"{twice} was ended twice")
    silent = {id for id, record in records.items() if record.ended} - reported.keys()
    if complete and silent:
        raise Violation(TOLD, f"{silent} was ended by nobody")


def _inserts(actors: tuple[Actor, ...], ledger: Ledger, *, disturbed: bool) -> None:
    inserts = Counter(actor.operation.inserts for actor in actors if actor.operation.inserts)
    for actor in actors:
        if actor.over != "done" or not actor.operation.inserts or disturbed:
            continue  # a stalled one may have expired before it was stored
        id = actor.operation.inserts
        if actor.result.stored and id not in {began for began, _ in ledger.began}:
            raise Violation(LOST, f"{actor.operation.name!r} began {id}, which was never there")
        if not actor.result.stored and inserts[id] == 1:
            raise Violation(LOST, f"{actor.operation.name!r} could not begin {id}")

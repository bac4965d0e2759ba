"""What is done to a storage: the verbs of its contract, and what the library makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from frontdesk.core import clock
from frontdesk.core.flow import Call, Flow
from frontdesk.core.record import FOREVER, Changes, Record, merge, rotate
from frontdesk.signals import sessions_ended
from frontdesk.signin import limit
from tests.interleavings.promises import Live, Operation, Result
from tests.interleavings.world import (
    ADA,
    LAPTOP,
    PHONE,
    START,
    TABLET,
    WATCH,
    World,
    a_session,
    auth,
    key_of,
)


class Overtaken(Exception):
    """The session has another key than when the operation read it."""


def changing(function: Callable[[Record, Record], Record]) -> Callable[[World], Flow[Result]]:
    """Return an operation that reads the session on the phone and changes it.

    ``function`` is called with the session as it was read, and as it is stored.
    """

    def flow(world: World) -> Flow[Result]:
        known = yield from world.storage.read(PHONE)
        if known is None or not known.is_live(clock.now()):
            return Result(refused=PHONE)
        try:
            after = yield from world.storage.change(known, lambda current: function(known, current))
        except Overtaken:
            after = None
        return Result(stored=PHONE) if after else Result(refused=PHONE)

    return flow


def writing(**values: bytes) -> Callable[[World], Flow[Result]]:
    return changing(lambda known, current: merged(current, values=values))


def counting(world: World) -> Flow[Result]:
    result = yield from changing(counted)(world)
    return result._replace(counted=result.stored)


def merged(current: Record, **changes: Any) -> Record:
    return merge(current, Changes(last_seen=clock.now(), **changes))


def counted(known: Record, current: Record) -> Record:
    number = int(current.values.get("n", b"0")) + 1
    return merged(current, values={"n": b"%d" % number})


def rotating(**changes: Any) -> Callable[[World], Flow[Result]]:
    def flow(world: World) -> Flow[Result]:
        secret = key_of(PHONE).with_new_secret().digest

        def rotated(known: Record, current: Record) -> Record:
            if current.secret != known.secret:
                raise Overtaken
            return rotate(merged(current, **changes), secret, clock.now(), current.user_id)

        return (yield from changing(rotated)(world))

    return flow


def inserting(id: str, **fields: Any) -> Callable[[World], Flow[Result]]:
    def flow(world: World) -> Flow[Result]:
        now, secret = clock.now(), key_of(id).with_new_secret().digest
        times = dict.fromkeys(("created", "authenticated", "last_seen", "version"), now)
        times["deadline"] = now + clock.DAY
        new = a_session(id, **{**times, "secret": secret, **fields})
        stored = yield from world.storage.insert(new)
        return Result(stored=id if stored else "")

    return flow


def inserting_limited(id: str, maximum: int) -> Callable[[World], Flow[Result]]:
    """Return a sign-in, and what ``MAX_SESSIONS_PER_USER`` makes of it."""

    def flow(world: World) -> Flow[Result]:
        result, ended = (yield from inserting(id)(world)), set[str]()
        if result.stored:
            surplus = limit._ending_surplus(world.storage, id, ADA, maximum)
            yield from noting_ends(surplus, ended)
        return result._replace(ended=frozenset(ended))

    return flow


def noting_ends(flow: Flow[Any], ended: set[str]) -> Flow[Any]:
    """Run ``flow``, and note which ends it reports by a signal."""
    try:
        call = next(flow)
        while True:
            if call.name == "send" and call.args[1] is sessions_ended:
                ended |= {end.session_id for end in call.args[2]["ends"]}
            try:
                answer = yield call
            except Exception as error:  # noqa: BLE001 (the flow decides what becomes of it)
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except StopIteration as stop:
        return stop.value


def ending(*args: Any) -> Callable[[World], Flow[Result]]:
    def flow(world: World) -> Flow[Result]:
        return ids_of((yield from world.storage.end([PHONE], *args)))

    return flow


def signing_out(world: World) -> Flow[Result]:
    known = yield from world.storage.read(PHONE)
    if known is None:
        return Result()
    return ids_of((yield from world.storage.end([PHONE], known=[known])))


def ending_all(*keep: str) -> Callable[[World], Flow[Result]]:
    def flow(world: World) -> Flow[Result]:
        return ids_of((yield from world.storage.end_of_user(ADA, keep)))

    return flow


def ids_of(records: list[Record]) -> Result:
    return Result(ended=frozenset(each.id for each in records))


def listing(world: World) -> Flow[Result]:
    found = yield from world.storage.of_user(ADA)
    return Result(listed=frozenset(each.id for each in found))


def purging(world: World) -> Flow[Result]:
    yield from world.storage.expire(clock.now(), 100)
    return Result()


def evicting(world: World) -> Flow[Result]:
    """A full cache evicts the session, or its row is deleted."""
    yield Call(world.storage, "evict", (PHONE,))
    return Result()


def pruning(world: World) -> Flow[Result]:
    """Write the index of Ada, as a write of the phone with a later deadline does; only on documents."""
    yield from world.storage._list(a_session(PHONE, deadline=FOREVER))
    return Result()


def ids_of_ada(live: Live) -> set[str]:
    return {each.id for each in live if each.user_id == ADA}


LATER = START + 60 * clock.DAY
SOON = START + 30 * clock.SECOND

SAVE = Operation("save a", writing(a=b"1"), writes={"a": b"1"})
SAVE_OTHER = Operation("save b", writing(b=b"1"), writes={"b": b"1"})
SAVE_SAME = Operation("save a differently", writing(a=b"2"), writes={"a": b"2"})
COUNT = Operation("count", counting, counts=1)
USE = Operation("use", writing())
ROTATE = Operation("rotate", rotating())
SIGN_IN_HERE = Operation(
    "sign in on the phone",
    rotating(user_id=ADA, values=auth(ADA)),
    writes=auth(ADA),
)
SIGN_IN = Operation("sign in", inserting(TABLET), inserts=TABLET)
SIGN_IN_FOREVER = Operation(
    "sign in without a limit", inserting(TABLET, deadline=FOREVER), inserts=TABLET
)
SIGN_IN_TOO = Operation("sign in on the watch", inserting(WATCH), inserts=WATCH)
SIGN_IN_LIMITED, SIGN_IN_LIMITED_TOO = (
    Operation(f"sign in, two allowed, {id[0]}", inserting_limited(id, 2), inserts=id, limit=2)
    for id in (TABLET, WATCH)
)
EXTEND = Operation(
    "extend",
    changing(lambda known, current: merged(current, fields={"deadline": LATER})),
    sets_deadline=LATER,
)
SHORTEN = Operation(
    "shorten",
    changing(lambda known, current: replace(current, deadline=SOON)),
    sets_deadline=SOON,
)
END = Operation(
    "end",
    ending(ADA),
    ends=lambda live: {each.id for each in live if (each.id, each.user_id) == (PHONE, ADA)},
)
SIGN_OUT = Operation("sign out", signing_out, ends=lambda live: {PHONE})
END_ALL = Operation("end all", ending_all(), ends=ids_of_ada)
END_OTHERS = Operation(
    "end others", ending_all(LAPTOP), ends=lambda live: ids_of_ada(live) - {LAPTOP}
)
EVICT = Operation("evict", evicting)
PRUNE = Operation("search the index", pruning)
LIST = Operation("list", listing)
PURGE = Operation("purge", purging)

ALL = (
    *(SAVE, SAVE_OTHER, SAVE_SAME, COUNT, USE, ROTATE, SIGN_IN_HERE, SIGN_IN, SIGN_IN_FOREVER),
    *(SIGN_IN_TOO, EXTEND, SHORTEN, END, SIGN_OUT, END_ALL, END_OTHERS, EVICT, LIST, PURGE),
)

"""Level three: the orders of the steps of a cache before an authority, with the faults of that cache.

Two processes share an authority, a cache and a fence. Their verbs are flows, and each call of a flow to
one of the three is a step. Faults are flows too, so they may come at any moment: the cache is emptied,
refuses to write or to answer, comes back with what it held at the beginning, a process dies, time passes.

Orders that lead to the same state, with the same answers to everybody, go on alike, and are followed once.
So the number of states is what counts, and three verbs with two faults can be explored to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from frontdesk import clock
from frontdesk.drive import Call, Flow, run
from frontdesk.errors import StorageUnavailable
from frontdesk.storages.authority import Authority, Later
from frontdesk.storages.fence import Row
from frontdesk.storages.front import Front
from frontdesk.storages.fronted import FrontedStorage
from frontdesk.storages.memory import MemoryStorage
from frontdesk.storages.record import Changes, Ended, Record
from frontdesk.storages.trust import CLOSED, TRUSTED, Stopwatch
from frontdesk.tokens import Digest

KEY, NEXT = Digest("a" * 64), Digest("b" * 64)
USER = "7"
LIFE = 300
HOUR = 3600 * clock.SECOND


class MemoryFront(Front):
    """A cache in a dictionary, which can be told to fail."""

    native = True

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.identity = "first"
        self.made = 0
        self.refuses: frozenset[str] = frozenset()
        self.loads = 0

    @property
    def links(self) -> int:
        return self.made

    def _ask(self, verb: str) -> None:
        if verb in self.refuses:
            raise StorageUnavailable(f"the cache refuses to {verb}")

    def load(self, name: str) -> bytes | None:
        self._ask("load")
        self.loads += 1
        return self.values.get(name)

    def swap(self, name: str, expected: bytes | None, value: bytes, seconds: int) -> bool:
        self._ask("swap")
        if self.values.get(name) != expected:
            return False
        self.values[name] = value
        return True

    def replace(
        self, name: str, value: bytes, kinds: bytes, own: bytes, seconds: int
    ) -> bytes | None:
        self._ask("replace")
        found = self.values.get(name)
        if found is not None and found != own and found[:1] in kinds:
            return found
        self.values[name] = value
        return None

    def put(self, names: Collection[str], value: bytes, seconds: int) -> None:
        self._ask("put")
        self.values.update(dict.fromkeys(names, value))

    def server(self) -> str:
        self._ask("server")
        return self.identity

    async def _hop(self, verb: str, *args: Any) -> Any:
        return getattr(self, verb)(*args)


class MemoryFence:
    """What ``DatabaseFence`` does, in memory."""

    def __init__(self) -> None:
        self.row: Row | None = None
        self.generations = 0

    def look(self, server: str) -> Row | None:
        if self.row is None:
            self.row = Row(self._new(), server, open=True)
        return self.row

    def close(self, generation: str) -> None:
        if self.row is not None and self.row.generation == generation:
            self.row = self.row._replace(open=False)

    def shut(self) -> str | None:
        if self.row is None:
            return None
        self.row = self.row._replace(open=False)
        return self.row.generation

    def reopen(self, generation: str, server: str) -> Row | None:
        if self.row is None or self.row.open or self.row.generation != generation:
            return None
        self.row = Row(self._new(), server, open=True)
        return self.row

    def _new(self) -> str:
        self.generations += 1
        return str(self.generations)

    async def alook(self, server: str) -> Row | None:
        return self.look(server)

    async def aclose(self, generation: str) -> None:
        self.close(generation)

    async def ashut(self) -> str | None:
        return self.shut()

    async def areopen(self, generation: str, server: str) -> Row | None:
        return self.reopen(generation, server)


class Seconds(Stopwatch):
    """Seconds that pass when somebody sleeps, and when the explorer says so."""

    def __init__(self) -> None:
        self.passed = 100.0

    def now(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


class Here(Authority):
    """Needs no thread."""

    async def achange(self, verb: str, args: tuple[Any, ...], later: Later) -> tuple[Any, bool]:
        return self.change(verb, args, later)

    async def aread(self, digest: Digest, later: Later) -> tuple[Any, bool]:
        return self.read(digest, later)


class Town:
    """Two processes, and what they share. A session is there, and both have looked at the fence."""

    def __init__(self, kind: type[FrontedStorage] = FrontedStorage) -> None:
        self.authority = MemoryStorage()
        self.front = MemoryFront()
        self.fence = MemoryFence()
        self.seconds = Seconds()
        self.one, self.two = (
            kind(self.authority, self.front, self.fence, LIFE, self.seconds) for _ in "12"
        )
        for process in (self.one, self.two):
            process._behind = Here(self.authority)
        self.reported: dict[str, Any] = {}
        """What verbs have answered, by the name of the actor."""
        self.died: set[str] = set()
        self.authority.insert(a_record())
        self.snapshot: dict[str, bytes] = {}

    def furnished(self, *, copied: bool) -> Town:
        """Let both processes have read the session, if it is to be in the cache."""
        for process in (self.one, self.two):
            if copied:
                assert isinstance(process.read(KEY), Record)
            else:
                run(process.trust.view())
        self.snapshot = dict(self.front.values)
        return self

    # The faults.

    def wipe(self) -> None:
        """The cache is emptied, or restarted with nothing."""
        self.front.values.clear()

    def refuse(self, verbs: Collection[str]) -> None:
        self.front.refuses = frozenset(verbs)

    def answer(self) -> None:
        self.front.refuses = frozenset()

    def restore(self) -> None:
        """The cache is killed and started, and has what it held at the beginning."""
        self.front.values = dict(self.snapshot)
        self.front.identity += "'"
        self.front.made += 2  # both processes connect anew

    def shut(self) -> None:
        """Another process, which cannot reach the cache, closes the fence."""
        self.fence.shut()

    def elapse(self, seconds: float) -> None:
        self.seconds.sleep(seconds)

    async def awipe(self) -> None:
        self.wipe()

    async def arefuse(self, verbs: Collection[str]) -> None:
        self.refuse(verbs)

    async def aanswer(self) -> None:
        self.answer()

    async def arestore(self) -> None:
        self.restore()

    async def ashut(self) -> None:
        self.shut()

    async def aelapse(self, seconds: float) -> None:
        self.elapse(seconds)

    # Looking without touching.

    def state(self) -> tuple[Any, ...]:
        processes = (self.one, self.two)
        return (
            tuple(sorted(self.front.values.items())),
            (self.front.identity, self.front.made, self.front.refuses),
            self.fence.row,
            self.seconds.passed,
            tuple(sorted((key, repr(value)) for key, value in self.authority._slots.items())),
            tuple(
                (
                    *(t._view, t._resting_until, t._closed, t._looking, t.incident.open),
                    t.in_doubt,
                )
                for t in (process.trust for process in processes)
            ),
        )

    def glimpse(self, process: FrontedStorage, digest: Digest) -> Record | Ended | None:
        """Return what ``process`` would answer now, and leave everything as it is."""
        front, fence, trust = self.front, self.fence, process.trust
        kept = (dict(front.values), fence.row, fence.generations, self.seconds.passed, front.loads)
        own = (trust._view, trust._resting_until, trust._closed)
        doubts = (trust._doubts, trust._settled_doubts)
        was, looking = marks.of, trust._looking
        marks.of = None
        was_open, failures = trust.incident.open, trust.incident._failures
        try:
            return process.read(digest)
        finally:
            front.values, fence.row, fence.generations, self.seconds.passed, front.loads = kept
            trust._view, trust._resting_until, trust._closed = own
            trust._doubts, trust._settled_doubts = doubts
            trust.incident.open, trust.incident._failures = was_open, failures
            trust._looking, marks.of = looking, was


def a_record(digest: Digest = KEY, **more: Any) -> Record:
    now = clock.now()
    usual = {"values": {"room": b"1"}, "user_id": USER, "created": now, "last_seen": now}
    return Record(digest=digest, **{**usual, "idle": HOUR, "deadline": now + HOUR, **more})


# --- who meets ------------------------------------------------------------------------------------

Act = Callable[[Town], Flow[Any]]


def read(process: str = "one", digest: Digest = KEY) -> Act:
    return lambda town: getattr(town, process)._read(digest)


def read_twice(town: Town) -> Flow[Any]:
    yield from town.one._read(KEY)
    return (yield from town.one._read(KEY))


def update(value: str = "a", process: str = "two") -> Act:
    changes = Changes(values={value: b"2"})
    return lambda town: getattr(town, process)._update(KEY, changes)


def touch(process: str = "one") -> Act:
    return lambda town: getattr(town, process)._update(
        KEY, Changes(last_seen=clock.now() + clock.SECOND)
    )


def end(process: str = "two") -> Act:
    return lambda town: getattr(town, process)._remove([KEY], None)


def end_all(process: str = "two") -> Act:
    return lambda town: getattr(town, process)._remove_of_user(USER, ())


def rotate(process: str = "two") -> Act:
    return lambda town: getattr(town, process)._rotate(KEY, NEXT, Changes())


def fault(*steps: tuple[Any, ...]) -> Act:
    def act(town: Town) -> Flow[Any]:
        for verb, *args in steps:
            yield Call(town, verb, tuple(args))

    return act


WRITES = ("swap", "replace", "put")
EVERYTHING = ("load", "server", *WRITES)
FAULTS: dict[str, Act] = {
    "emptied": fault(("wipe",)),
    "refuses to write": fault(("refuse", WRITES)),
    "refuses to write for a while": fault(("refuse", WRITES), ("answer",)),
    "is down for a while": fault(("refuse", EVERYTHING), ("answer",)),
    "comes back as it was": fault(("restore",)),
    "down, and opened again": fault(
        ("refuse", EVERYTHING), ("answer",), ("elapse", CLOSED), ("elapse", CLOSED)
    ),
    "closed by somebody, and opened again": fault(
        ("shut",), ("elapse", TRUSTED), ("elapse", CLOSED)
    ),
    "time passes": fault(("elapse", TRUSTED / 2), ("elapse", TRUSTED)),
}

# --- exploring ------------------------------------------------------------------------------------


@dataclass
class Actor:
    """A verb or a fault, advanced by one step at a time."""

    name: str
    flow: Flow[Any]
    call: Call | None = None
    history: tuple[str, ...] = ()
    done: bool = False
    answer: Any = None
    after: frozenset[str] = frozenset()
    """Who had reported when it began."""

    def step(self, town: Town) -> Flow[None]:
        if not self.history:
            self.after = frozenset(town.reported)
        marks.of = self
        # Part of what it knows from here on: it may have looked at the clock.
        when = f"at {town.seconds.passed:g}s, {town.front.made} connections: "
        try:
            call = next(self.flow) if self.call is None else self.call
            try:
                found = yield call
            except Exception as error:  # noqa: BLE001 (the flow decides what to make of it)
                self.history += (f"{when}{call.name} -> {error!r}",)
                marks.of = self
                self.call = self.flow.throw(error)
            else:
                self.history += (f"{when}{call.name} -> {found!r}",)
                marks.of = self
                self.call = self.flow.send(found)
        except StopIteration as stop:
            self.done, self.answer = True, stop.value
            town.reported[self.name] = stop.value


class Marks:
    """Makes marks that are the same in each order: states are to be compared."""

    of: Actor | None = None

    def __call__(self) -> str:
        return f"{self.of.name} {len(self.of.history)}" if self.of else "somebody"


marks = Marks()


Judge = Callable[[Town, Sequence[Actor]], str | None]


@dataclass
class Meeting:
    """Who meets, in what town, and what must hold between any two steps."""

    town: Callable[[], Town]
    actors: dict[str, Act]
    judge: Judge
    mortal: str = ""
    """Who may die at any moment."""


@dataclass
class Result:
    """What was found."""

    states: int = 0
    steps: int = 0
    endings: int = 0
    wrong: list[tuple[str, list[str]]] = field(default_factory=list)

    def shortest(self) -> str:
        what, trace = min(self.wrong, key=lambda found: len(found[1]))
        return f"{len(self.wrong)} times, as here: {what}\n  " + "\n  ".join(trace)


DEATH = "dies"


def explored(meeting: Meeting, *, first: bool = False) -> Flow[Result]:
    """Go through every state that any order of steps leads to; or until the ``first`` wrong one."""
    result = Result()
    visited: set[Any] = set()
    open_prefixes: list[list[int]] = [[]]
    while open_prefixes and not (first and result.wrong):
        prefix = open_prefixes.pop()
        town, actors, trace = meeting.town(), _actors(meeting), []
        _begin(town, actors, meeting)
        for number in prefix:
            yield from _stepped(town, actors, number, meeting, trace)
        path = list(prefix)
        while True:
            key = (town.state(), tuple((a.history, a.done, a.after) for a in actors))
            if key in visited:
                break
            visited.add(key)
            result.states += 1
            problem = meeting.judge(town, actors)
            if problem:
                result.wrong.append((problem, list(trace)))
                break
            enabled = [number for number, actor in enumerate(actors) if not actor.done]
            if not enabled:
                result.endings += 1
                break
            if meeting.mortal and not town.died and _may_die(actors, meeting):
                enabled.append(len(actors))
            open_prefixes += [[*path, other] for other in enabled[1:]]
            path.append(enabled[0])
            yield from _stepped(town, actors, enabled[0], meeting, trace)
            result.steps += 1
    return result


def _actors(meeting: Meeting) -> list[Actor]:
    return [Actor(name, iter(())) for name in meeting.actors]  # type: ignore[arg-type]


def _begin(town: Town, actors: list[Actor], meeting: Meeting) -> None:
    for actor in actors:
        actor.flow = meeting.actors[actor.name](town)


def _may_die(actors: list[Actor], meeting: Meeting) -> bool:
    return any(a.name == meeting.mortal and not a.done and a.history for a in actors)


def _stepped(
    town: Town, actors: list[Actor], number: int, meeting: Meeting, trace: list[str]
) -> Flow[None]:
    if number == len(actors):
        (victim,) = (actor for actor in actors if actor.name == meeting.mortal)
        victim.done = True
        town.died.add(victim.name)
        trace.append(f"{victim.name}: {DEATH}")
        return
    actor = actors[number]
    yield from actor.step(town)
    done = f", done: {type(actor.answer).__name__}" if actor.done else ""
    trace.append(f"{actor.name}: {actor.history[-1][:110]}{done}" if actor.history else actor.name)

"""Who meets whom, and the judgement that fits any meeting: some sequential order explains its outcome."""

from __future__ import annotations

from functools import cache
from itertools import combinations, combinations_with_replacement, permutations

from frontdesk.drive import Flow, run
from tests.interleavings import oracles
from tests.interleavings.explorer import Scene, Violation, watched
from tests.interleavings.operations import OPERATIONS, PAIRED, Operation, arriving
from tests.interleavings.world import House, World

Names = tuple[str, ...]

SIGNS_IN = {"login", "login of somebody else", "login then save"}

PAIRS: list[tuple[Names, bool]] = [
    # Everything against everything, itself included, in a session in which Anna is signed in,
    *((pair, True) for pair in combinations_with_replacement(PAIRED, 2)),
    # and each sign-in against everything in an anonymous one.
    *(
        (pair, False)
        for pair in combinations_with_replacement(PAIRED, 2)
        if SIGNS_IN.intersection(pair)
    ),
]

CORE = ("save", "modify", "touch", "login", "logout", "change password", "end all")
"""For the servers, where an order takes milliseconds; the rest of their pairs is marked exhaustive."""

CORE_PAIRS = [
    (pair, signed_in)
    for pair, signed_in in PAIRS
    if set(pair) <= {*CORE, "expire then purge"} and (signed_in or "login" in pair)
]

TRIPLES: list[tuple[Names, bool]] = [
    (triple, signed_in)
    for triple in [
        *combinations(("save", "modify", "login", "logout", "end all"), 3),
        ("count", "count", "count"),
        ("count", "count", "login"),
        ("save", "save another key", "login"),
        ("save", "drop", "end all"),
        ("login", "login", "save"),
        ("login", "change password", "end all"),
        ("touch", "expire then purge", "save"),
    ]
    for signed_in in (True, False)
    if signed_in or "login" in triple
]

LONG_TRIPLES: list[tuple[Names, bool]] = [
    (("save", "change password", "ask for the user"), True),
    (("touch", "change password", "ask for the user"), True),
    (("login", "change password", "ask for the user"), True),
    (("modify", "modify", "login"), False),
]
"""Thousands of orders each, so they are marked exhaustive."""

CORE_TRIPLES = [
    (triple, True) for triple in (("save", "modify", "login"), ("save", "logout", "end all"))
]


def scene(
    names: Names,
    signed_in: bool,
    house: House,
    *,
    answers_travel: bool = False,
    world: type[World] = World,
) -> Scene:
    """Let these operations meet in the same browser's session."""
    label = f"{' | '.join(names)} ({'signed in' if signed_in else 'anonymous'})"
    acts: list[Operation] = [arriving(n) if answers_travel else OPERATIONS[n] for n in names]
    actors = [
        (f"{name} #{number}", act)
        for number, (name, act) in enumerate(zip(names, acts, strict=True), 1)
    ]

    def begin() -> Flow[World]:
        return world(house).furnished(signed_in=signed_in)

    def finish(done: World) -> Flow[None]:
        yield from done.finished()
        if answers_travel:
            oracles.browser_keeps_a_good_badge(done)
        elif "login then save" not in names:  # two requests, so not one step
            _some_sequential_order_explains(done, names, signed_in)

    return Scene(label, begin, actors, finish)


def _some_sequential_order_explains(world: World, names: Names, signed_in: bool) -> None:
    """The final state is that of some order of whole requests, of all that reported an effect at least.

    A request that found its session ended reported nothing, and so may be missing.
    """
    outcomes = _sequential(names, signed_in)
    done = {report.name for report in world.reports if report.effective}
    state = world.state()
    for subset, outcome in outcomes:
        if outcome == state and done <= set(subset):
            return
    known = "\n      ".join(sorted({repr(outcome) for _, outcome in outcomes}))
    raise Violation(
        "some_sequential_order_explains",
        f"nothing explains\n      {state!r}\n    but\n      {known}",
    )


@cache
def _sequential(names: Names, signed_in: bool) -> list[tuple[Names, tuple[object, ...]]]:
    from tests.interleavings import houses

    found = []
    for size in range(len(names) + 1):
        for order in permutations(names, size):
            world = run(World(houses.reference()).furnished(signed_in=signed_in))
            _ran(world, order, patient=False)
            found.append((order, world.state()))
            if "login of somebody else" in order:
                # It ends the session that it finds, also where that has just got another key. So does
                # a browser that waits for each answer, and sends the key that it has by then.
                world = run(World(houses.reference()).furnished(signed_in=signed_in))
                _ran(world, order, patient=True)
                found.append((order, world.state()))
    return found


def _ran(world: World, order: Names, *, patient: bool) -> None:
    for name in order:
        world.tick()
        run(watched(world, OPERATIONS[name](world)))
        if patient and world.jar:
            world.sent = world.jar
    run(world.finished())

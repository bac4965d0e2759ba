"""The explorer is worth its name only if it finds what is wrong: each seeded mistake is caught."""

import pytest

from frontdesk.drive import Call, run
from tests.interleavings import houses, scenes
from tests.interleavings.explorer import Scene, Violation, explored
from tests.interleavings.people import InMemory
from tests.interleavings.seeds import SEEDS
from tests.interleavings.world import House


@pytest.mark.parametrize(
    ("seed", "names", "signed_in", "oracles"),
    [pytest.param(*case, id=f"{case[0].__name__}-{'-'.join(case[1])}") for case in SEEDS],
)
def test_a_seeded_mistake_is_caught_and_by_the_right_oracle(seed, names, signed_in, oracles):
    house = House(seed, InMemory(), houses.CLOCK)
    exploration = run(explored(scenes.scene(names, signed_in, house)))
    found = {found.violation.oracle for found in exploration.found}
    assert oracles <= found, exploration.found and exploration.worst()
    sound = run(explored(scenes.scene(names, signed_in, houses.reference())))
    assert not sound.found, sound.worst()


class Nowhere:
    """A world without a storage, to count orders in."""

    def __init__(self):
        self.log = []

    def write(self, name):
        self.log.append(name)

    def tick(self):
        pass

    def asked(self, call):
        pass

    def observed(self, call, answer):
        pass

    def looked(self):
        return iter(())


@pytest.mark.parametrize(
    ("lengths", "orders"), [((1,), 1), ((2, 2), 6), ((3, 4), 35), ((2, 2, 2), 90)]
)
def test_every_order_is_tried_exactly_once(lengths, orders):
    seen = []

    def act(name, length):
        def steps(world):
            for _ in range(length):
                yield Call(world, "write", (name,))

        return steps

    def begin():
        return Nowhere()
        yield

    def finish(world):
        seen.append("".join(world.log))
        return iter(())

    actors = [(name, act(name, length)) for name, length in zip("abc", lengths, strict=False)]
    assert run(explored(Scene("counting", begin, actors, finish))).orders == orders
    assert len(seen) == len(set(seen)) == orders


def test_an_exception_out_of_a_flow_is_a_violation():
    def fails(world):
        yield Call(world, "no_such_verb", ())

    def begin():
        return Nowhere()
        yield

    exploration = run(explored(Scene("failing", begin, [("a", fails)], lambda world: iter(()))))
    assert [found.violation.oracle for found in exploration.found] == ["nothing_raises"]
    assert isinstance(exploration.found[0].violation, Violation)

"""The explorer is worth its name only if it finds what is wrong: each seeded mistake is caught."""

import pytest

from tests.interleavings.explorer import Meeting, explore
from tests.interleavings.seeds import SEEDS, UnbornLookAlike
from tests.interleavings.world import Documents, Records


@pytest.mark.parametrize("seed", [pytest.param(seed, id=seed.name) for seed in SEEDS])
def test_a_seeded_mistake_is_caught(seed):
    is_storage = isinstance(seed.mistake, type)
    world = seed.world(seed.mistake if is_storage else Records)
    with seed.patch():
        found = explore(Meeting(world, seed.operations, **seed.meeting), until=seed.breaks)
    assert seed.breaks in found.broken


def sound(seed):
    is_long = seed.mistake is UnbornLookAlike
    return pytest.param(seed, id=seed.name, marks=[pytest.mark.exhaustive] if is_long else [])


@pytest.mark.parametrize("seed", [sound(seed) for seed in SEEDS])
def test_the_same_meeting_without_the_mistake_is_sound(seed):
    is_document = isinstance(seed.mistake, type) and issubclass(seed.mistake, Documents)
    world = seed.world(Documents if is_document else Records)
    found = explore(Meeting(world, seed.operations, **seed.meeting))
    assert not found.violations, found.report()

"""The short form of ``make hammer``: each storage behind several server processes, each probe once.

What it takes to be found in a second is found here; ``make hammer`` takes the time for the rest.
"""

import pytest

from benchmarks.hammer.places import PLACES
from benchmarks.hammer.probes import PROBES, Ground, crowd_of
from benchmarks.hammer.server import serve
from benchmarks.hammer.tally import Tally
from benchmarks.hammer.visitor import Answer
from tests import services

CLIENTS = 2
SECONDS = 0.5


@pytest.fixture(scope="module")
def crowd():
    with crowd_of(CLIENTS) as pool:
        yield pool


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", PLACES)
def test_nothing_is_lost_revived_or_wiped_under_the_hammer(name, crowd):
    place = PLACES[name]
    if place.needs:
        services.require(place.needs)
    with place.ready() as settings, serve(settings, workers=4) as served:
        ground = Ground(served.port, crowd, CLIENTS, SECONDS, seed=1, round=6)
        tallies = {probe: run(ground) for probe, run in PROBES.items()}
    broken = {probe: tally for probe, tally in tallies.items() if tally.broken}
    assert not broken, [f"{probe}: {tally.summary}" for probe, tally in broken.items()]


def an_answer(status=200, **page):
    return Answer(status, page, {}, None, 1.0)


def test_a_probe_that_did_nothing_proves_nothing():
    assert Tally().broken
    assert not Tally(operations=1).broken


@pytest.mark.parametrize("what", ["lost", "revived", "wiped"])
def test_one_of_what_is_promised_never_to_happen_is_one_too_many(what):
    tally = Tally(operations=1)
    tally += Tally(operations=1000, **{what: 0})
    assert not tally.broken
    tally += Tally(**{what: 1})
    assert tally.broken


def test_an_answer_that_is_no_page_is_an_error():
    tally = Tally(operations=1)
    tally.see(an_answer())
    assert not tally.broken
    tally.see(an_answer(status=500))
    tally.see(an_answer(status=0, error="ConnectionResetError"))
    assert tally.errors == {"500": 1, "ConnectionResetError": 1}
    assert tally.broken

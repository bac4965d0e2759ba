"""The short form of ``make outages``: two faults under load, and mistakes on purpose that it must find."""

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import pytest

from benchmarks.outages.__main__ import outages
from benchmarks.outages.houses import HOUSES, Entry, redis
from benchmarks.outages.outage import Outcome
from frontdesk.errors import StorageUnavailable
from frontdesk.storages.redis import RedisStorage
from tests import services


def suffered(entry, server, fault):
    for service in entry.needs:
        services.require(service)
    ((_, outcome),) = outages(entry, server, faults=[fault], people=6, workers=2)
    return outcome


@pytest.mark.slow
@pytest.mark.parametrize(
    ("storage", "server", "fault"),
    [("redis", "gunicorn", "killed"), ("memcached", "uvicorn", "hanging")],
)
def test_an_outage_under_load_is_not_a_sign_out(storage, server, fault):
    outcome = suffered(HOUSES[storage], server, fault)
    assert outcome.faults == []
    assert outcome.unavailable > 0
    assert outcome.processes == 2


class Forgiving(RedisStorage):
    """Takes an outage for a session that is not there, as a cache does for what is not essential."""

    def read(self, digest):
        try:
            return super().read(digest)
        except StorageUnavailable:
            return None


@contextmanager
def with_a_forgiving_storage():
    with redis() as house:
        house.settings["STORAGE"]["BACKEND"] = f"{__name__}.Forgiving"
        yield house


@pytest.mark.slow
def test_a_storage_that_takes_an_outage_for_an_unknown_key_is_found():
    outcome = suffered(
        Entry("forgiving", with_a_forgiving_storage, ("redis",)), "gunicorn", "killed"
    )
    assert outcome.sign_outs > 0
    assert outcome.faults


RIGHT = Outcome(
    requests=100,
    unavailable=10,
    errors=Counter(),
    sign_outs=0,
    wrong_users=0,
    lost=0,
    doubled=0,
    revived=0,
    slowest=1500.0,
    slowest_plain=900.0,
    recovery=0.5,
    processes=2,
    incidents=1,
    unclosed=0,
    forgets=False,
    timeout=1.0,
)


def test_answers_of_503_in_time_are_what_is_promised():
    assert RIGHT.faults == []


@pytest.mark.parametrize(
    "what",
    [
        {"requests": 0},
        {"errors": Counter({500: 1})},
        {"sign_outs": 1},
        {"wrong_users": 1},
        {"lost": 1},
        {"doubled": 1},
        {"revived": 1},
        {"slowest": 7000.0},
        {"slowest_plain": 3500.0},
        {"recovery": 20.0},
        {"unclosed": 1},
    ],
    ids=lambda what: next(iter(what)),
)
def test_one_of_what_should_never_be_is_one_too_many(what):
    assert len(replace(RIGHT, **what).faults) == 1


@pytest.mark.parametrize("what", [{"sign_outs": 1}, {"lost": 1}, {"revived": 1}])
def test_what_a_server_forgets_is_not_held_against_the_storage(what):
    assert replace(RIGHT, forgets=True, **what).faults == []


def test_a_wrong_user_is_never_forgiven():
    assert replace(RIGHT, forgets=True, wrong_users=1).faults

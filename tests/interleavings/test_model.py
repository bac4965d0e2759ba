"""Each storage does what the contract says, whatever is done to it, in any order."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from frontdesk.storages import documents
from frontdesk.storages.memory import MemoryStorage
from tests.interleavings.model import Contract
from tests.interleavings.seeds import BlindOverwrite
from tests.interleavings.world import Documents as DocumentsByClock
from tests.interleavings.world import Files
from tests.storages.conftest import *  # noqa: F403

MANY = settings(max_examples=40, stateful_step_count=30)
FEW = settings(
    max_examples=5,
    stateful_step_count=20,
    suppress_health_check=[HealthCheck.too_slow],  # on a disk or a server
)


class Forgetting(DocumentsByClock):
    """Forgets documents by the clock of the test."""

    @property
    def now(self):
        return documents.clock.now()

    def get(self, names):
        self.forget()
        return super().get(names)


class Keeping(Forgetting, Files):
    """Keeps expired documents, as files do."""


class Careless(BlindOverwrite, Forgetting):
    """Writes without looking at what is there."""


@pytest.mark.parametrize("make", [MemoryStorage, Forgetting, Keeping])
def test_a_storage_in_memory_does_what_the_contract_says(make, monkeypatch):
    monkeypatch.setattr(documents, "is_crowded", lambda names: True)
    run_state_machine_as_test(lambda: Contract(make()), settings=MANY)


def test_a_storage_that_overwrites_does_not():
    first = settings(MANY, database=None, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lambda: Contract(Careless()), settings=first)


def test_every_storage_does_what_the_contract_says(storage, do):
    run_state_machine_as_test(lambda: Contract(storage, do), settings=FEW)

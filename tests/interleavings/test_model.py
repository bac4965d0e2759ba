"""Each storage in memory does what the contract says, whatever is done to it, in any order."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from frontdesk.storages import documents
from frontdesk.storages.memory import MemoryStorage
from tests.interleavings.model import Contract
from tests.interleavings.world import Documents as DocumentsByClock
from tests.interleavings.world import Files

FEW = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
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


@pytest.mark.parametrize("storage", [MemoryStorage, Forgetting, Keeping])
def test_a_storage_does_what_the_contract_says(storage, monkeypatch):
    monkeypatch.setattr(documents, "is_crowded", lambda names: True)
    run_state_machine_as_test(lambda: Contract(storage()), settings=FEW)

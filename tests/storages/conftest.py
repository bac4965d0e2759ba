"""Fixtures for the tests of the storages."""

import pytest

from frontdesk.storages import fence
from frontdesk.storages.database import DatabaseStorage
from tests.storages import places


@pytest.fixture(scope="session")
def cache_table(django_db_setup, django_db_blocker) -> str:
    """The name of a table for the database cache, in every database of this run."""
    with django_db_blocker.unblock():
        places.create_cache_tables()
    return places.TABLE


@pytest.fixture
def as_if_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the transaction of the test from a cache before the database, for which it is the world."""
    monkeypatch.setattr(fence, "is_inside_transaction", lambda connection: False)
    monkeypatch.setattr(DatabaseStorage, "after_commit", lambda self, function: function())

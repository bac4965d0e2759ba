"""Fixtures for the tests of the storages."""

import pytest

from frontdesk.testing.conformance.ground import Caller
from tests.storages import places


@pytest.fixture(scope="session")
def cache_table(django_db_setup, django_db_blocker) -> str:
    """The name of a table for the database cache, in every database of this run."""
    with django_db_blocker.unblock():
        places.create_cache_tables()
    return places.TABLE


@pytest.fixture(params=["sync", "async"])
def do(request, storage) -> Caller:
    """What calls a verb of the module's own ``storage``, in either colour."""
    return Caller(storage, request.param)

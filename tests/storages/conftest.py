"""Fixtures for the tests of the storages."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connections

from frontdesk.models import Session
from frontdesk.storages import direct
from frontdesk.storages.select import Select
from frontdesk.testing.conformance.ground import Caller
from tests.storages import places
from tests.storages.driving import DIGEST


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


# Of the way past Django's cursor.


@pytest.fixture
def connection(database):
    return connections[database]


@pytest.fixture
def user(database):
    return get_user_model().objects.create_user("ada")


@pytest.fixture
def kept(database):
    return Session.objects.using(database).create(
        digest=DIGEST,
        data={"cart": '["ü", 1]'},
        created=1,
        last_seen=2**60,
        idle=3,
        deadline=2**62,
        expires=2**61,
        ip="::1",
    )


@pytest.fixture
def select(database):
    compiler = Session.objects.using(database).filter(digest="x").query.get_compiler(database)
    return Select(compiler.as_sql()[0])


@pytest.fixture
def cursors(connection, monkeypatch):
    """A list that gets an entry for each cursor that Django makes."""
    made = []

    def create_cursor(name=None):
        made.append(name)
        return as_it_is(name)

    as_it_is = connection.create_cursor
    connection.ensure_connection()
    monkeypatch.setattr(connection, "create_cursor", create_cursor)
    # The spy is not to be taken for somebody who watches.
    monkeypatch.setattr(direct, "_makes_another_cursor", lambda connection: False)
    return made

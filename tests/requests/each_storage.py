"""The fixture ``each_storage``: visits run on every storage."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from frontdesk.storages.base import Storage
from tests.fixtures import DATABASE, use
from tests.services import DATABASES
from tests.storages import places


class Opened(Storage):
    """Stands for the storage that the test has opened, since settings name a class."""

    current: Storage

    def __new__(cls) -> Any:
        return cls.current


OPENED = f"{__name__}.Opened"


def database(name: str) -> Any:
    alias = "default" if name == os.environ.get("FRONTDESK_TEST_DB", "sqlite") else name
    marks = [pytest.mark.django_db(databases=[alias])]
    if name != "sqlite":
        marks.append(pytest.mark.needs(name))
    return pytest.param(alias, id=f"database-{name}", marks=marks)


def place(param: Any) -> Any:
    return pytest.param(*param.values, id=param.id, marks=[*param.marks, pytest.mark.django_db])


# In a transaction of the test, which is faster than the real commits of tests/storages/places.py.
ON_DATABASES = [database(name) for name in DATABASES]
ELSEWHERE = [each for each in places.PLACES if not each.name.startswith("database-")]


@pytest.fixture(params=[*ON_DATABASES, *map(place, places.each(ELSEWHERE))])
def each_storage(request: Any, site: None, settings: Any, monkeypatch: Any) -> Iterator[Storage]:
    """Each storage in turn, empty. On a database, the users are in the same one."""
    if isinstance(request.param, str):
        monkeypatch.setattr("tests.services.RouteToCurrent.alias", request.param)
        yield use(settings, DATABASE)
        return
    with request.param.open() as opened:
        monkeypatch.setattr(Opened, "current", opened, raising=False)
        yield use(settings, OPENED)

"""Fixtures for tests that run on each place, by sync and async calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from frontdesk.core.flow import Call, Flow, arun, run
from frontdesk.storages.base import Storage
from tests.storages import places


@pytest.fixture(params=places.each())
def place(request) -> places.Place:
    return request.param


@pytest.fixture
def storage(place) -> Iterator[Storage]:
    """An empty storage."""
    with place.open() as storage:
        yield storage


@pytest.fixture(params=["sync", "async"])
def mode(request) -> str:
    return request.param


@pytest.fixture
def do(storage, mode) -> Iterator[Do]:
    """What runs flows, and calls primitives, of ``storage``, sync or async."""
    with Do(storage, mode) as do:
        yield do


class Do:
    """``do(storage.insert(record))`` runs a flow, ``do.load(ids)`` calls a primitive."""

    def __init__(self, storage: Storage, mode: str) -> None:
        self.storage = storage
        self._is_async = mode == "async"
        self._runner = asyncio.Runner()

    def __enter__(self) -> Do:
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.close()

    def __call__(self, flow: Flow[Any]) -> Any:
        if not self._is_async:
            return run(flow)
        if self.storage.thread_sensitive:
            # The storage works in this thread, where the database connections of the test are.
            return async_to_sync(arun)(flow)
        return self._runner.run(arun(flow))

    def idle(self) -> None:
        """Let the event loop notice what has happened."""
        self._runner.run(asyncio.sleep(0.01))

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self(_one(Call(self.storage, name, args)))


def _one(call: Call) -> Flow[Any]:
    return (yield call)

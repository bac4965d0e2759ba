"""Django's ``cache`` engine: entries of a cache, which cannot be listed."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from frontdesk import clock
from frontdesk.errors import StorageUnavailable, UndecodableRecord
from frontdesk.moving.stock import StockPlace, StockSession, expiry_of

BROKEN = (pickle.UnpicklingError, AttributeError, ImportError, EOFError, IndexError)
"""What unpickling raises for a value that was made by another program."""


class Cached(StockPlace):
    """Sessions in the cache of an engine that descends from Django's ``cache``."""

    listable = False

    def read(self, key: str) -> StockSession | None:
        store = self.engine(key)
        with _available():
            values = store._cache.get(store.cache_key_prefix + key)
        if values is None:
            return None
        if not isinstance(values, dict):
            raise UndecodableRecord(
                f"A session of {self.engine.__module__} is {type(values).__name__}, not a dictionary."
            )
        # The cache does not tell when it will drop an entry. This is as if it was changed now.
        return StockSession(values, expiry_of(store, values, clock.now()))

    def insert(self, key: str, session: StockSession) -> bool:
        store = self.engine(key)
        seconds = (session.expires - clock.now()) // clock.SECOND
        with _available():
            return bool(store._cache.add(store.cache_key_prefix + key, session.values, seconds))

    def remove(self, key: str) -> bool:
        store = self.engine(key)
        with _available():
            removed: Any = store._cache.delete(store.cache_key_prefix + key)
        # A cache that says nothing is believed: no cache of Django's does that.
        return removed is None or bool(removed)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise UndecodableRecord(f"A session in the cache cannot be decoded: {error!r}") from error
    except Exception as error:  # each client has its own kinds
        raise StorageUnavailable(f"the cache of Django's sessions: {error!r}") from error

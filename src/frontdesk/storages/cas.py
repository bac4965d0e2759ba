"""Compare-and-set on Django's caches, which have no common word for it.

Without it no cache can promise that an ended session stays ended: between a ``get`` and a ``set`` there
is always room for somebody else's delete. So a cache that is not known here is refused, not trusted.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from frontdesk.errors import StorageUnavailable


class CompareAndSet(ABC):
    """What a cache can do, by keys that the cache itself has made; timeouts are in seconds."""

    faults: tuple[type[Exception], ...] = ()
    """What the client raises when its server cannot answer."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache

    @abstractmethod
    def load(self, key: str) -> tuple[bytes | None, Any]:
        """Return the value and a token for :meth:`store`."""

    @abstractmethod
    def load_many(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the values that are there."""

    @abstractmethod
    def store(self, key: str, token: Any, value: bytes, timeout: int) -> bool:
        """Store ``value`` if nothing has changed since the token was given."""

    def purge(self, limit: int) -> int:
        """Delete what has expired, where the cache does not do that itself."""
        return 0

    def missing_limits(self) -> list[str]:
        """Return the options of the cache without which a server that hangs is waited for without end."""
        return []

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn the client's faults into ours."""
        try:
            yield
        except self.faults as error:
            raise StorageUnavailable(f"{type(self.cache).__name__}: {error}") from error


class Overwriting(CompareAndSet):
    """One that can also store without comparing."""

    @abstractmethod
    def put(self, keys: Collection[str], value: bytes, timeout: int) -> None:
        """Store ``value`` under each of ``keys``, whatever is there."""

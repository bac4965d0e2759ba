"""What a session engine of Django's keeps, by raw keys: the one place that still knows them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from frontdesk import clock
from frontdesk.drive import hop
from frontdesk.errors import UndecodableRecord
from frontdesk.outage import Incident


@dataclass(frozen=True, slots=True)
class StockSession:
    """One session, as an engine of Django's keeps it."""

    values: dict[str, Any]
    expires: int
    """When it would end there, in microseconds, see ``clock``."""


Entry = tuple[str, StockSession | UndecodableRecord | None]
"""A key and what is there: a session, why it cannot be read, or ``None`` if it has expired."""


class StockPlace(ABC):
    """Where an engine of Django's keeps its sessions.

    It reads its own settings (``SESSION_CACHE_ALIAS``, ``SESSION_FILE_PATH``, ``SESSION_SERIALIZER``), and
    a subclass of the project's may override how it encodes and where it looks. The verbs raise
    :exc:`~frontdesk.errors.StorageUnavailable`; the twins that start with ``a`` take a thread hop.
    """

    listable = True
    """Whether :meth:`entries` can go through all of them."""

    transactional = False
    """See :attr:`frontdesk.storages.base.Storage.transactional`."""

    def __init__(self, engine: type[SessionBase]) -> None:
        self.engine: Any = engine
        self.incident = Incident()

    @abstractmethod
    def read(self, key: str) -> StockSession | None:
        """Return what is there; ``None`` if unknown or expired. Never writes.

        Raises :exc:`~frontdesk.errors.UndecodableRecord`.
        """

    @abstractmethod
    def insert(self, key: str, session: StockSession) -> bool:
        """Store a session. ``False`` when the key is taken; never overwrites."""

    @abstractmethod
    def remove(self, key: str) -> bool:
        """Delete what is there; ``False`` if nothing is, or somebody else was faster."""

    def entries(self) -> Iterator[Entry]:
        """Go through what is there, a few at a time; what comes meanwhile may be missed."""
        raise NotImplementedError(f"{type(self).__name__} cannot be listed.")

    def total(self) -> int | None:
        """Return about how many entries there are; ``None`` if nobody can say."""
        return None

    def after_commit(self, function: Callable[[], None]) -> None:
        """Call ``function`` once what this thread has just done here can no longer be rolled back."""
        function()

    def prove(self) -> None:
        """Raise ``ImproperlyConfigured`` if the engine's own settings are wrong."""
        self.engine()

    async def aread(self, key: str) -> StockSession | None:
        """See :meth:`read`."""
        return await hop(self.read, key)

    async def ainsert(self, key: str, session: StockSession) -> bool:
        """See :meth:`insert`."""
        return await hop(self.insert, key, session)

    async def aremove(self, key: str) -> bool:
        """See :meth:`remove`."""
        return await hop(self.remove, key)

    def _decoded(self, key: str, text: str) -> dict[str, Any]:
        """Undo the engine's ``encode()``, which turns what it cannot read into an empty session."""
        store = self.engine(key)
        values: dict[str, Any] = store.decode(text)
        if not values and not _is_empty(store, text):
            raise UndecodableRecord(
                f"A session of {self.engine.__module__} cannot be decoded; was it made with another "
                "SECRET_KEY or SESSION_SERIALIZER?"
            )
        return values


def _is_empty(store: Any, text: str) -> bool:
    # All empty sessions look alike but for the time and the signature, which follow a colon.
    encoded: str = store.encode({})
    return encoded.partition(":")[0] == text.partition(":")[0]


def expiry_of(store: Any, values: dict[str, Any], changed: int) -> int:
    """Return when a session ends that was last changed at ``changed``, as Django's engines have it.

    Raises :exc:`~frontdesk.errors.UndecodableRecord` for an expiry that is none.
    """
    expiry = values.get("_session_expiry")
    try:
        if isinstance(expiry, str):
            expiry = datetime.fromisoformat(expiry)
        if isinstance(expiry, datetime):
            return clock.from_datetime(expiry)
        return changed + int(expiry or store.get_session_cookie_age()) * clock.SECOND
    except (ValueError, TypeError) as error:
        raise UndecodableRecord(f"The expiry of a session is {expiry!r}.") from error

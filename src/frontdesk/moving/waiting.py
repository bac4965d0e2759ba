"""Sessions that have moved back and wait for their keys; see :mod:`frontdesk.moving.departure`."""

from collections.abc import Callable, Iterator

from frontdesk.moving.stock import Entry, StockPlace, StockSession
from frontdesk.tokens import Digest, digest_of

NAME_LENGTH = 40
"""Of ``django_session.session_key``. 160 bits of a digest are as hard to meet by chance as a key is."""


def waiting_name(digest: Digest) -> str:
    """Return the name under which a session waits: no key, as those that we make have 32 characters."""
    return digest[:NAME_LENGTH]


class WithWaiting(StockPlace):
    """The place of an engine of :mod:`frontdesk.wayback`, for a project that changes its mind again.

    A session is found there under its key, or under the name under which it waits for it.
    """

    def __init__(self, place: StockPlace) -> None:
        super().__init__(place.engine)
        self.place = place
        self.listable = place.listable
        self.transactional = place.transactional

    def read(self, key: str) -> StockSession | None:
        waiting = self.place.read(_name(key))
        return self.place.read(key) if waiting is None else waiting

    def insert(self, key: str, session: StockSession) -> bool:
        return self.place.insert(key, session)

    def remove(self, key: str) -> bool:
        waiting = self.place.remove(_name(key))
        return self.place.remove(key) or waiting

    def entries(self) -> Iterator[Entry]:
        return self.place.entries()

    def total(self) -> int | None:
        return self.place.total()

    def after_commit(self, function: Callable[[], None]) -> None:
        self.place.after_commit(function)

    def prove(self) -> None:
        self.place.prove()


def _name(key: str) -> str:
    digest = digest_of(key)
    return key if digest is None else waiting_name(digest)

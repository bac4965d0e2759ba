"""How a session moves in from one of Django's engines.

A key that the storage does not know is looked up in the engine. If it is there, it is inserted into the
storage under the same key, and then deleted in the engine. Two requests that do so at once find the same
id taken, so only one inserts. A sign-out deletes in both.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from frontdesk.core.flow import Call, Flow, blocking
from frontdesk.core.keys import DJANGO_KEY_LENGTH, Key
from frontdesk.core.record import Record
from frontdesk.errors import Contention
from frontdesk.migrate.from_django import Origin, origin
from frontdesk.storages.base import Storage

logger: logging.Logger = logging.getLogger("frontdesk")

NewRecord = Callable[[Mapping[str, Any]], Record]
"""Returns the record for a session with this dictionary."""


class CannotMove(Exception):
    """The engine has the session, but it cannot be read. Perhaps a setting is wrong, so the cookie stays."""


class NotMoving:
    """What happens without ``MIGRATE_FROM``: nothing."""

    def move(self, storage: Storage, key: Key, new_record: NewRecord) -> Flow[Record | None]:
        """Move the session of ``key`` into ``storage``, and return it; ``None`` if there is none.

        Raises :exc:`CannotMove`, and :exc:`~frontdesk.errors.StorageUnavailable` as the other methods do.
        """
        yield from ()
        return None

    def peek(self, key: Key, new_record: NewRecord) -> Flow[Record | None]:
        """Return what :meth:`move` would, and move nothing."""
        yield from ()
        return None

    def forget(self, key: Key | None) -> Flow[None]:
        """Delete the copy that the engine may still have."""
        yield from ()


class MovingIn(NotMoving):
    """The sessions of ``old`` move when they are used."""

    def __init__(self, old: Origin) -> None:
        self._old = old

    def move(self, storage: Storage, key: Key, new_record: NewRecord) -> Flow[Record | None]:
        dictionary = yield blocking(self._old.load, key)
        if dictionary is not None:
            new = _made(key, dictionary, new_record)
            if (yield from storage.insert(new)):
                # Not before the move is committed.
                yield blocking(storage.after_commit, partial(self._old.delete, key))
                return new
        # Another request may have moved it between the two reads.
        found = yield from storage.read(key.id, latest=True)
        if found is None and dictionary is not None:
            if not (yield Call(storage, "load", ([key.id], True))):
                raise Contention(f"Session {key.id} is being moved by another request.")
            # It has moved long ago and has expired. A move that was cut off has left this copy.
            yield from self.forget(key)
        return found

    def peek(self, key: Key, new_record: NewRecord) -> Flow[Record | None]:
        dictionary = yield blocking(self._old.load, key)
        return new_record(dictionary) if dictionary else None

    def forget(self, key: Key | None) -> Flow[None]:
        if key is not None and len(key) == DJANGO_KEY_LENGTH:
            yield blocking(self._old.delete, key)


def moving_in() -> NotMoving:
    """Return how sessions move in, as ``FRONTDESK["MIGRATE_FROM"]`` says."""
    old = origin()
    return NotMoving() if old is None else MovingIn(old)


def _made(key: Key, dictionary: Mapping[str, Any], new_record: NewRecord) -> Record:
    if not dictionary:  # which Django has logged
        raise CannotMove
    try:
        return new_record(dictionary)
    except Exception as error:  # a project's serializer may raise anything
        logger.error("Session %s cannot be moved and stays in the engine. %r", key.id, error)
        raise CannotMove from error

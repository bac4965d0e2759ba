"""How flows speak to a storage, so that an outage of it is logged when it begins and when it is over."""

import time
from typing import Any, Protocol

from frontdesk.drive import Call, Flow
from frontdesk.errors import StorageUnavailable
from frontdesk.outage import Incident

_new = tuple.__new__
"""Makes a named tuple without a Python call of its own; this is done for each request."""


class Asked(Protocol):
    """A storage, or a place of Django's sessions."""

    incident: Incident


class Asking(Protocol):
    """Who asks, and is to know if there was no answer."""

    unavailable: StorageUnavailable | None


def asked(storage: Asked, verb: str, *args: Any, by: Asking | None = None) -> Flow[Any]:
    """Call a verb of ``storage`` and return its answer. Raises what the verb raises; and
    ``StorageUnavailable`` without calling it while it hangs."""
    began, called = time.monotonic(), False
    try:
        if storage.incident.open:
            storage.incident.asks(began)
        called = True
        answer = yield _new(Call, (storage, verb, args))
    except StorageUnavailable as error:
        if by is not None:
            by.unavailable = error
        if called and not error.partial:
            storage.incident.failed(error, began)
        raise
    storage.incident.answering = began
    if storage.incident.open:
        storage.incident.answered(began)
    return answer

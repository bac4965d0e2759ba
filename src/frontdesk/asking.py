"""How flows speak to a storage, so that an outage of it is logged when it begins and when it is over."""

import time
from typing import Any, Protocol

from frontdesk.drive import Call, Flow
from frontdesk.errors import StorageUnavailable
from frontdesk.outage import Incident


class Asked(Protocol):
    """A storage, or a place of Django's sessions."""

    incident: Incident


def asked(storage: Asked, verb: str, *args: Any) -> Flow[Any]:
    """Call a verb of ``storage`` and return its answer. Raises what the verb raises; and
    ``StorageUnavailable`` without calling it while it hangs."""
    began = time.monotonic()
    if storage.incident.open:
        storage.incident.asks(began)
    try:
        answer = yield Call(storage, verb, args)
    except StorageUnavailable as error:
        if not error.partial:
            storage.incident.failed(error, began)
        raise
    storage.incident.answering = began
    if storage.incident.open:
        storage.incident.answered(began)
    return answer

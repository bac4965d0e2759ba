"""How flows speak to a storage: each call keeps the book of the storage's outages."""

from typing import Any

from frontdesk.drive import Call, Flow
from frontdesk.errors import StorageUnavailable
from frontdesk.storages.base import Storage


def asked(storage: Storage, verb: str, *args: Any) -> Flow[Any]:
    """Call a verb of ``storage`` and return its answer. Raises what the verb raises."""
    try:
        answer = yield Call(storage, verb, args)
    except StorageUnavailable as error:
        storage.incident.failed(error)
        raise
    if storage.incident.open:
        storage.incident.answered()
    return answer

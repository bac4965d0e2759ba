"""A session moves back into a stock engine; see :mod:`frontdesk.moving` for the rules.

A stock engine names sessions by their keys, of which a storage knows only digests. So a session waits
under a name made from its digest (:func:`waiting_name`) until its browser comes with the key.
"""

import logging
from collections.abc import Callable
from functools import partial

from frontdesk import clock, policy, values
from frontdesk.asking import asked
from frontdesk.conf import options
from frontdesk.drive import Call, Flow
from frontdesk.errors import UndecodableRecord
from frontdesk.moving.stock import StockPlace, StockSession
from frontdesk.moving.waiting import waiting_name
from frontdesk.storages.base import Storage
from frontdesk.storages.handover import once_committed
from frontdesk.storages.record import Record
from frontdesk.tokens import Digest
from frontdesk.values import Serializer

logger = logging.getLogger("frontdesk")


def session_of(record: Record, serializer: Serializer) -> StockSession | None:
    """Return ``record`` as a stock engine keeps it; ``None`` if it is over by today's limits.

    Raises :exc:`~frontdesk.errors.UndecodableRecord`.
    """
    if not policy.is_alive(record, options(), clock.now()):
        return None
    return StockSession(values.decode(record.values, serializer), record.expires)


def sent_back(
    place: StockPlace, name: str, session: StockSession, forget: Call
) -> Flow[StockSession | None]:
    """Insert ``session`` in ``place`` and let ``forget`` delete it where it comes from.

    ``None`` if somebody else was faster, or has ended it meanwhile.
    """
    if not (yield from asked(place, "insert", name, session)):
        return None
    done = yield from once_committed(place, partial(_sent_back, place, name, forget))
    return None if done is False else session


def _sent_back(place: StockPlace, name: str, forget: Call) -> Flow[bool]:
    if (yield forget):
        return True
    yield from asked(place, "remove", name)
    return False


def returned(
    place: StockPlace, storage: Storage, key: str, digest: Digest, serializer: Serializer
) -> Flow[StockSession | None]:
    """Move the session of ``key`` back to ``place``, from ``storage`` or from where it waits.

    The caller has looked under ``key`` and found nothing. The places are asked in the order in which a
    session goes through them, so it is not missed while it moves.
    """
    name = waiting_name(digest)
    sources: tuple[tuple[Callable[[], Flow[StockSession | None]], Call], ...] = (
        (lambda: _stored(storage, digest, serializer), Call(storage, "remove", ([digest],))),
        (lambda: asked(place, "read", name), Call(place, "remove", (name,))),
    )
    for look, forget in sources:
        session = yield from look()
        if session is not None:
            done = yield from sent_back(place, key, session, forget)
            if done is not None:
                return done
    return (yield from asked(place, "read", key))  # type: ignore[no-any-return]


def _stored(storage: Storage, digest: Digest, serializer: Serializer) -> Flow[StockSession | None]:
    try:
        record = yield from asked(storage, "read", digest)
        return session_of(record, serializer) if isinstance(record, Record) else None
    except UndecodableRecord as error:
        logger.error("%s It is treated as ended.", error)
        return None


def ended_everywhere(place: StockPlace, storage: Storage, digest: Digest) -> Flow[None]:
    """End what has not moved back yet. Comes before the end in ``place`` under its key."""
    yield from asked(storage, "remove", [digest])
    yield from asked(place, "remove", waiting_name(digest))

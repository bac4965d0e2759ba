"""A session of a stock engine moves in when it is used; see :mod:`frontdesk.moving` for the rules."""

from collections.abc import Callable

from frontdesk import clock, policy, values
from frontdesk.asking import asked
from frontdesk.client import NOBODY
from frontdesk.difference import EXPIRY_KEY, Present, user_in
from frontdesk.drive import Call, Flow
from frontdesk.errors import UndecodableRecord
from frontdesk.moving.stock import StockPlace, StockSession
from frontdesk.storages.base import Storage
from frontdesk.storages.handover import handed_over
from frontdesk.storages.record import FOREVER, Ended, Record
from frontdesk.tokens import Digest, digest_of_own
from frontdesk.values import Serializer

TRIES = 3
"""One is enough, unless others move and end the same session in the same moment."""

Found = Record | Ended | None


def arrived(
    place: StockPlace,
    storage: Storage,
    key: str,
    make: Callable[[StockSession], Record],
    look: Callable[[], Flow[Found]],
) -> Flow[Found]:
    """Move the session of ``key`` from ``place`` to ``storage``, and return what is in ``storage`` then.

    ``make`` turns it into a record and may raise ``UndecodableRecord``, as reading it may; then it stays
    where it is. ``look`` reads ``storage``, which the caller has done once and found nothing.
    """
    found: Found = None
    session: StockSession | None = None
    for _ in range(TRIES):
        session = yield from asked(place, "read", key)
        if session is not None:
            record = make(session)
            if (yield from asked(storage, "insert", record)):
                forget = Call(place, "remove", (key,))
                stays = yield from handed_over(storage, record.digest, forget)
                return record if stays else Ended(record.digest, clock.now())
        # Others may have moved it between the two looks.
        found = yield from look()
        if found is not None or session is None:
            break
    if found is None and session is not None:
        # It has ended, or its move was taken back; the latter keeps the name until it is purged. So the
        # browser keeps the cookie, which is good again then.
        return Ended(digest_of_own(key), clock.now())
    return found


def record_of(
    session: StockSession, digest: Digest, serializer: Serializer, present: Present
) -> Record:
    """Return the record of a session that moves in now, for a request or, without a client, in bulk.

    Its absolute clock begins now, as nobody knows when it began. For the same reason nothing is said of
    when its user has shown who they are: views that ask for a recent sign-in ask for the password. Moved
    in bulk, it ends no later than it would have, unless it is used.

    Raises :exc:`~frontdesk.errors.UndecodableRecord` if ``SESSION_SERIALIZER`` cannot write it.
    """
    now, client = present.now, present.client
    try:
        idle, deadline = policy.clocks(present.options, session.values.get(EXPIRY_KEY), now)
        encoded = values.encode(session.values, serializer)
    except Exception as error:  # a project's serializer may raise anything
        raise UndecodableRecord(
            f"A session of Django's cannot be written with SESSION_SERIALIZER: {error!r}."
        ) from error
    seen = now
    if client is None and idle < FOREVER:
        seen = min(now, session.expires - idle)
    return Record(
        digest=digest,
        values=encoded,
        user_id=user_in(session.values),
        created=now,
        last_seen=seen,
        idle=idle,
        deadline=deadline,
        ip=(client or NOBODY).ip,
        user_agent=(client or NOBODY).user_agent,
    )

"""The API for applications: what a view may want to know of the session that it runs in."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from frontdesk import clock, policy
from frontdesk.conf import options
from frontdesk.drive import Flow, arun, run
from frontdesk.session import Session
from frontdesk.storages.base import FOREVER, Record
from frontdesk.tokens import Digest


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as people and programs may see it: no key, no data. Times are aware, in UTC."""

    id: Digest
    user_id: str | None
    created: datetime
    authenticated: datetime | None
    last_seen: datetime
    idle_until: datetime | None
    """When it ends if it is not used before; ``None`` if only ``ends_at`` counts."""
    ends_at: datetime | None
    """When it ends for good; ``None`` if nothing but idleness ends it."""
    ip: str
    user_agent: str


def current(request: HttpRequest) -> SessionInfo | None:
    """Return the session of ``request``; ``None`` if it has none that is stored."""
    return run(_current(request))


async def acurrent(request: HttpRequest) -> SessionInfo | None:
    """See :func:`current`."""
    return await arun(_current(request))


def _current(request: HttpRequest) -> Flow[SessionInfo | None]:
    session = request.session
    if not isinstance(session, Session):
        return None
    yield from session.opened()
    return None if session.record is None else _info(session.record)


def _info(record: Record) -> SessionInfo:
    now = clock.now()
    # What this request will record when it ends, so that a page shows what holds once it is read.
    seen = now if policy.touch_is_due(record, options(), now) else record.last_seen
    return SessionInfo(
        id=record.digest,
        user_id=record.user_id,
        created=clock.to_datetime(record.created),
        authenticated=_moment(record.authenticated),
        last_seen=clock.to_datetime(seen),
        idle_until=_moment(seen + record.idle),
        ends_at=_moment(record.deadline),
        ip=record.ip,
        user_agent=record.user_agent,
    )


def _moment(instant: int | None) -> datetime | None:
    return None if instant is None or instant >= FOREVER else clock.to_datetime(instant)

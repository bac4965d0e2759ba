"""The API for applications: who is in, and taking a badge back.

Each function has a twin that starts with ``a``. They raise :exc:`~frontdesk.errors.StorageUnavailable`
when the storage cannot answer, which the middleware turns into a 503.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from frontdesk import clock, methods, policy, values
from frontdesk.asking import asked
from frontdesk.conf import options
from frontdesk.devices import device_in_words
from frontdesk.difference import user_in
from frontdesk.drive import Flow, arun, run
from frontdesk.places import place_of
from frontdesk.session import Session
from frontdesk.signals import End, Reason, told_ends
from frontdesk.storages import get_storage
from frontdesk.storages.record import FOREVER, Record
from frontdesk.tokens import Digest, as_digest
from frontdesk.user_ids import user_id_of
from frontdesk.values import Serializer, serializer_in_force


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as people and programs may see it: no key, no data. Times are aware, in UTC."""

    id: Digest
    user_id: str | None
    created: datetime
    authenticated: datetime | None
    """When the user last signed in or entered the password again."""
    last_seen: datetime
    idle_until: datetime | None
    """When it ends if it is not used before; ``None`` if only ``ends_at`` counts."""
    ends_at: datetime | None
    """When it ends for good; ``None`` if nothing but idleness ends it."""
    ip: str
    user_agent: str
    methods: tuple[str, ...] = ()
    """How the user signed in, see :func:`frontdesk.methods.methods_of`."""

    @property
    def ends(self) -> datetime | None:
        """When it ends if it is not used before, whichever limit is the earlier; ``None`` if never."""
        moments = (at for at in (self.idle_until, self.ends_at) if at is not None)
        return min(moments, default=None)

    @property
    def device(self) -> str:
        """The browser and its system in words, see :func:`frontdesk.devices.device_in_words`."""
        return device_in_words(self.user_agent)

    @property
    def place(self) -> str:
        """Roughly where it was last used, see :func:`frontdesk.places.place_of`; empty if unknown."""
        return place_of(self.ip)

    def is_current(self, request: HttpRequest) -> bool:
        """Whether this is the session of ``request``, as far as that has read it."""
        session = request.session
        return isinstance(session, Session) and session.session_id == self.id


def current(request: HttpRequest) -> SessionInfo | None:
    """Return the session of ``request``; ``None`` if it has none that is stored."""
    return run(_current(request))


async def acurrent(request: HttpRequest) -> SessionInfo | None:
    """See :func:`current`."""
    return await arun(_current(request))


def for_user(user: AbstractBaseUser) -> list[SessionInfo]:
    """Return the live sessions of ``user``, newest activity first: one query on the database storage."""
    return run(_for_user(user))


async def afor_user(user: AbstractBaseUser) -> list[SessionInfo]:
    """See :func:`for_user`."""
    return await arun(_for_user(user))


def count(user: AbstractBaseUser) -> int:
    """Return how many live sessions ``user`` has."""
    return len(for_user(user))


async def acount(user: AbstractBaseUser) -> int:
    """See :func:`count`."""
    return len(await afor_user(user))


def end(user: AbstractBaseUser, session_id: str, *, reason: Reason = Reason.REVOKED) -> bool:
    """End one session of ``user``; ``False`` if ``user`` has no live one of this id.

    Any text may be given as an id, and nobody else's session is ever ended (OWASP ASVS 8.2.2). One that
    has got a new key within half a minute is ended too, as it is the same session.
    """
    return bool(run(_end(user, session_id, reason)))


async def aend(user: AbstractBaseUser, session_id: str, *, reason: Reason = Reason.REVOKED) -> bool:
    """See :func:`end`."""
    return bool(await arun(_end(user, session_id, reason)))


def end_others(request: HttpRequest, *, reason: Reason = Reason.REVOKED) -> int:
    """End all sessions of whose session that of ``request`` is, but this one; return how many.

    One statement. ``request.user`` is not asked: a middleware may have put another user there.
    """
    return run(_end_others(request, reason))


async def aend_others(request: HttpRequest, *, reason: Reason = Reason.REVOKED) -> int:
    """See :func:`end_others`."""
    return await arun(_end_others(request, reason))


def end_all(user: AbstractBaseUser, *, reason: Reason = Reason.REVOKED) -> int:
    """End all sessions of ``user``; return how many (OWASP ASVS 7.4.5)."""
    return run(end_all_of(user_id_of(user), reason))


async def aend_all(user: AbstractBaseUser, *, reason: Reason = Reason.REVOKED) -> int:
    """See :func:`end_all`."""
    return await arun(end_all_of(user_id_of(user), reason))


def end_all_of(user_id: str, reason: Reason, keep: tuple[Digest, ...] = ()) -> Flow[int]:
    """End all sessions of a user but those to ``keep``, and tell."""
    storage = get_storage()
    ended = yield from asked(storage, "remove_of_user", user_id, keep)
    yield from told_ends(storage, [End(digest, user_id, reason) for digest in ended])
    return len(ended)


def _current(request: HttpRequest) -> Flow[SessionInfo | None]:
    session = request.session
    if not isinstance(session, Session):
        return None
    yield from session.opened()
    if session.record is None:
        return None
    record, now = session.record, clock.now()
    # What this request will record when it ends, so that a page shows what holds once it is read.
    if policy.touch_is_due(record, options(), now):
        record = replace(record, last_seen=now)
    return info_of(record, serializer_in_force())


def _for_user(user: AbstractBaseUser) -> Flow[list[SessionInfo]]:
    records = yield from asked(get_storage(), "of_user", user_id_of(user))
    now, serializer = clock.now(), serializer_in_force()
    return [
        info_of(record, serializer) for record in records if policy.is_alive(record, options(), now)
    ]


def _end(user: AbstractBaseUser, session_id: str, reason: Reason) -> Flow[list[Digest]]:
    digest = as_digest(session_id)
    if digest is None:
        return []
    storage, user_id = get_storage(), user_id_of(user)
    ended = yield from asked(storage, "remove", [digest], user_id)
    yield from told_ends(storage, [End(name, user_id, reason) for name in ended])
    return list(ended)


def _end_others(request: HttpRequest, reason: Reason) -> Flow[int]:
    session = request.session
    if not isinstance(session, Session):
        return 0
    cache = yield from session.opened()
    user_id = user_in(cache)
    if user_id is None:
        return 0
    keep = () if session.session_id is None else (session.session_id,)
    return (yield from end_all_of(user_id, reason, keep))


def info_of(record: Record, serializer: Serializer) -> SessionInfo:
    """Return ``record`` without its data. What cannot be decoded in it says nothing of its methods."""
    return SessionInfo(
        id=record.digest,
        user_id=record.user_id,
        created=clock.to_datetime(record.created),
        authenticated=_moment(record.authenticated),
        last_seen=clock.to_datetime(record.last_seen),
        idle_until=_moment(record.last_seen + record.idle),
        ends_at=_moment(record.deadline),
        ip=record.ip,
        user_agent=record.user_agent,
        methods=methods.methods_of(
            values.decode_what_can_be(record.values, methods.KEYS, serializer)
        ),
    )


def _moment(instant: int | None) -> datetime | None:
    return None if instant is None or instant >= FOREVER else clock.to_datetime(instant)

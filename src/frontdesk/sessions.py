"""List and end sessions, and sign in programs.

Each function has an async twin, whose name starts with ``a``. All raise
:exc:`~frontdesk.errors.StorageUnavailable` when the storage cannot answer. The middleware turns that into
a 503.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeGuard

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from frontdesk.conf import options
from frontdesk.core import clock, credentials, keys, policy
from frontdesk.core.credentials import Credential
from frontdesk.core.flow import Call, Flow, run, sync, twin
from frontdesk.core.record import FOREVER, Record, Serializer
from frontdesk.errors import CarrierRefused
from frontdesk.http import transport, values
from frontdesk.http.changes import user_in
from frontdesk.http.session import SessionStore
from frontdesk.http.values import serializer_in_force
from frontdesk.signals import Reason, ends_of, notify_ends
from frontdesk.storages import get_storage
from frontdesk.storages.base import Storage
from frontdesk.storages.rows import user_id_of
from frontdesk.words import methods
from frontdesk.words.devices import device_in_words
from frontdesk.words.places import place_of

__all__ = [
    "SessionInfo",
    "acount",
    "acurrent",
    "aend",
    "aend_all",
    "aend_others",
    "afor_user",
    "aheader_key",
    "ais_live",
    "count",
    "current",
    "end",
    "end_all",
    "end_others",
    "for_user",
    "header_key",
    "is_live",
    "use_header",
]


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What users, staff and programs may see of a session: no key, no values. Times are aware, in UTC."""

    id: str
    """The public id, which stays the same for the whole life of the session."""
    user_id: str | None
    """The id of the user as text; ``None`` if no user is signed in."""
    created: datetime
    """When it was stored for the first time."""
    authenticated: datetime | None
    """When the user last signed in or entered the password again."""
    last_seen: datetime
    """When it was last used, as far as recorded, see ``ACTIVITY_INTERVAL``."""
    idle_until: datetime | None
    """When it ends if it is not used before; ``None`` if only ``ends_at`` counts."""
    ends_at: datetime | None
    """When it ends, however active; ``None`` if only the idle timeout ends it."""
    ip: str
    """The address of that use, as far as ``CLIENT_INFO`` keeps it; empty if unknown."""
    user_agent: str
    """The ``User-Agent`` header of that use; empty if unknown."""
    carrier: str = "cookie"
    """How its key travels: "cookie", or "header" for a program."""
    methods: tuple[str, ...] = ()
    """How the user signed in, see :func:`frontdesk.words.methods.methods_of`."""

    @property
    def ends(self) -> datetime | None:
        """When it ends if it is not used before, by either timeout; ``None`` for never."""
        return min((at for at in (self.idle_until, self.ends_at) if at is not None), default=None)

    @property
    def device(self) -> str:
        """The browser and its system in words, such as "Firefox on Linux"."""
        return device_in_words(self.user_agent)

    @property
    def place(self) -> str:
        """The approximate place of the address; empty if unknown."""
        return place_of(self.ip)

    def is_current(self, request: HttpRequest) -> bool:
        """Return whether this is the session of ``request``, as far as the request has read it."""
        session = request.session
        return isinstance(session, SessionStore) and session.session_id == self.id


@sync
def current(request: HttpRequest) -> Flow[SessionInfo | None]:
    """Return the session of ``request``; ``None`` if nothing is stored, and no user has just signed in.

    Reads the session if the request has not done so yet.
    """
    session = request.session
    if not isinstance(session, SessionStore):
        return None
    yield from session.open()
    if session.record is None and not session.signing_in:
        return None
    return info_of(session.as_it_will_be(), serializer_in_force())


acurrent: Final = twin(current)


@sync
def for_user(user: AbstractBaseUser) -> Flow[list[SessionInfo]]:
    """Return the live sessions of ``user``, most recently used first: one query on the database storage."""
    return _live_sessions_of(user)


afor_user: Final = twin(for_user)


def _live_sessions_of(user: AbstractBaseUser) -> Flow[list[SessionInfo]]:
    records = yield from get_storage().of_user(user_id_of(user))
    now, limits, serializer = clock.now(), options().limits, serializer_in_force()
    return [
        info_of(record, serializer) for record in records if policy.is_alive(record, limits, now)
    ]


@sync
def count(user: AbstractBaseUser) -> Flow[int]:
    """Return how many live sessions ``user`` has. Reads them, as :func:`for_user` does."""
    return len((yield from _live_sessions_of(user)))


acount: Final = twin(count)


@sync
def is_live(session_id: str | None) -> Flow[bool]:
    """Return whether the session with this id may still be used: one read. ``False`` for any other text.

    For a stream or a socket, whose request has read its session long before. Raises ``TypeError`` for what
    is neither text nor ``None``.
    """
    if not _is_id(session_id):
        return False
    found = yield from get_storage().read(session_id)
    return found is not None and policy.is_alive(found, options().limits, clock.now())


ais_live: Final = twin(is_live)


@sync
def end(
    user: AbstractBaseUser, session_id: str | None, *, reason: Reason = Reason.REVOKED
) -> Flow[bool]:
    """End one session of ``user``. ``False`` if ``user`` has no live session with this id.

    Any text may be given as an id, and ``None``, as of a field that was not sent. The session of another user
    is never ended (OWASP ASVS 8.2.2). Raises ``TypeError`` for anything else.
    """
    if not _is_id(session_id):
        return False
    storage = get_storage()
    ended = yield from storage.end([session_id], user_id_of(user))
    yield from notify_ends(storage, ends_of(ended, reason))
    return bool(ended)


aend: Final = twin(end)


@sync
def end_others(request: HttpRequest, *, reason: Reason = Reason.REVOKED) -> Flow[int]:
    """End the other sessions of the user who is signed in with the session of ``request``.

    Return how many. ``request.user`` is not asked, because a middleware may have put another user there.
    """
    session = request.session
    if not isinstance(session, SessionStore):
        return 0
    user_id = user_in((yield from session.open()))
    if user_id is None:
        return 0
    return (yield from end_all_of(user_id, reason, [session.session_id or ""]))


aend_others: Final = twin(end_others)


@sync
def end_all(user: AbstractBaseUser, *, reason: Reason = Reason.REVOKED) -> Flow[int]:
    """End all sessions of ``user``, and return how many (OWASP ASVS 7.4.5)."""
    return (yield from end_all_of(user_id_of(user), reason))


aend_all: Final = twin(end_all)


def use_header(request: HttpRequest) -> None:
    """Let the client of ``request`` sign in with a session of the header carrier. Call it before ``login()``.

    The session of a cookie that came along is left alone, and no cookie is set. Afterwards,
    :func:`header_key` returns what the client has to send. Raises
    :exc:`~frontdesk.errors.CarrierRefused` if ``HEADER_CARRIER`` does not allow it.
    """
    session = request.session
    if not isinstance(session, SessionStore) or not transport.may_use_header(request):
        raise CarrierRefused("A session key in a header is not allowed here. See HEADER_CARRIER.")
    if session.carrier is not transport.HEADER:
        request.session = session.beside(transport.HEADER)


@sync
def header_key(request: HttpRequest) -> Flow[Credential]:
    """Save the session of ``request``, and return its key as the client sends it from now on.

    The client puts it after ``Authorization: Bearer``. Raises ``ValueError`` for a session of a cookie, and
    ``UpdateError`` if the session has ended meanwhile.
    """
    session = request.session
    if not isinstance(session, SessionStore) or session.carrier is not transport.HEADER:
        raise ValueError("The session is not of the header carrier. Call use_header() first.")
    if session.modified:
        yield Call(session, "save")
        session.modified = False
    return credentials.credential_of(credentials.SESSION, session.live_key)


aheader_key: Final = twin(header_key)


def end_all_of(user_id: str, reason: Reason, keep: Collection[str] = ()) -> Flow[int]:
    """End all sessions of a user but those to ``keep``, and return how many.

    In a transaction, once more after the commit: it may not see those that have begun since it did.
    """
    storage = get_storage()

    def again() -> None:
        run(_ending_all_of(storage, user_id, reason, keep))

    if storage.in_transaction():
        storage.after_commit(again)
    return (yield from _ending_all_of(storage, user_id, reason, keep))


def _ending_all_of(
    storage: Storage, user_id: str, reason: Reason, keep: Collection[str]
) -> Flow[int]:
    ended = yield from storage.end_of_user(user_id, keep)
    yield from notify_ends(storage, ends_of(ended, reason))
    return len(ended)


def info_of(record: Record, serializer: Serializer) -> SessionInfo:
    """Return what may be seen of ``record``."""
    decoded = values.decode_some(record.values, methods.KEYS, serializer)
    return SessionInfo(
        id=record.id,
        user_id=record.user_id,
        created=clock.to_datetime(record.created),
        authenticated=_datetime(record.authenticated),
        last_seen=clock.to_datetime(record.last_seen),
        idle_until=_datetime(record.last_seen + record.idle),
        ends_at=_datetime(record.deadline),
        ip=record.ip,
        user_agent=record.user_agent,
        carrier=record.carrier.partition(":")[0],
        methods=methods.methods_of(decoded),
    )


def _is_id(session_id: str | None) -> TypeGuard[str]:
    """Return whether this has the form of a session id. Raises ``TypeError`` for no text but ``None``."""
    if session_id is not None and not isinstance(session_id, str):
        raise TypeError(
            f"A session id is text, such as SessionInfo.id, not {type(session_id).__name__}."
        )
    return session_id is not None and keys.is_id(session_id)


def _datetime(time: int | None) -> datetime | None:
    return None if time is None or time >= FOREVER else clock.to_datetime(time)

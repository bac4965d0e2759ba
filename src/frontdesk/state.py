"""What a session holds and knows: Django's dictionary, and how it stands to what is stored.

No I/O of its own: see :mod:`frontdesk.session` for the operations that read and write it.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Self

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from frontdesk import carriers, clock, difference, values
from frontdesk.client import Client, client_of
from frontdesk.conf import options
from frontdesk.difference import EXPIRY_KEY, Present
from frontdesk.errors import StorageUnavailable, UndecodableRecord
from frontdesk.moving.places import old_place
from frontdesk.policy import Standing
from frontdesk.signals import End, Reason
from frontdesk.storages import get_storage
from frontdesk.storages.base import LEFT_BEHIND
from frontdesk.storages.record import UNCHANGED, Changes, Record
from frontdesk.tokens import Digest
from frontdesk.values import Serializer, serializer_class

logger = logging.getLogger("frontdesk")

_first_touch = threading.RLock()
"""One for all: hardly anybody ever waits for it, and one for each session would cost more than it saves."""


class SessionState(SessionBase):
    """Django's dictionary on a record."""

    # What each one starts with. It is here and not in the making, as most requests change none of it.
    accessed = False
    modified = False
    meta: dict[str, Any] | None = None
    """The ``META`` of the request, if there is one, which tells where it comes from."""
    with_user = False
    """Whether a read should bring the user along; the authentication middleware asks for it."""
    user: Any = UNCHANGED
    """The user that the read brought along, if it did."""
    record: Record | None = None
    """The record as this session last saw it in the storage."""
    unavailable: StorageUnavailable | None = None
    overtaken = False
    """Whether the key that came has ended a moment ago: the browser may have another by now."""
    new_expiry = False
    """Whether ``set_expiry()`` has changed what the cookie has to say."""
    _former: Digest | None = None
    """The session of the key that came, if it is not this one any more; a sign-out still ends it."""
    _flushed: End | None = None
    """What this request has signed out of."""
    _stored: Mapping[str, bytes] = MappingProxyType({})
    _cleared = False
    _signing_in = False
    _rotated = False
    _waiting: Sequence[Callable[[], None]] = ()
    """Who is to be called when the sign-in that is under way is stored."""
    find_key: carriers.Finder | None = None
    """What finds the key that came with a request, until somebody wants anything of the session."""

    def _get_session_key(self) -> str | None:
        return self._key

    def _set_session_key(self, key: str | None) -> None:
        self._key = key if self._validate_session_key(key) else None

    # Django's two, whose getter is no Python function here, as they are asked several times in a request.
    session_key = property(attrgetter("_key"))
    _session_key = property(attrgetter("_key"), _set_session_key)

    def __init__(self, session_key: str | None = None) -> None:
        # Not Django's __init__: all that it sets besides is on this class, or worked out once.
        self._session_key = session_key
        self.storage = get_storage()
        self.old_place = old_place()
        """Where a stock engine has left sessions that are still to move, if ``MIGRATE_FROM`` says so."""
        self.came = session_key
        """The key that came; in the old place the session would be under this one."""
        self.standing = Standing.UNREAD if self.session_key else Standing.NEW

    @classmethod
    def brought_by(cls, request: HttpRequest) -> Self:
        """Return the session of the key that ``request`` brings. Nothing is made of it before its first
        touch, as most pages of most sites never touch it."""
        session = cls.__new__(cls)
        session.find_key = carriers.finder_of_key(request)
        session.meta = request.META
        return session

    def __getattr__(self, name: str) -> Any:
        # What is missing is what __init__ would have set: this is the first touch, if no other thread is
        # in the midst of it.
        with _first_touch:
            find = self.find_key
            if find is not None:
                self.find_key = None
                set_before = self.__dict__.copy()
                try:
                    self.__init__(find(self.meta or {}))  # type: ignore[misc]
                except BaseException:
                    # The next touch meets the same fault, and is told the same.
                    self.find_key = find
                    raise
                self.__dict__.update(set_before)
        return object.__getattribute__(self, name)

    @property
    def serializer(self) -> type[Serializer]:
        """What ``SESSION_SERIALIZER`` names."""
        return serializer_class()

    # Django's dictionary, with the few places where it must tell us something.

    def __setitem__(self, key: str, value: Any) -> None:
        if key == SESSION_KEY:
            self.keys()  # reads it: what it turns out to be decides what a sign-in does
            self._sign_in()
        super().__setitem__(key, value)

    def clear(self) -> None:
        super().clear()
        self._cleared = True

    def _sign_in(self) -> None:
        """Note that a user is being signed in: only ``login()`` writes the user's id.

        It has to be noted, as a sign-in of the same user changes no value, and yet is to get a new key
        and to start the absolute clock anew (OWASP ASVS 7.2.4).
        """
        if self.overtaken:
            self._vanish(Standing.NEW, self._session_cache)
        elif self.standing is Standing.INTERRUPTED:
            self._vanish(Standing.NEW)
        self.user = UNCHANGED
        self._signing_in = True

    def renew_sign_in(self) -> None:
        """Note that the user of this session, which was read, has just shown again who they are.

        When it is saved it gets a new key, and both clocks begin anew (NIST SP 800-63B-4 section 5.2,
        OWASP ASVS 7.2.4).
        """
        self._signing_in = self.modified = True

    @property
    def signing_in(self) -> bool:
        """Whether a user was signed in, or showed again who they are, and that is still to be saved."""
        return self._signing_in

    def when_signed_in(self, function: Callable[[], None]) -> None:
        """Call ``function`` once the sign-in that is under way is stored; at once if none is.

        A sign-in that is never stored, as its view fails or is refused, was none. In async code
        ``function`` is called in the thread of Django's database connections.
        """
        if self._signing_in:
            self._waiting = [*self._waiting, function]
        else:
            function()

    def get_session_cookie_age(self) -> int:
        return options().idle_timeout // clock.SECOND

    @property
    def signed_in(self) -> bool:
        """Whether a user is signed in, as far as this request has looked. Reads nothing."""
        return SESSION_KEY in self.__dict__.get("_session_cache", ())

    # What the storage holds, as far as this request knows.

    @property
    def session_id(self) -> Digest | None:
        """The public id of the session, by which it is listed and ended; ``None`` if it is not stored.

        It is as this request has last seen it: it reads nothing.
        """
        return None if self.record is None else self.record.digest

    @property
    def _live(self) -> Record:
        if self.record is None:
            raise RuntimeError("A session that is not stored was used as if it were.")
        return self.record

    def _overtaken_as(self, digest: Digest | None) -> None:
        self.overtaken, self._former = True, digest

    def _sign_out_of(self, digest: Digest) -> End:
        """Return what is to be told of a sign-out, as far as the session was read."""
        record = self.record
        if record is None:
            return End(digest, None, Reason.LOGOUT)
        client = Client(record.ip, record.user_agent)
        return End(digest, record.user_id, Reason.LOGOUT, client=client)

    def _vanish(self, standing: Standing, cache: dict[str, Any] | None = None) -> None:
        self._session_cache = {} if cache is None else cache
        self._session_key = None
        self.standing = standing
        self.record = None
        self.user = UNCHANGED
        self._stored = {}
        self._waiting = ()
        self.overtaken = self._cleared = self._signing_in = self._rotated = False

    def _remember(self, record: Record) -> None:
        """Note what the storage holds."""
        self.record = record
        self.standing = Standing.LIVE
        self._stored = record.values

    def _settle(self, record: Record) -> None:
        """Note what the storage holds, after a write that left nothing to be written."""
        self._remember(record)
        self._cleared = self._signing_in = self._rotated = False

    def _decoded(self, record: Record) -> dict[str, Any] | None:
        try:
            return values.decode(record.values, self.serializer())
        except UndecodableRecord as error:
            logger.error("%s Session %s is treated as ended.", error, record.digest)
            return None

    # What this request changed.

    def _changes(self) -> Changes:
        """Return all that this request changed; ``authenticated`` is in it if a user was signed in."""
        cache = self._session_cache
        changed = difference.changed_values(
            self._stored, cache, self.serializer(), cleared=self._cleared
        )
        another = changed["user_id"] is not UNCHANGED
        signing_in = SESSION_KEY in cache and (self._signing_in or another)
        new_expiry = EXPIRY_KEY in {*changed["values"], *changed["removed"]}
        times = self._activity(signing_in=signing_in, new_expiry=new_expiry)
        return Changes(**changed, **times)

    def _activity(self, *, signing_in: bool = False, new_expiry: bool = False) -> dict[str, Any]:
        expiry = self._session_cache.get(EXPIRY_KEY)
        found = difference.activity(self._live, expiry, self._present(), signing_in=signing_in)
        soon = clock.now() + LEFT_BEHIND
        if not (signing_in or new_expiry) and self._live.deadline <= soon:
            # About to end for good, and it may be because it was disowned: that is not put off.
            found.pop("deadline", None)
        return found

    def _present(self) -> Present:
        client = None if self.meta is None else client_of(self.meta)
        return Present(clock.now(), options(), client)

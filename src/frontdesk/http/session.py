"""The session of a request: Django's dictionary on a record of a storage."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any, Final

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError

from frontdesk.conf import options
from frontdesk.core import clock, keys, policy, record
from frontdesk.core.flow import Call, Flow, arun, blocking, run
from frontdesk.core.keys import Key
from frontdesk.core.record import GRACE, UNCHANGED, Changes, Record
from frontdesk.errors import StorageUnavailable
from frontdesk.http import changes, values
from frontdesk.http.changes import EXPIRY_KEY, Use, user_in
from frontdesk.http.client import client_of
from frontdesk.http.purge import purge
from frontdesk.http.state import State
from frontdesk.http.transport import COOKIE, Carrier
from frontdesk.migrate.moving_in import CannotMove, NotMoving, moving_in
from frontdesk.signals import (
    Reason,
    ends_of,
    notify,
    notify_ends,
    session_rotated,
    session_started,
)
from frontdesk.storages import get_storage
from frontdesk.storages.base import ANYBODY, Anybody, Storage

logger: logging.Logger = logging.getLogger("frontdesk")

SIGN_IN_KEYS: Final = {SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY}

KEY_TRIES: Final = 10

SHORTEST_KEY: Final = 8
"""Django's own condition on a key that code sets."""


class _Overtaken(Exception):
    """The session has another secret than the one that this request came with."""


class SessionStore(SessionBase):
    """A session. https://docs.djangoproject.com/en/stable/topics/http/sessions/ describes its methods.

    Each operation is a flow, which a method and its async twin run.
    """

    modified: bool
    """Whether the middleware has to save the session, as in Django."""
    meta: Mapping[str, Any] | None = None
    """The ``META`` of the request, which tells the client's address and browser."""
    carrier: Carrier = COOKIE
    """How the key travels."""
    with_user: bool = False
    """Whether the first read should bring the user along. The authentication middleware asks for it."""
    user: Any = UNCHANGED
    """The user that the read brought along; ``UNCHANGED`` if it did not."""
    record: Record | None = None
    """The session as this request last saw it in the storage."""
    outage: StorageUnavailable | None = None
    """The failure of the last call of the storage, if it failed."""
    cookie_changed: bool = False
    """Whether the browser needs a new cookie: for ``set_expiry()``, or as the settings of cookies changed."""
    overtaken: bool = False
    """Whether the browser may have another cookie by now, which this response must leave alone."""

    began: float = 0.0
    """When the request began, a time of :func:`time.monotonic`."""

    _key: Key | None = None
    _known: Mapping[str, bytes] = {}
    """The stored values that the dictionary is compared with: what this request has read and written.

    ``record`` may have more, which other requests have written since.
    """
    _cleared = False
    _signing_in = False
    _rotated = False
    _sign_out: tuple[Record, str | Anybody | None] | None = None
    """The session that a sign-out ends, and whose it has to be for that."""
    _signed_out: tuple[tuple[str, str | Anybody | None], ...] = ()
    """The ids, and the owners, of sessions that were ended in a transaction, which may still undo that."""
    _after_sign_in: tuple[Callable[[], None], ...] = ()

    def __init__(self, session_key: str | None = None) -> None:
        self.key_came: bool = session_key is not None
        """Whether a key came with the request, well-formed or not."""
        self.storage: Storage = get_storage()
        super().__init__()
        self._key = self._came = Key.parse(session_key)
        self.state = (
            State.NEW if session_key is None else State.UNREAD if self._key else State.UNKNOWN
        )
        self._mutex = _Mutex()

    @property
    def _moving_in(self) -> NotMoving:
        return moving_in()

    def _get_session_key(self) -> str | None:
        return None if self._key is None else str(self._key)

    def _set_session_key(self, key: str | None) -> None:
        self._key = Key(key) if key and len(key) >= SHORTEST_KEY else None

    @property
    def session_key(self) -> str | None:
        """The key, which the cookie holds; ``None`` if there is none. Treat it as a password."""
        return self._get_session_key()

    _session_key = property(_get_session_key, _set_session_key)

    def beside(self, carrier: Carrier) -> "SessionStore":
        """Return a new session for the same request, with another carrier."""
        other = type(self)()
        other.carrier, other.meta, other.began = carrier, self.meta, self.began
        return other

    # The dictionary.

    def open(self, no_load: bool = False) -> Flow[dict[str, Any]]:
        """Return the dictionary. The first touch loads it, once for all threads and tasks."""
        self.accessed = True
        if self._is_open(no_load):
            return self._session_cache
        release: Callable[[], None] = yield Call(self._mutex, "acquire")
        try:
            if not self._is_open(no_load):
                if self._key is None or no_load:
                    self._session_cache: dict[str, Any] = {}
                else:
                    loaded = yield from self._load()
                    # clear() may have made an empty dictionary before the first read.
                    self._session_cache = self.__dict__.get("_session_cache", loaded)
            return self._session_cache
        finally:
            release()

    def _is_open(self, no_load: bool) -> bool:
        return "_session_cache" in self.__dict__ and (no_load or self.state is not State.UNREAD)

    def _get_session(self, no_load: bool = False) -> dict[str, Any]:
        return run(self.open(no_load))

    async def _aget_session(self, no_load: bool = False) -> dict[str, Any]:
        return await arun(self.open(no_load))

    _session = property(_get_session)

    def __setitem__(self, key: str, value: Any) -> None:
        if key == SESSION_KEY:
            self._get_session()
            self._begin_sign_in()
        super().__setitem__(key, value)

    async def aset(self, key: str, value: Any) -> None:
        """Set ``session[key]`` in async code."""
        if key == SESSION_KEY:
            await self._aget_session()
            self._begin_sign_in()
        await super().aset(key, value)

    async def adelete_test_cookie(self) -> None:
        """Async version of ``delete_test_cookie()``."""
        # Django's own does not set ``modified``, so the deletion would be lost.
        await self.apop(self.TEST_COOKIE_NAME)

    def clear(self) -> None:
        """Remove all values. The session and its key stay; ``flush()`` ends it."""
        super().clear()
        self._cleared = True

    def _begin_sign_in(self) -> None:
        """Note that a user is signing in, since only ``login()`` writes the user's id.

        A sign-in of the same user changes no value, but needs a new key and restarts the absolute
        timeout all the same (OWASP ASVS 7.2.4).
        """
        if self.state is State.INTERRUPTED:
            self._reset(State.NEW)
        self.user = UNCHANGED
        self.overtaken = False
        self._signing_in = True

    def renew_sign_in(self) -> None:
        """Note that the user has entered the password again.

        When it is saved, the session gets a new key, and both timeouts start again (NIST SP 800-63B-4
        section 5.2, OWASP ASVS 7.2.4).
        """
        self._signing_in = self.modified = True

    def undo_sign_in(self) -> None:
        """Take back a sign-in that is not stored yet. The values that the session had before stay."""
        for key in SIGN_IN_KEYS:
            self._session_cache.pop(key, None)
        self._signing_in, self._after_sign_in = False, ()
        if self.record is None:
            self._key = None  # without values, nothing is stored

    @property
    def signing_in(self) -> bool:
        """Whether a sign-in is still to be saved."""
        return self._signing_in

    @property
    def signed_in(self) -> bool:
        """Whether a user is signed in, as far as this request has read. Reads nothing."""
        return SESSION_KEY in self.__dict__.get("_session_cache", ())

    @property
    def session_id(self) -> str | None:
        """The public id of the session; ``None`` if it is not stored. Reads nothing."""
        return None if self.record is None else self.record.id

    def when_signed_in(self, function: Callable[[], None]) -> None:
        """Call ``function`` once the sign-in is stored; at once if none is under way.

        In async code it is called in the thread of Django's database connections.
        """
        if self._signing_in:
            self._after_sign_in = (*self._after_sign_in, function)
        else:
            function()

    def get_session_cookie_age(self) -> int:
        """Return the idle timeout in seconds, in place of Django's ``SESSION_COOKIE_AGE``."""
        return options().idle_timeout // clock.SECOND

    # Reading.

    def _load(self) -> Flow[dict[str, Any]]:
        """Read the session and return its dictionary. Without one, return an empty one and drop the key."""
        key = Key.parse(self._key)
        found = None if key is None else (yield from self._find(key))
        # Only now, because a thread and a task of this request may both have begun to read.
        was_live = self.state is State.LIVE
        cache = None if found is None else self._decode(found)
        if found is None or cache is None:
            if was_live:
                # It has ended since it was read. What was read must not be stored under a new key.
                self._reset(State.INTERRUPTED)
                self.overtaken = True
            elif self.state is State.UNREAD:
                self.state = State.UNKNOWN
            self._key = None
            return {}
        if not was_live:
            self._remember(found)
        return cache

    def _find(self, key: Key) -> Flow[Record | None]:
        """Return the live session of ``key``, and note what a sign-out with this key ends."""
        found: Record | None
        found, self.user = yield from self._noting(self._read(key))
        if found is None or not self.carrier.owns(found):
            return None
        digest = key.digest
        former = found.former.get(digest)
        if keys.same(found.secret, digest):
            self._sign_out = (found, ANYBODY)
            self.overtaken = found.ended is not None
        elif former is not None and former.until > clock.now():
            self._sign_out = (found, former.user_id)
            self.overtaken = True
        else:
            return None  # A wrong secret is an unknown key.
        alive = not self.overtaken and policy.is_alive(found, options().limits, clock.now())
        return found if alive else None

    def _read(self, key: Key) -> Flow[tuple[Record | None, Any]]:
        if self.with_user:
            found, user = yield from self.storage.read_with_user(key.id)
        else:
            found, user = (yield from self.storage.read(key.id)), UNCHANGED
        if found is None:
            try:
                found = yield from self._moving_in.move(
                    self.storage, key, partial(self._moved_record, key)
                )
            except CannotMove:
                self.overtaken = True
        return found, user

    def _moved_record(self, key: Key, dictionary: Mapping[str, Any]) -> Record:
        # When the user has signed in is not known, so it does not count as recently.
        return replace(self._new_record(key, dictionary), authenticated=None)

    def _decode(self, found: Record) -> dict[str, Any] | None:
        try:
            return found.decoded(self.serializer())
        except Exception as error:  # noqa: BLE001 (a project's serializer may raise anything)
            logger.error(
                "Session %s is treated as ended. A value cannot be decoded: %r", found.id, error
            )
            return None

    def _noting(self, flow: Flow[Any]) -> Flow[Any]:
        """Run ``flow``, and note if the storage cannot answer."""
        self.outage = None
        try:
            return (yield from flow)
        except StorageUnavailable as error:
            self.outage = error
            raise

    def _remember(self, found: Record) -> None:
        self.record = found
        self._known = found.values
        self.state = State.LIVE
        self._sign_out = (found, ANYBODY)

    def _reset(self, state: State, cache: dict[str, Any] | None = None) -> None:
        """Forget what was read. The dictionary is ``cache`` from now on."""
        self._session_cache = {} if cache is None else cache
        self._key = None
        self.state = state
        self.record = None
        self.user = UNCHANGED
        self._after_sign_in = ()
        self._cleared = self._signing_in = self._rotated = False

    def _exists(self, session_key: str | None) -> Flow[bool]:
        key = Key.parse(session_key)
        if key is None:
            return False
        found: Record | None = yield from self._noting(self.storage.read(key.id))
        if found is None:
            found = yield from self._noting(
                self._moving_in.peek(key, partial(self._moved_record, key))
            )
        return (
            found is not None
            and self.carrier.owns(found)
            and keys.same(found.secret, key.digest)
            and policy.is_alive(found, options().limits, clock.now())
        )

    # Writing.

    def saving(self, must_create: bool = False) -> Flow[None]:
        """The flow of :meth:`save`."""
        yield from self.open(no_load=must_create)
        if must_create and self._key is not None:
            if (yield from self._exists(self._key)) or not (yield from self._insert(self._key)):
                raise CreateError
        elif must_create or self.state in {State.NEW, State.UNKNOWN}:
            yield from self._insert_new()
        elif self.state is State.LIVE:
            yield from self._update(
                self._changes(), rotate=self._is_signing_in() and not self._rotated
            )
        else:
            raise UpdateError
        waiting, self._after_sign_in = self._after_sign_in, ()
        if waiting:
            yield blocking(_call_each, waiting)

    def _create(self) -> Flow[None]:
        cache = yield from self.open(no_load=True)
        if self.state is State.INTERRUPTED:
            self._reset(State.NEW)
        elif self.state is State.LIVE:
            # A copy without a user, because only login() signs in.
            self._reset(State.NEW, {key: cache[key] for key in cache.keys() - SIGN_IN_KEYS})
        self._key = None
        yield from self._insert_new()

    def _insert_new(self) -> Flow[None]:
        for _ in range(KEY_TRIES):
            if (yield from self._insert(self._key or Key.new())):
                self.modified = True
                return
            self._key = None
        raise CreateError(f"The storage took none of {KEY_TRIES} new session keys.")

    def _insert(self, key: Key) -> Flow[bool]:
        if Key.parse(key) is None:
            raise ValueError("The session key is malformed. Leave it out to get a new one.")
        new = self._new_record(key, self._session_cache)
        if not (yield from self._noting(self.storage.insert(new))):
            return False
        self._key = key
        self._settle(new)
        yield from notify(
            self.storage,
            session_started,
            session_id=new.id,
            user_id=new.user_id,
            ip=new.ip,
            user_agent=new.user_agent,
        )
        return True

    def _update(self, changed: Changes, *, rotate: bool = False) -> Flow[None]:
        """Merge ``changed`` into what is stored. Raises ``UpdateError`` if the session has ended."""
        key = self.live_key.with_new_secret() if rotate else self.live_key

        def merged(current: Record) -> Record:
            self._require_secret(current)
            # Not the time of ``changed``, as other requests may have used the session since.
            now = clock.now()
            after = record.merge(current, replace(changed, last_seen=now))
            return record.rotate(after, key.digest, now, current.user_id) if rotate else after

        yield from self._change(merged)
        # Only now, because another task or thread of this request may have written with modify() meanwhile.
        known = record.merge(self._as_read, changed).values
        self._key = key
        new_expiry = EXPIRY_KEY in {*changed.values, *changed.removed}
        self.cookie_changed |= new_expiry or "carrier" in changed.fields
        self._settle(self.live_record)
        self._known = known
        if rotate:
            yield from notify(
                self.storage,
                session_rotated,
                session_id=self.live_record.id,
                user_id=self.live_record.user_id,
            )

    def _change(self, function: Callable[[Record], Record]) -> Flow[None]:
        """Change what is stored. Raises ``UpdateError`` if this request has lost its session."""
        try:
            after = yield from self._noting(self.storage.change(self.live_record, function))
        except _Overtaken:
            after = None
        if after is None:
            self.state = State.INTERRUPTED
            self.overtaken = True
            raise UpdateError
        self.record = after
        self._sign_out = (after, ANYBODY)
        # A move that was cut off may have left a copy, which would outlive this session.
        yield from self._moving_in.forget(self.live_key)

    def _require_secret(self, current: Record) -> None:
        if current.secret != self.live_record.secret:
            raise _Overtaken

    def record_activity(self) -> Flow[None]:
        """Store that the session was used now, and nothing else."""
        with suppress(UpdateError):
            yield from self._update(self._activity())

    def _cycle_key(self) -> Flow[None]:
        cache = yield from self.open()
        self.modified = True
        if self.state is State.LIVE:
            changed = self._changes()
            # With the deadline, because another request may just have disowned the session.
            fields = {"deadline": self.live_record.deadline, **changed.fields}
            try:
                yield from self._update(replace(changed, fields=fields), rotate=True)
                self._rotated = True
            except UpdateError:
                if SESSION_KEY in cache:
                    # Ended meanwhile. Nothing that the user kept in it lives on.
                    self._reset(State.INTERRUPTED)
                else:
                    self._reset(State.NEW, cache)
                    self._key = Key.new()
        elif self.state is not State.INTERRUPTED:
            self._key = Key.new()

    def _modify(self, key: str, function: Callable[[Any], Any], default: Any) -> Flow[Any]:
        if key in SIGN_IN_KEYS or key == EXPIRY_KEY:
            raise ValueError(
                f"Django uses {key!r}; call login(), logout() or set_expiry() instead."
            )
        cache = yield from self.open()
        if self.state is not State.LIVE:  # nothing is stored, so no other request can see it
            self.modified = True
            cache[key] = function(cache.get(key, deepcopy(default)))
            return cache[key]
        starts_here, serializer = self._has_own_value(key), self.serializer()
        activity, result, encoded = self._activity(), None, dict[str, bytes]()

        def step(current: Record) -> Record:
            nonlocal result, encoded
            self._require_secret(current)
            if starts_here:
                base = deepcopy(cache.get(key, default))
            elif key in current.values:
                base = serializer.loads(current.values[key])
            else:
                base = deepcopy(default)
            result = function(base)
            encoded = values.encode({key: result}, serializer)
            return record.merge(current, replace(activity, values=encoded, last_seen=clock.now()))

        try:
            yield from self._change(step)
        except UpdateError:
            pass  # the session has ended; the answer is still this request's
        else:
            self._known = {**self._known, **encoded}
        cache[key] = result
        return result

    def _has_own_value(self, key: str) -> bool:
        """Return whether this request has changed the value of ``key`` and has not saved it yet."""
        stored = self._known
        if self._cleared or (key in stored) != (key in self._session_cache):
            return True
        own = {key: self._session_cache[key]} if key in stored else {}
        return bool(values.changed(stored, own, self.serializer()))

    def _settle(self, stored: Record) -> None:
        """Note what is stored, after a write that left nothing to be written."""
        self._remember(stored)
        self._cleared = self._signing_in = self._rotated = False

    # Ending.

    def flushing(self) -> Flow[None]:
        """The flow of :meth:`flush`."""
        yield from self.open()
        self.clear()
        yield from self._end(self._sign_out)
        self._reset(State.NEW)
        self.overtaken = False

    def _delete(self, session_key: str | None = None) -> Flow[None]:
        key = self._key if session_key is None else Key.parse(session_key)
        if key is None:
            return
        yield from self._moving_in.forget(key)
        found = yield from self._noting(self.storage.read(key.id))
        if found is not None and keys.same(found.secret, key.digest):
            yield from self._end((found, ANYBODY), Reason.REVOKED)

    def _end(
        self, sign_out: tuple[Record, str | Anybody | None] | None, reason: Reason = Reason.LOGOUT
    ) -> Flow[None]:
        yield from self._moving_in.forget(self._came)
        if sign_out is None:
            return
        known, owner = sign_out
        ended = yield from self._noting(self.storage.end([known.id], owner, [known]))
        if self.storage.in_transaction():
            self._signed_out = (*self._signed_out, (known.id, owner))
        yield from notify_ends(self.storage, ends_of(ended, reason))

    def end_again(self) -> Flow[None]:
        """End what a sign-out in a transaction has ended, in case that was rolled back."""
        if self._signed_out:
            yield from self._moving_in.forget(self._came)
        for session_id, owner in self._signed_out:
            ended = yield from self._noting(self.storage.end([session_id], owner))
            yield from notify_ends(self.storage, ends_of(ended, Reason.LOGOUT))

    def disown(self) -> Flow[None]:
        """Treat the session as ended, because its user has another password than it was made with.

        The password may be changing right now, by a request that is about to save this session with the
        new one. So the session can still be saved within the grace period. Other requests are anonymous.
        """
        known, deadline = self.record, clock.now() + GRACE

        def ending_soon(current: Record) -> Record:
            self._require_secret(current)
            if current.values.get(HASH_SESSION_KEY) != self._known.get(HASH_SESSION_KEY):
                raise _Overtaken
            return replace(current, deadline=deadline)

        if known is not None and known.deadline > deadline:
            with suppress(_Overtaken):  # that request has been quicker
                yield from self._noting(self.storage.change(known, ending_soon))
        self._reset(State.UNKNOWN)
        self.overtaken = True

    # Records and changes.

    @property
    def live_record(self) -> Record:
        """The record of a stored session. Raises ``RuntimeError`` if it is not stored."""
        if self.record is None:
            raise RuntimeError("The session is not stored.")
        return self.record

    @property
    def _as_read(self) -> Record:
        """The record without what other requests have written since this one has read it."""
        return replace(self.live_record, values=self._known)

    @property
    def key_changed(self) -> bool:
        """Whether the session has another key than the one that came with the request."""
        return self._key != self._came

    @property
    def live_key(self) -> Key:
        """The key of a stored session. Raises ``RuntimeError`` if it is not stored."""
        if self._key is None:
            raise RuntimeError("The session has no key.")
        return self._key

    def _new_record(self, key: Key, dictionary: Mapping[str, Any]) -> Record:
        return changes.new_record(key, dictionary, self.serializer(), self._use())

    def _is_signing_in(self) -> bool:
        other_user = user_in(self._session_cache) != self.live_record.user_id
        return SESSION_KEY in self._session_cache and (self._signing_in or other_user)

    def _changes(self) -> Changes:
        """Return all that this request has changed."""
        return changes.changes_of(
            self._as_read,
            self._session_cache,
            self.serializer(),
            self._use(),
            cleared=self._cleared,
            signing_in=self._is_signing_in(),
        )

    def _activity(self) -> Changes:
        """Return only that, and by which client, the session was used now."""
        use = self._use()
        fields = changes.activity(self.live_record, self._session_cache, use)
        return Changes(last_seen=use.now, fields=fields)

    def _use(self) -> Use:
        client = None if self.meta is None else client_of(self.meta)
        return Use(clock.now(), options().limits, client, self.carrier.described())

    def as_it_will_be(self) -> Record:
        """Return the record as this request will leave it, for a page that shows the session's limits."""
        if self.record is None:
            # A user has just signed in, and the middleware stores the session after the view.
            self._key = self._key or Key.new()
            return self._new_record(self._key, self._session_cache)
        known, now = self.live_record, clock.now()
        if self.modified or policy.activity_is_due(known, options().limits, now):
            return record.merge(known, self._changes())
        return known

    # The methods and their async twins.

    def load(self) -> dict[str, Any]:
        """Read the session, and return its dictionary: an empty one if there is none."""
        return run(self._load())

    async def aload(self) -> dict[str, Any]:
        """Async version of ``load()``: the same arguments, result and errors."""
        return await arun(self._load())

    def save(self, must_create: bool = False) -> None:
        """Store what has changed.

        Raises ``UpdateError`` if the session has ended meanwhile, ``CreateError`` with ``must_create`` if its
        key is taken, and :exc:`~frontdesk.errors.StorageUnavailable`.
        """
        return run(self.saving(must_create))

    async def asave(self, must_create: bool = False) -> None:
        """Async version of ``save()``: the same arguments, result and errors."""
        return await arun(self.saving(must_create))

    def create(self) -> None:
        """Store the values, without a user, as a new session under a new key."""
        return run(self._create())

    async def acreate(self) -> None:
        """Async version of ``create()``: the same arguments, result and errors."""
        return await arun(self._create())

    def exists(self, session_key: str | None) -> bool:
        """Return whether a live session has this key."""
        return run(self._exists(session_key))

    async def aexists(self, session_key: str | None) -> bool:
        """Async version of ``exists()``: the same arguments, result and errors."""
        return await arun(self._exists(session_key))

    def delete(self, session_key: str | None = None) -> None:
        """End the session with this key, by default this session. Without such a session, nothing happens."""
        return run(self._delete(session_key))

    async def adelete(self, session_key: str | None = None) -> None:
        """Async version of ``delete()``: the same arguments, result and errors."""
        return await arun(self._delete(session_key))

    def flush(self) -> None:
        """End the session, and go on with a new one, which is empty."""
        return run(self.flushing())

    async def aflush(self) -> None:
        """Async version of ``flush()``: the same arguments, result and errors."""
        return await arun(self.flushing())

    def cycle_key(self) -> None:
        """Give the session a new key. Its values and its id stay."""
        return run(self._cycle_key())

    async def acycle_key(self) -> None:
        """Async version of ``cycle_key()``: the same arguments, result and errors."""
        return await arun(self._cycle_key())

    def modify(self, key: str, function: Callable[[Any], Any], default: Any = None) -> Any:
        """Replace the value of ``key`` by ``function(value)`` in one atomic step, and return it.

        ``request.session.modify("visits", lambda visits: visits + 1, default=0)``

        The value is written at once. If another request changes the session at the same moment,
        ``function`` is called again with the new value, so it should only compute. Without a value it
        gets ``default``. If the session has ended, only this request sees the new value.

        Raises :exc:`~frontdesk.errors.StorageUnavailable`, and ``ValueError`` for the keys that Django
        uses for the sign-in and the expiry.
        """
        return run(self._modify(key, function, default))

    async def amodify(self, key: str, function: Callable[[Any], Any], default: Any = None) -> Any:
        """Async version of ``modify()``: the same arguments, result and errors."""
        return await arun(self._modify(key, function, default))

    @classmethod
    def clear_expired(cls) -> None:
        """Delete the expired sessions of the storage."""
        run(purge())

    @classmethod
    async def aclear_expired(cls) -> None:
        """Async version of ``clear_expired()``."""
        await arun(purge())


class _Mutex:
    """A lock for threads, and one for the tasks of an event loop. Getting one returns its release."""

    def __init__(self) -> None:
        self._threads = threading.Lock()
        self._tasks = asyncio.Lock()

    def acquire(self) -> Callable[[], None]:
        self._threads.acquire()
        return self._threads.release

    async def aacquire(self) -> Callable[[], None]:
        await self._tasks.acquire()
        return self._tasks.release


def _call_each(functions: Iterable[Callable[[], None]]) -> None:
    for function in functions:
        function()

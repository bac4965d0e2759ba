"""A session: every operation that does I/O written once, as a flow.

See :mod:`frontdesk.drive` for flows, and :mod:`frontdesk.engine` for the methods that drive them.
"""

import logging
from dataclasses import replace
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, UpdateError

from frontdesk import clock, difference, policy
from frontdesk.arriving import ArrivingSession
from frontdesk.conf import options
from frontdesk.difference import EXPIRY_KEY
from frontdesk.drive import Flow, called
from frontdesk.errors import UndecodableRecord
from frontdesk.policy import Standing
from frontdesk.signals import End, Reason, session_rotated, session_started, told, told_ends
from frontdesk.storages.base import LEFT_BEHIND
from frontdesk.storages.record import Changes, Ended, Record, merged
from frontdesk.tokens import Digest, digest_of, digest_of_own, new_key

logger = logging.getLogger("frontdesk")

KEY_TRIES = 10
"""A second one is needed when somebody ended all sessions of the user in this very moment."""

SIGN_IN_KEYS = {SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY}
"""The keys by which Django knows who is signed in."""

UNSTORED = {Standing.NEW, Standing.UNKNOWN}
"""Where a key that the session has was made by this request, and nothing is stored under it yet."""


class Session(ArrivingSession):
    """A session without a colour."""

    def opened(self, no_load: bool = False) -> Flow[dict[str, Any]]:
        """Return the dictionary, loading it at the first touch."""
        self.accessed = True
        if "_session_cache" not in self.__dict__:
            if self.session_key is None or no_load:
                self._session_cache: dict[str, Any] = {}
            else:
                self._session_cache = yield from self.loaded()
        elif self.standing is Standing.UNREAD and not no_load:
            yield from self.loaded()  # clear() filled the dictionary before any read
        return self._session_cache

    def loaded(self) -> Flow[dict[str, Any]]:
        """Read the session and return its dictionary; an empty one, and no key, if there is none."""
        digest = digest_of(self.session_key)
        record = None if digest is None else (yield from self._find(digest))
        cache = None if record is None else self._decoded(record)
        if record is None or cache is None:
            if self.standing is Standing.LIVE:
                # Ended since it was read. What was read is not to be stored again under another key.
                self._vanish(Standing.INTERRUPTED)
            elif self.standing is not Standing.NEW:
                self.standing = Standing.UNKNOWN
            self._session_key = None
            return {}
        if self.standing is not Standing.LIVE or "_session_cache" not in self.__dict__:
            # Otherwise somebody only peeks: what is in the dictionary came from an earlier read, and is
            # compared with that one.
            self._remember(record)
        return cache

    def _find(self, digest: Digest) -> Flow[Record | None]:
        """Read the record of ``digest``, if it may be used."""
        try:
            found = yield from self._read_or_move(digest)
        except UndecodableRecord as error:
            logger.error("%s It is treated as ended.", error)
            return None
        if isinstance(found, Ended):
            self._overtaken_as(digest)
            return None
        if found is None or not policy.is_alive(found, options(), clock.now()):
            return None
        return found

    def saved(self, must_create: bool = False) -> Flow[None]:
        """Store what has changed. Raises ``UpdateError`` when the session has ended meanwhile."""
        yield from self.opened(no_load=must_create)
        if must_create and self.session_key is not None:
            if (yield from self._is_to_move(self.session_key)) or not (yield from self._insert()):
                raise CreateError
        elif must_create or self.standing in UNSTORED:
            yield from self._inserted()
        elif self.standing is not Standing.LIVE or not (yield from self._update()):
            raise UpdateError
        yield from self._signed_in_for_good()

    def _signed_in_for_good(self) -> Flow[None]:
        """Call those who wait for the sign-in to be stored."""
        if self._waiting:
            waiting, self._waiting = self._waiting, ()
            yield from called(waiting)

    def created(self) -> Flow[None]:
        """Store the dictionary as a new session, under a new key."""
        cache = yield from self.opened(no_load=True)
        if self.standing is Standing.INTERRUPTED:
            self._vanish(Standing.NEW)
        elif self.standing is Standing.LIVE:
            # A copy in which nobody is signed in: only login() signs in, and starts the limits anew.
            self._vanish(Standing.NEW, {key: cache[key] for key in cache.keys() - SIGN_IN_KEYS})
        self._session_key = None
        yield from self._inserted()

    def _inserted(self) -> Flow[None]:
        for _ in range(KEY_TRIES):
            if self.session_key is None:
                self._session_key = new_key()
            if (yield from self._insert()):
                self.modified = True
                return
            self._session_key = None
        raise CreateError(f"The storage took none of {KEY_TRIES} new session keys.")

    def _insert(self) -> Flow[bool]:
        digest = digest_of_own(self.session_key)
        record = difference.new_record(
            digest, self._session_cache, self.serializer(), self._present()
        )
        if not (yield from self._ask("insert", record)):
            return False
        self._settle(record)
        yield from told(
            self.storage,
            session_started,
            session_id=digest,
            user_id=record.user_id,
            ip=record.ip,
            user_agent=record.user_agent,
        )
        return True

    def _update(self) -> Flow[bool]:
        changes = self._changes()
        if changes.authenticated is not None and not self._rotated:
            return (yield from self._rotate(changes))
        return (yield from self._apply(changes))

    def touched(self) -> Flow[bool]:
        """Record that the session was used now, and nothing else; ``False`` when it has ended."""
        return (yield from self._apply(Changes(**self._activity())))

    def _apply(self, changes: Changes) -> Flow[bool]:
        record = self._live
        if not (yield from self._ask("update", record.digest, changes)):
            self.standing = Standing.INTERRUPTED
            return False
        self._settle(merged(record, changes))
        self.new_expiry |= EXPIRY_KEY in {*changes.values, *changes.removed}
        return True

    def _rotate(self, changes: Changes) -> Flow[bool]:
        record, key = self._live, new_key()
        digest = digest_of_own(key)
        if not (yield from self._ask("rotate", record.digest, digest, changes)):
            self.standing = Standing.INTERRUPTED
            return False
        self._session_key = key
        self._settle(replace(merged(record, changes), digest=digest))
        yield from self._leave_nothing_behind(record.digest)
        yield from told(
            self.storage,
            session_rotated,
            session_id=digest,
            old_id=record.digest,
            user_id=self._live.user_id,
        )
        return True

    def cycled(self) -> Flow[None]:
        cache = yield from self.opened()
        self.modified = True
        if self.standing is Standing.LIVE:
            changes = self._changes()
            if changes.deadline is None:
                # Written even if unchanged here: another request may have disowned the session just now.
                changes = replace(changes, deadline=self._live.deadline)
            if (yield from self._rotate(changes)):
                self._rotated = True
            elif SESSION_KEY in cache:
                # Ended while this request was running. Nothing that a person kept in it lives on.
                self._vanish(Standing.INTERRUPTED)
            else:
                # An anonymous one, overtaken by another sign-in or by its expiry: start from a new key.
                self._vanish(Standing.NEW, cache)
                self._session_key = new_key()
        elif self.standing is not Standing.INTERRUPTED:
            self._session_key = new_key()

    def existing(self, session_key: str | None) -> Flow[bool]:
        """Return whether a session of this key could be used now."""
        digest = digest_of(session_key)
        if digest is None:
            return False
        try:
            found = yield from self._ask("read", digest)
            if found is None and self.old_place is not None:
                if (yield from self._is_to_move(session_key)):
                    return True
                found = yield from self._ask("read", digest)  # it may have moved between the two
        except UndecodableRecord:
            return False
        return isinstance(found, Record) and policy.is_alive(found, options(), clock.now())

    def deleted(self, session_key: str | None = None) -> Flow[None]:
        key = self.session_key if session_key is None else session_key
        digest = digest_of(key)
        if digest is not None:
            yield from self._ended(End(digest, None, Reason.REVOKED), key)

    def flushed(self) -> Flow[None]:
        self.clear()
        digest = digest_of(self.session_key) or self._former
        if digest is not None:
            self._flushed = self._sign_out_of(digest)
            yield from self._ended(self._flushed, self.came)
        self._vanish(Standing.NEW)

    def flushed_again(self) -> Flow[None]:
        """End once more what ``flush()`` has ended: a view that failed may have taken that back."""
        if self._flushed is not None:
            yield from self._ended(self._flushed, self.came)

    def _ended(self, end: End, key: str | None) -> Flow[None]:
        was_to_move = yield from self._ended_before_moving(end.session_id, key)
        ended = yield from self._ask("remove", [end.session_id])
        names = ended or ([end.session_id] if was_to_move else [])
        yield from told_ends(self.storage, [end._replace(session_id=name) for name in names])

    def disowned(self) -> Flow[None]:
        """Treat the session as ended, since its user's password is no longer the one it was made with.

        It may be the one from which the password is being changed right now, by a request that is about
        to rotate it. So it is given a moment to be rescued, in which it answers nobody, instead of an
        end that would sign out the very person who changed the password.
        """
        record, deadline = self.record, clock.now() + LEFT_BEHIND
        if record is not None and record.deadline > deadline:
            yield from self._ask("update", record.digest, Changes(deadline=deadline))
        self._vanish(Standing.UNKNOWN)
        self._overtaken_as(None if record is None else record.digest)

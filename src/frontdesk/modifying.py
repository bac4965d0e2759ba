"""The atomic read-modify-write: ``session.modify(key, function)``, on any storage.

The value is computed here and written on condition that nobody has changed the session meanwhile;
otherwise it is computed again from what they left.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from frontdesk import values
from frontdesk.difference import EXPIRY_KEY
from frontdesk.drive import Flow
from frontdesk.errors import Conflict, Contention
from frontdesk.policy import Standing
from frontdesk.session import SIGN_IN_KEYS, Session
from frontdesk.storages.record import Changes, Record, merged

MODIFY_TRIES = 1000
"""Each failure means that somebody else succeeded, so a modification is late only while others are not."""

OWN_KEYS = {*SIGN_IN_KEYS, EXPIRY_KEY}
"""The keys that are Django's, not the project's."""


class ModifiableSession(Session):
    """A session that can make a step of a value without losing anybody's."""

    def modified_by(self, key: str, function: Callable[[Any], Any], default: Any) -> Flow[Any]:
        """Replace the value of ``key`` by what ``function`` makes of it, losing nobody's step."""
        if key in OWN_KEYS:
            raise ValueError(f"{key!r} is Django's own; use login(), logout() or set_expiry().")
        cache = yield from self.opened()
        self.modified = True
        if self.standing is not Standing.LIVE:  # nobody else can see it yet
            cache[key] = function(cache.get(key, deepcopy(default)))
            return cache[key]
        for _ in range(MODIFY_TRIES):
            value = function(self._base(key, default))
            encoded = values.encode({key: value}, self.serializer())
            try:
                applied = yield from self._written(encoded)
            except Conflict:
                applied = yield from self._reread()
                if applied:
                    continue
            if not applied:
                self.standing = Standing.INTERRUPTED
            cache[key] = value
            return value
        raise Contention(
            f"{key!r} was changed by others {MODIFY_TRIES} times while modify() tried to."
        )

    def _written(self, encoded: Mapping[str, bytes]) -> Flow[bool]:
        """Write these values if nothing has changed in the session since its record was read."""
        record = self._live
        changes = Changes(values=encoded, expected_version=record.version, **self._activity())
        if not (yield from self._ask("update", record.digest, changes)):
            return False
        self.record = merged(record, changes)
        self._stored = {**self._stored, **encoded}
        return True

    def _reread(self) -> Flow[bool]:
        """Read the record anew, and leave the dictionary as it is."""
        found = yield from self._ask("read", self._live.digest)
        if isinstance(found, Record):
            self.record = found
        return isinstance(found, Record)

    def _base(self, key: str, default: Any) -> Any:
        """Return what a modification starts from: this request's own unsaved value, or the stored one."""
        stored = self._live.values.get(key)
        if self._cleared or (key in self._stored and key not in self._session_cache):
            stored = None  # taken away by this request
        if key in self._session_cache:
            own = self._session_cache[key]
            if values.encode({key: own}, self.serializer())[key] != self._stored.get(key):
                return deepcopy(own)
        return deepcopy(default) if stored is None else self.serializer().loads(stored)

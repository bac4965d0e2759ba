"""Sessions that have moved back and wait for their keys; see :mod:`frontdesk.moving.departure`."""

import re
from collections.abc import Callable, Iterator

from django.conf import settings
from django.utils.crypto import salted_hmac

from frontdesk.moving.stock import Entry, StockPlace, StockSession
from frontdesk.tokens import Digest, digest_of

NAME_LENGTH = 40
"""Of ``django_session.session_key``. 160 bits of an HMAC are as hard to guess as a key is."""

SALT = "frontdesk.waiting"


def waiting_name(digest: Digest, secret: str | bytes | None = None) -> str:
    """Return the name under which a session waits. It is a secret, never to be shown or logged.

    Django's own engines take any name that is stored for a session key, and digests are public. So it is
    an HMAC with ``secret``, or else with ``SECRET_KEY``: nobody can tell it from the digest.
    """
    made = salted_hmac(SALT, digest, secret=secret, algorithm="sha256")
    return made.hexdigest()[:NAME_LENGTH]


def waiting_names(digest: Digest) -> list[str]:
    """Return all names under which a session may wait, made with ``SECRET_KEY`` and its fallbacks."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [waiting_name(digest, secret) for secret in secrets]


def may_be_waiting_name(key: str) -> bool:
    """Whether ``key``, which somebody sent, could find a session by the name under which it waits.

    Databases may fold case and accents and pass over blanks and control characters.
    """
    plain = re.sub(r"[^0-9a-z]", "", key.lower())
    return not key.isascii() or re.fullmatch(r"[0-9a-f]{40}", plain) is not None


class WithWaiting(StockPlace):
    """The place of an engine of :mod:`frontdesk.wayback`, for a project that changes its mind again.

    A session is found there under its key, or under the name under which it waits for it.
    """

    def __init__(self, place: StockPlace) -> None:
        super().__init__(place.engine)
        self.place = place
        self.listable = place.listable
        self.transactional = place.transactional

    def read(self, key: str) -> StockSession | None:
        for name in _names(key):  # in the order in which a session goes through them
            if (found := self.place.read(name)) is not None:
                return found
        return None

    def insert(self, key: str, session: StockSession) -> bool:
        return self.place.insert(key, session)

    def remove(self, key: str) -> bool:
        removed = [
            self.place.remove(name) for name in _names(key)
        ]  # all, whatever the first one says
        return any(removed)

    def entries(self) -> Iterator[Entry]:
        return self.place.entries()

    def total(self) -> int | None:
        return self.place.total()

    def after_commit(self, function: Callable[[], None]) -> None:
        self.place.after_commit(function)

    def prove(self) -> None:
        self.place.prove()


def _names(key: str) -> list[str]:
    digest = digest_of(key)
    return [key] if digest is None else [*waiting_names(digest), key]

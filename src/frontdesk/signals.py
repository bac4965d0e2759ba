"""What the front desk tells to whoever listens: a session has begun, has a new key, or has ended.

Each is sent once what it tells can no longer be rolled back, and an error of a receiver is logged, not
raised. The ``sender`` is the class of the storage. Arguments, text or
``None`` unless noted:

``session_started``
    ``session_id``, ``user_id``, ``ip``, ``user_agent``. Anonymous sessions are told too.
``session_rotated``
    ``session_id`` (the one that it has now), ``old_id``, ``user_id``.
``session_ended``
    ``session_id``, ``user_id``, ``reason`` (a :class:`Reason`). A session whose time is over is told when
    the clean-up finds it; a cache that drops it by itself tells nobody.
``sessions_ended``
    ``ends``, a list of :class:`End`: once for all that one call has ended, before ``session_ended`` is
    sent for each. For receivers that write to a database.

``expired_cleared``
    No arguments: nothing that has expired is left. Sent by ``manage.py clearsessions``, by
    ``SessionStore.clear_expired()``, and by ``manage.py frontdesk purge`` unless it was stopped before
    its end, by ``--limit`` or by a person.

One signal is of the other kind, that of Django's ``user_logged_in``: it is sent at once, within the
request, its ``sender`` is the class of the user, and an error of a receiver is the view's.

``user_reauthenticated``
    ``request``, ``user``. Somebody who was signed in has entered their password again.

Source: https://docs.djangoproject.com/en/stable/topics/signals/
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from django.dispatch import Signal

from frontdesk.client import Client
from frontdesk.drive import Call, Flow
from frontdesk.storages.base import Storage
from frontdesk.tokens import Digest

session_started = Signal()
session_rotated = Signal()
session_ended = Signal()
sessions_ended = Signal()
expired_cleared = Signal()
user_reauthenticated = Signal()


class Reason(StrEnum):
    """Why a session ended."""

    LOGOUT = "logout"
    REVOKED = "revoked"
    REVOKED_BY_STAFF = "revoked_by_staff"
    PASSWORD_CHANGE = "password_change"  # noqa: S105 (a word, not a password)
    IDLE = "idle"
    ABSOLUTE = "absolute"
    LIMIT = "limit"
    USER_GONE = "user_gone"


class End(NamedTuple):
    """The end of a session."""

    session_id: Digest
    user_id: str | None
    """Whose it was, as far as is known."""
    reason: Reason
    at: int | None = None
    """When it ended, in microseconds, if not just now: one whose time was over was found later."""
    client: Client | None = None
    """Where it was used, if that is known: of one that its own user has signed out of."""


def told(storage: Storage, signal: Signal, **facts: Any) -> Flow[None]:
    """Send ``signal``. Costs nothing, not even a thread hop, while nobody listens."""
    if signal.has_listeners(type(storage)):
        yield Call(_messenger, "send", (storage, signal, facts))


def told_ends(storage: Storage, ends: Sequence[End]) -> Flow[None]:
    """Tell that these sessions have ended."""
    if not ends:
        return
    yield from told(storage, sessions_ended, ends=ends)
    if not session_ended.has_listeners(type(storage)):  # asked once, as there may be thousands
        return
    for end in ends:
        yield from told(
            storage,
            session_ended,
            session_id=end.session_id,
            user_id=end.user_id,
            reason=end.reason,
        )


class _Messenger:
    def send(self, storage: Storage, signal: Signal, facts: dict[str, Any]) -> None:
        storage.after_commit(partial(_send, signal, type(storage), facts))

    async def asend(self, storage: Storage, signal: Signal, facts: dict[str, Any]) -> None:
        # No transaction spans an await, so what is told has been committed.
        await signal.asend_robust(type(storage), **facts)


_messenger = _Messenger()


def _send(signal: Signal, sender: type[Storage], facts: dict[str, Any]) -> None:
    signal.send_robust(sender, **facts)

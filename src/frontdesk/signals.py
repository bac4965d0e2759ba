"""Signals about sessions and API tokens. Each attribute below says when it is sent, and its arguments.

Those about sessions and API tokens are sent once a transaction can no longer undo what they report, and an
error of a receiver is logged, not raised. The ``sender`` of those about sessions is the class of the storage.
The ``sender`` of those about API tokens is ``frontdesk.models.ApiToken``. Ids are text.

``user_reauthenticated`` and ``sign_in_throttled`` are sent at once, within the request, as Django's
``user_logged_in`` is.

Source: https://docs.djangoproject.com/en/stable/topics/signals/
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from django.dispatch import Signal

from frontdesk.core.flow import Call, Flow
from frontdesk.core.record import Record
from frontdesk.storages.base import Storage

__all__ = [
    "End",
    "Reason",
    "api_token_created",
    "api_token_ended",
    "api_token_used_from_new_network",
    "expired_purged",
    "session_ended",
    "session_rotated",
    "session_started",
    "sessions_ended",
    "sign_in_throttled",
    "user_reauthenticated",
]

session_started: Signal = Signal()
"""A session is stored for the first time, an anonymous one too.

Arguments: ``session_id``, ``user_id`` (``None`` if no user is signed in), ``ip``, ``user_agent``.
"""

session_rotated: Signal = Signal()
"""The session has a new key, for example after a sign-in. Its id stays.

Arguments: ``session_id``, ``user_id`` (``None`` if no user is signed in).
"""

session_ended: Signal = Signal()
"""A session has ended.

For one that has expired, this is sent when it is purged. A cache that drops it sends nothing.

Arguments: ``session_id``, ``user_id`` (``None`` if no user was signed in), ``reason`` (a :class:`Reason`).
"""

sessions_ended: Signal = Signal()
"""Sessions have ended: once for all that one call has ended, before ``session_ended`` is sent for each.

For receivers that write to a database. Arguments: ``ends`` (a list of :class:`End`).
"""

expired_purged: Signal = Signal()
"""No expired session is left.

Sent after ``manage.py clearsessions``, ``SessionStore.clear_expired()``, and a ``manage.py frontdesk purge``
that was not limited. No arguments.
"""

api_token_created: Signal = Signal()
"""An API token has been created. Arguments: ``token`` (a :class:`frontdesk.api_tokens.TokenInfo`)."""

api_token_ended: Signal = Signal()
"""An API token has ended. For one that has expired, this is sent when it is purged.

Arguments: ``token`` (a :class:`frontdesk.api_tokens.TokenInfo`), ``reason`` (a :class:`Reason`).
"""

api_token_used_from_new_network: Signal = Signal()
"""An API token is used from a network for the first time.

Arguments: ``token`` (a :class:`frontdesk.api_tokens.TokenInfo`), ``ip``, ``user_agent``.
"""

user_reauthenticated: Signal = Signal()
"""A signed-in user has entered the password again. An error of a receiver is raised in the view.

The ``sender`` is the class of the user. Arguments: ``request``, ``user``.
"""

sign_in_throttled: Signal = Signal()
"""A bucket of the throttle is full. Sent for the first attempt that is refused.

The ``sender`` is the model of the counts. Arguments: ``request``, ``kind`` ("device", "account", "network" or
"reset"), ``until`` (an aware ``datetime``, before which the bucket takes nothing).
"""


class Reason(StrEnum):
    """Why a session or an API token ended."""

    LOGOUT = "logout"
    """The user has signed out."""
    REVOKED = "revoked"
    """The user, or code of the project, has ended it."""
    REVOKED_BY_STAFF = "revoked_by_staff"
    """Staff have ended it, in the admin or by ``manage.py frontdesk``."""
    PASSWORD_CHANGE = "password_change"  # noqa: S105 (a word, not a password)
    """The user has another password now."""
    IDLE = "idle"
    """It was not used for the idle timeout."""
    ABSOLUTE = "absolute"
    """It has reached the absolute timeout."""
    LIMIT = "limit"
    """The user had too many, see ``MAX_SESSIONS_PER_USER`` and ``frontdesk.api_tokens.MAX_PER_USER``."""
    USER_GONE = "user_gone"
    """The user has been deleted."""
    EXPIRED = "expired"
    """Only of API tokens. A session has the two timeouts."""


class End(NamedTuple):
    """The end of a session."""

    session_id: str
    """The public id."""
    user_id: str | None
    """The id of the user as text; ``None`` if no user was signed in."""
    reason: Reason
    """Why it ended."""
    at: int | None = None
    """When it ended, in microseconds since 1970, if not just now."""
    ip: str = ""
    """The address of its last use that was recorded; empty if unknown."""
    user_agent: str = ""
    """The ``User-Agent`` header of that use; empty if unknown."""


def ends_of(records: Sequence[Record], reason: Reason) -> list[End]:
    """Return what to report about these sessions, which have just ended."""
    return [End(each.id, each.user_id, reason, None, each.ip, each.user_agent) for each in records]


def notify(storage: Storage, signal: Signal, **facts: Any) -> Flow[None]:
    """Send ``signal``. Without receivers, this costs nothing."""
    if signal.has_listeners(type(storage)):
        yield Call(_sender, "send", (storage, signal, facts))


def notify_ends(storage: Storage, ends: Sequence[End]) -> Flow[None]:
    """Report that these sessions have ended."""
    if not ends:
        return
    yield from notify(storage, sessions_ended, ends=ends)
    # Asked once, because there may be thousands of ends.
    if session_ended.has_listeners(type(storage)):
        for end in ends:
            facts = {"session_id": end.session_id, "user_id": end.user_id, "reason": end.reason}
            yield Call(_sender, "send", (storage, session_ended, facts))


class _Sender:
    def send(self, storage: Storage, signal: Signal, facts: dict[str, Any]) -> None:
        storage.after_commit(partial(_send, signal, type(storage), facts))

    async def asend(self, storage: Storage, signal: Signal, facts: dict[str, Any]) -> None:
        # No transaction spans an await, so nothing that is reported can be undone.
        await signal.asend_robust(type(storage), **facts)


_sender = _Sender()


def _send(signal: Signal, sender: type[Storage], facts: dict[str, Any]) -> None:
    signal.send_robust(sender, **facts)

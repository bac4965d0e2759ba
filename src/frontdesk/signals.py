"""Signals about sessions and API tokens.

Each is sent once a transaction can no longer undo what it reports. An error of a receiver is logged, not
raised. The ``sender`` is the class of the storage. Arguments are text or ``None`` unless noted:

``session_started``
    ``session_id``, ``user_id``, ``ip``, ``user_agent``. Sent for anonymous sessions too.
``session_rotated``
    ``session_id``, ``user_id``. The session has a new key. Its id stays.
``session_ended``
    ``session_id``, ``user_id``, ``reason`` (a :class:`Reason`). For a session that has expired, this is
    sent when it is purged. A cache that drops it sends nothing.
``sessions_ended``
    ``ends``, a list of :class:`End`: once for all sessions that one call has ended, before
    ``session_ended`` is sent for each. For receivers that write to a database.
``expired_purged``
    No arguments. No expired session is left, after ``manage.py clearsessions``,
    ``SessionStore.clear_expired()``, or a ``manage.py frontdesk purge`` that was not limited.

The following are about API tokens. Their ``sender`` is :class:`frontdesk.models.ApiToken`, and ``token`` is
an :class:`frontdesk.api_tokens.TokenInfo`:

``api_token_created``
    ``token``.
``api_token_ended``
    ``token``, ``reason`` (a :class:`Reason`). For a token that has expired, this is sent when it is purged.
``api_token_used_from_new_network``
    ``token``, ``ip``, ``user_agent``.

These two are sent at once, within the request, as Django's ``user_logged_in`` is.

``user_reauthenticated``
    ``request``, ``user``. A signed-in user has entered the password again. The ``sender`` is the class of
    the user, and an error of a receiver is raised in the view.
``sign_in_throttled``
    ``request``, ``kind`` ("device", "account", "network" or "reset"), ``until`` (an aware ``datetime``). A
    bucket of the throttle is full, and takes nothing before ``until``. Sent for the first attempt that is
    refused. The ``sender`` is the model of the counts.

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

session_started: Signal = Signal()
session_rotated: Signal = Signal()
session_ended: Signal = Signal()
sessions_ended: Signal = Signal()
expired_purged: Signal = Signal()
api_token_created: Signal = Signal()
api_token_ended: Signal = Signal()
api_token_used_from_new_network: Signal = Signal()
user_reauthenticated: Signal = Signal()
sign_in_throttled: Signal = Signal()


class Reason(StrEnum):
    """Why a session or an API token ended."""

    LOGOUT = "logout"
    REVOKED = "revoked"
    REVOKED_BY_STAFF = "revoked_by_staff"
    PASSWORD_CHANGE = "password_change"  # noqa: S105 (a word, not a password)
    IDLE = "idle"
    ABSOLUTE = "absolute"
    LIMIT = "limit"
    USER_GONE = "user_gone"
    EXPIRED = "expired"
    """Only of API tokens. A session has the two timeouts."""


class End(NamedTuple):
    """The end of a session."""

    session_id: str
    user_id: str | None
    reason: Reason
    at: int | None = None
    """When it ended, in microseconds since 1970, if not just now."""
    ip: str = ""
    user_agent: str = ""


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

"""What is stored of a session's dictionary: a new record, or what a request has changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone

from frontdesk.core import clock, policy
from frontdesk.core.keys import Key
from frontdesk.core.policy import Limits
from frontdesk.core.record import UNCHANGED, Changes, Record, Serializer
from frontdesk.http import values
from frontdesk.http.client import UNKNOWN, Client
from frontdesk.storages.rows import usual_id

EXPIRY_KEY: Final = "_session_expiry"
"""Where Django's ``set_expiry()`` keeps its value."""


class Use(NamedTuple):
    """One use of a session."""

    now: int
    limits: Limits
    client: Client | None
    """``None`` outside of a request."""
    carrier: str
    """How the key travels, see :mod:`frontdesk.http.transport`."""


def user_in(dictionary: Mapping[str, Any]) -> str | None:
    """Return the id of the user who is signed in with this dictionary."""
    user_id = dictionary.get(SESSION_KEY)
    return None if user_id is None else usual_id(str(user_id))


def new_record(key: Key, dictionary: Mapping[str, Any], serializer: Serializer, use: Use) -> Record:
    """Return the record of a session that begins now."""
    user_id, client = user_in(dictionary), use.client or UNKNOWN
    idle, deadline = timeouts(dictionary, use.limits, use.now)
    return Record(
        id=key.id,
        secret=key.digest,
        values=values.encode(dictionary, serializer),
        user_id=user_id,
        created=use.now,
        authenticated=None if user_id is None else use.now,
        last_seen=use.now,
        idle=idle,
        deadline=deadline,
        ip=client.ip,
        user_agent=client.user_agent,
        carrier=use.carrier,
        # Not 1: a key of Django's may come twice, and a late write must not fit the second session.
        version=use.now,
    )


def changes_of(
    known: Record,
    dictionary: Mapping[str, Any],
    serializer: Serializer,
    use: Use,
    *,
    cleared: bool,
    signing_in: bool,
) -> Changes:
    """Return what this request has changed, compared with the record that it has read."""
    changed = values.changed({} if cleared else known.values, dictionary, serializer)
    removed = known.values.keys() - values.texts(dictionary)
    user_id = user_in(dictionary)
    # A new password's hash is written by the request that changes the password. Another one may have read
    # the old hash meanwhile, and shortened the session, see SessionStore.disown().
    restarts = signing_in or not {EXPIRY_KEY, HASH_SESSION_KEY}.isdisjoint({*changed, *removed})
    return Changes(
        values=changed,
        removed=removed,
        cleared=cleared,
        user_id=UNCHANGED if user_id == known.user_id else user_id,
        last_seen=use.now,
        fields=activity(known, dictionary, use, signing_in=signing_in, new_deadline=restarts),
    )


def activity(
    known: Record,
    dictionary: Mapping[str, Any],
    use: Use,
    *,
    signing_in: bool = False,
    new_deadline: bool = False,
) -> dict[str, Any]:
    """Return the fields of the record that this use changes. A time in the future becomes now."""
    began = use.now if signing_in else policy.began(known, use.now)
    idle, deadline = timeouts(dictionary, use.limits, began)
    fields: dict[str, Any] = {"created": min(known.created, use.now), "idle": idle}
    if signing_in:
        fields["authenticated"] = use.now
    elif known.authenticated is not None:
        fields["authenticated"] = min(known.authenticated, use.now)
    if not policy.keeps_deadline(known, use.now):
        fields["deadline"] = deadline
    if use.client is not None:
        fields |= {**use.client._asdict(), "carrier": use.carrier}
    fields = {name: value for name, value in fields.items() if value != getattr(known, name)}
    return {**fields, "deadline": deadline} if new_deadline else fields


def timeouts(dictionary: Mapping[str, Any], limits: Limits, began: int) -> tuple[int, int]:
    """Return the idle timeout and the deadline of a session that began at ``began``.

    ``dictionary`` may have what ``set_expiry()`` has left.
    """
    expiry = dictionary.get(EXPIRY_KEY)
    if isinstance(expiry, str):
        expiry = datetime.fromisoformat(expiry)
    if not isinstance(expiry, datetime):
        return policy.timeouts(limits, expiry, None, began)
    if timezone.is_naive(expiry):
        expiry = timezone.make_aware(expiry)
    return policy.timeouts(limits, None, clock.from_datetime(expiry), began)

"""What a request changed: its dictionary compared with what was stored. No I/O, no request."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.contrib.auth import SESSION_KEY

from frontdesk import policy, values
from frontdesk.client import NOBODY, Client
from frontdesk.conf import Options
from frontdesk.storages.record import UNCHANGED, Record
from frontdesk.tokens import Digest
from frontdesk.values import Serializer

EXPIRY_KEY = "_session_expiry"
"""Where Django's ``set_expiry()`` keeps what it was given."""


def user_in(cache: Mapping[str, Any]) -> str | None:
    """Return the id of the user who is signed in with this dictionary."""
    user_id = cache.get(SESSION_KEY)
    return None if user_id is None else str(user_id)


class Present(NamedTuple):
    """When and how a request happens; without a client where there is no request."""

    now: int
    options: Options
    client: Client | None


def new_record(
    digest: Digest, cache: Mapping[str, Any], serializer: Serializer, present: Present
) -> Record:
    """Return the record of a session that begins now."""
    user_id, client = user_in(cache), present.client or NOBODY
    idle, deadline = policy.clocks(present.options, cache.get(EXPIRY_KEY), present.now)
    return Record(
        digest=digest,
        values=values.encode(cache, serializer),
        user_id=user_id,
        created=present.now,
        authenticated=None if user_id is None else present.now,
        last_seen=present.now,
        idle=idle,
        deadline=deadline,
        ip=client.ip,
        user_agent=client.user_agent,
    )


def activity(
    record: Record, expiry: object, present: Present, *, signing_in: bool = False
) -> dict[str, Any]:
    """Return the fields of ``Changes`` that say when, and from where, the session is used now.

    The limits are among them where settings or ``set_expiry()`` have moved them.
    """
    began = present.now if signing_in else policy.began(record)
    idle, deadline = policy.clocks(present.options, expiry, began)
    found = {
        "authenticated": present.now if signing_in else record.authenticated,
        "idle": idle,
        "deadline": deadline,
        **({} if present.client is None else present.client._asdict()),
    }
    different = {name: new for name, new in found.items() if new != getattr(record, name)}
    return {"last_seen": present.now, **different}


def changed_values(
    stored: Mapping[str, bytes],
    cache: Mapping[str, Any],
    serializer: Serializer,
    *,
    cleared: bool,
) -> dict[str, Any]:
    """Return the fields of ``Changes`` that say what became of the values, found value by value.

    So a change inside a list is found too, and a key that this request left alone is left alone.
    """
    encoded = values.encode(cache, serializer)
    same_user = encoded.get(SESSION_KEY) == stored.get(SESSION_KEY)
    return {
        "values": {
            key: value for key, value in encoded.items() if cleared or stored.get(key) != value
        },
        "removed": stored.keys() - encoded.keys(),
        "cleared": cleared,
        "user_id": UNCHANGED if same_user else user_in(cache),
    }

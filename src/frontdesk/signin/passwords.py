"""What a new password means for the other sessions of its user, when they are to stay signed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from frontdesk import values
from frontdesk.asking import asked
from frontdesk.drive import Flow, run
from frontdesk.reentry import session_of
from frontdesk.session import Session
from frontdesk.storages.record import Changes, Record
from frontdesk.user_ids import user_id_of


@contextmanager
def others_stay(request: HttpRequest, user: AbstractBaseUser) -> Iterator[None]:
    """Keep the other sessions of ``user`` signed in while the password is changed in the block.

    Django signs a session out when its authentication hash is not that of the password. So those whose
    hash was good get the new one. One that begins or gets a new key in this very moment may be missed;
    its user then signs in again.
    """
    session = session_of(request)
    others = run(_others_of(session, user))
    yield
    run(_rehashed(session, others, user.get_session_auth_hash()))


def _others_of(session: Session, user: AbstractBaseUser) -> Flow[list[Record]]:
    """Return the other sessions that are signed in with the password that ``user`` has now."""
    yield from session.opened()
    good = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    records = yield from asked(session.storage, "of_user", user_id_of(user))
    return [
        record
        for record in records
        if record.digest != session.session_id
        and any(constant_time_compare(_hash_in(session, record), each) for each in good)
    ]


def _hash_in(session: Session, record: Record) -> str:
    found: dict[str, Any] = values.decode_what_can_be(
        record.values, [HASH_SESSION_KEY], session.serializer()
    )
    return str(found.get(HASH_SESSION_KEY))


def _rehashed(session: Session, records: list[Record], new: str) -> Flow[None]:
    encoded = values.encode({HASH_SESSION_KEY: new}, session.serializer())
    for record in records:
        # The deadline is written even though it is the same: a request that came between the new
        # password and this has seen an old hash, and let the session end in half a minute.
        changes = Changes(values=encoded, deadline=record.deadline)
        yield from asked(session.storage, "update", record.digest, changes)

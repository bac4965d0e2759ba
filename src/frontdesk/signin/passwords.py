"""Which sessions stay signed in when the stored hash of a password changes.

As in Django, a session is only good with the hash that it was made with. Two changes should not sign users
out: a new password when the user wants the other sessions to stay, and an upgrade of the hash. Django
makes the latter whenever it checks a password after ``PASSWORD_HASHERS`` changed, or its iterations rose.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import check_password
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from frontdesk import api_tokens, sessions
from frontdesk.conf import options
from frontdesk.core import clock, policy, record
from frontdesk.core.flow import Flow, run
from frontdesk.core.record import Changes, Record, Serializer
from frontdesk.http import values
from frontdesk.http.changes import EXPIRY_KEY, timeouts
from frontdesk.http.session import SessionStore
from frontdesk.http.values import serializer_in_force
from frontdesk.signals import Reason
from frontdesk.storages import get_storage
from frontdesk.storages.rows import user_id_of

MOST: Final = 1000
"""How many sessions of a user are kept, the most recently used ones. Each takes a write."""


@contextmanager
def sessions_stay(user: AbstractBaseUser, *, but: str | None = None) -> Iterator[None]:
    """Keep the sessions of ``user`` signed in if the hash of the password changes in the block.

    Put it around code that checks the password or, if the user wants the sessions to stay, that sets a new
    one. Only sessions that were good with the hash of before are kept. One that begins at this very moment
    may be missed, and its user then signs in again. ``but`` is the id of a session that the caller saves.
    """
    good = _hashes_of(user)
    yield
    new = user.get_session_auth_hash()
    if new != good[0]:
        run(_rehashing(user_id_of(user), good, new, but))


@contextmanager
def own_change(
    request: HttpRequest, user: AbstractBaseUser, *, keep_others: bool, keep_api_tokens: bool
) -> Iterator[None]:
    """Put it around code with which ``user`` sets a new password and stays signed in with ``request``.

    The other sessions and the API tokens end at once, unless the user wants to keep them (OWASP ASVS 7.4.3).
    """
    if keep_others:
        session = request.session
        # Django's update_session_auth_hash() keeps that of the request.
        own = session.session_id if isinstance(session, SessionStore) else None
        with sessions_stay(user, but=own):
            yield
    else:
        yield
        sessions.end_others(request, reason=Reason.PASSWORD_CHANGE)
    if not keep_api_tokens:
        api_tokens.end_all(user, reason=Reason.PASSWORD_CHANGE)


@contextmanager
def reset(user: AbstractBaseUser) -> Iterator[None]:
    """Put it around code that sets a new password of ``user``, who came by a link from a mail.

    All sessions end before: that of a sign-in with the old password in between is worth nothing once the new
    one is saved. All API tokens end after it, because one that is made in between would live on.
    """
    sessions.end_all(user, reason=Reason.PASSWORD_CHANGE)
    yield
    api_tokens.end_all(user, reason=Reason.PASSWORD_CHANGE)


@sensitive_variables()
def keep_after_upgrade(user: AbstractBaseUser, found: AbstractBaseUser, password: str) -> None:
    """Keep the sessions of ``user`` signed in if ``authenticate()`` has upgraded the hash.

    ``authenticate()`` returned ``found``, which is ``user`` as it is stored now, for ``password``. If that
    also fits the hash that ``user`` had before, the password is the same and only its hash is new.
    Otherwise another request has just changed it. ``user`` gets the new hash, so that saving it later does
    not bring back the old one.
    """
    before, good = user.password, _hashes_of(user)
    user.password = found.password
    if found.password != before and check_password(password, before):
        run(_rehashing(user_id_of(user), good, found.get_session_auth_hash(), None))


def _hashes_of(user: AbstractBaseUser) -> list[str]:
    return [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]


def _rehashing(user_id: str, good: list[str], new: str, but: str | None) -> Flow[None]:
    storage, serializer = get_storage(), serializer_in_force()

    def renewed(current: Record) -> Record:
        return _with_hash(current, new, serializer) if is_good(current) else current

    def is_good(current: Record) -> bool:
        known: dict[str, Any] = values.decode_some(current.values, [HASH_SESSION_KEY], serializer)
        found = str(known.get(HASH_SESSION_KEY))
        return any(constant_time_compare(found, each) for each in good)

    for each in (yield from storage.of_user(user_id))[:MOST]:
        if each.id != but and is_good(each):
            yield from storage.change(each, renewed)


def _with_hash(current: Record, new: str, serializer: Serializer) -> Record:
    """Return ``current`` with another hash.

    Also with its usual deadline: a request that saw the new password with the old hash has let the session
    end soon, see ``SessionStore.disown()``.
    """
    now = clock.now()
    expiry = values.decode_some(current.values, [EXPIRY_KEY], serializer)
    _, deadline = timeouts(expiry, options().limits, policy.began(current, now))
    changes = Changes(
        values=values.encode({HASH_SESSION_KEY: new}, serializer), last_seen=current.last_seen
    )
    return replace(record.merge(current, changes), deadline=deadline)

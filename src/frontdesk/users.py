"""From a session to its user: Django's ``get_user()``, on one read, in both colours."""

from functools import cache
from hmac import compare_digest
from typing import Any

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    load_backend,
)
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Manager, QuerySet
from django.utils.crypto import constant_time_compare

from frontdesk.authhash import auth_hash
from frontdesk.drive import Call, Flow
from frontdesk.lookup import user_by_key
from frontdesk.origin import is_djangos
from frontdesk.session import Session
from frontdesk.storages.record import UNCHANGED
from frontdesk.user_ids import user_model


def user_of(session: Session) -> Flow[AbstractBaseUser | None]:
    """Return the user who is signed in with ``session``, or ``None``.

    As in Django, a session made with another password is nobody's, and one whose hash was made with a
    secret in ``SECRET_KEY_FALLBACKS`` gets a hash of today. Unlike in Django, the latter keeps its key:
    the key does not come from the secret, and a new one would turn away the requests that are under way.
    """
    values = yield from session.opened()
    if SESSION_KEY not in values or BACKEND_SESSION_KEY not in values:
        return None
    path = values[BACKEND_SESSION_KEY]
    if path not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = yield from _fetched(session, load_backend(path), values[SESSION_KEY])
    if user is None or not hasattr(user, "get_session_auth_hash"):
        return user  # type: ignore[no-any-return]
    known = values.get(HASH_SESSION_KEY) or ""
    current = auth_hash(user)
    if _are_same(known, current):
        return user  # type: ignore[no-any-return]
    if any(constant_time_compare(known, old) for old in user.get_session_auth_fallback_hash()):
        session[HASH_SESSION_KEY] = current
        return user  # type: ignore[no-any-return]
    yield from session.disowned()
    return None


def _are_same(known: Any, current: str) -> bool:
    if isinstance(known, str):  # what Django's does, at half the price
        return compare_digest(known.encode(), current.encode())
    return constant_time_compare(known, current)


def _fetched(session: Session, backend: Any, user_id: Any) -> Flow[Any]:
    """Return the user as the backend's ``get_user`` would, from the session's own read if that will do."""
    record, user = session.record, session.user
    ordinary = is_ordinary(type(backend))
    if ordinary and record and record.user_id == str(user_id) and user is not UNCHANGED:
        session.user = UNCHANGED
    else:
        pk = user_model()._meta.pk.to_python(user_id)
        if not ordinary:
            return (yield Call(backend, "get_user", (pk,)))
        user = yield Call(user_by_key, "find", (pk,))
    return user if user is None or backend.user_can_authenticate(user) else None


def is_ordinary(backend: type) -> bool:
    """Whether ``backend.get_user`` is a plain look-up, which the session's read may stand in for.

    A backend of the project's keeps its ``get_user``, and a default manager of the project's its query.
    """
    manager: Any = user_model()._meta.default_manager
    kinds: Any = (type(manager), manager._queryset_class)
    return (
        getattr(backend, "get_user", None) is _GET_USER
        and getattr(backend, "aget_user", None) is _AGET_USER
        and manager._db is None
        and _looks_up_plainly(*kinds)
    )


_found: Any = (ModelBackend.get_user, ModelBackend.aget_user)
# If somebody has replaced these before, no backend's are identical to them, and every backend is asked.
_GET_USER, _AGET_USER = _found if all(map(is_djangos, _found)) else (object(), object())

ASKED = ("get_queryset", "get", "filter", "using", "order_by")
"""What a look-up asks of a manager."""


@cache
def _looks_up_plainly(manager: Any, queryset: type) -> bool:
    return queryset is QuerySet and all(
        getattr(manager, name) is getattr(Manager, name) for name in ASKED
    )

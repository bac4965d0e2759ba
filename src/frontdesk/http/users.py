"""The user of a session: Django's ``get_user()`` on the session's own read, for sync and async callers."""

from functools import cache
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
    load_backend,
)
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router
from django.db.models import CompositePrimaryKey, Manager, Model, QuerySet
from django.utils.crypto import constant_time_compare

from frontdesk.core.flow import Call, Flow
from frontdesk.core.record import UNCHANGED
from frontdesk.http.session import SessionStore
from frontdesk.storages.compiled import OneRow

MAX_INTEGER: Final = 2**31 - 1
"""Django's own look-up knows which larger keys a database cannot have."""


def user_of(session: SessionStore) -> Flow[AbstractBaseUser | None]:
    """Return the user who is signed in with ``session``, or ``None``.

    As in Django, a session that was made with another password has no user, and one whose hash was made
    with a secret in ``SECRET_KEY_FALLBACKS`` gets a new hash. Unlike in Django, the latter keeps its key,
    since that does not depend on the secret, and a new key would turn away concurrent requests.
    """
    values = yield from session.open()
    path: str = values.get(BACKEND_SESSION_KEY, "")
    if SESSION_KEY not in values or path not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = yield from _fetch(session, load_backend(path), values[SESSION_KEY])
    if user is None or not hasattr(user, "get_session_auth_hash"):
        return user  # type: ignore[no-any-return]
    known = values.get(HASH_SESSION_KEY) or ""
    current = user.get_session_auth_hash()
    if constant_time_compare(known, current):
        return user  # type: ignore[no-any-return]
    if any(constant_time_compare(known, old) for old in user.get_session_auth_fallback_hash()):
        session[HASH_SESSION_KEY] = current
        return user  # type: ignore[no-any-return]
    yield from session.disown()
    return None


def _fetch(session: SessionStore, backend: Any, user_id: Any) -> Flow[Any]:
    """Return what ``backend.get_user()`` would, from the session's own read where that is the same."""
    read_along, session.user = session.user, UNCHANGED
    users: Any = get_user_model()
    plain = _gets_user_plainly(type(backend)) and _is_plain(users)
    record = session.record
    if plain and record and record.user_id == str(user_id) and read_along is not UNCHANGED:
        user = read_along
    else:
        pk = users._meta.pk.to_python(user_id)
        if not plain or (isinstance(pk, int) and abs(pk) > MAX_INTEGER):
            return (yield Call(backend, "get_user", (pk,)))
        user = yield Call(_by_pk, "get", (users, pk))
    return user if user is None or backend.user_can_authenticate(user) else None


def _gets_user_plainly(backend: type[Any]) -> bool:
    """Return whether ``backend`` has inherited ``ModelBackend.get_user`` and its twin."""
    return (
        issubclass(backend, ModelBackend)
        and backend.get_user is ModelBackend.get_user
        and backend.aget_user is ModelBackend.aget_user
    )


@cache
def _is_plain(users: type[Model]) -> bool:
    """Return whether the default manager of ``users`` looks up any row of their table by its key."""
    kind = type(users._default_manager)
    methods = ("get", "aget", "get_queryset")
    if any(getattr(kind, name) is not getattr(Manager, name) for name in methods):
        return False
    plain = type(users._default_manager.all()) is QuerySet
    return plain and not isinstance(users._meta.pk, CompositePrimaryKey)


class _ByPk:
    """Finds a user by primary key. Compiles that query once per database, not in every request."""

    def __init__(self) -> None:
        self._rows: dict[tuple[type[Model], str], OneRow] = {}

    def get(self, users: type[Model], pk: Any) -> Any:
        # Asked at each look-up, because a router may answer by tenant.
        alias = router.db_for_read(users)
        row = self._rows.get((users, alias))
        if row is None:
            found = users._default_manager.using(alias).filter(pk=pk).order_by()
            row = self._rows[users, alias] = OneRow(found)
        columns = row.fetch(users._meta.pk.get_db_prep_value(pk, connections[alias]))
        return None if columns is None else row.instance(users, columns, row.columns)

    async def aget(self, users: type[Model], pk: Any) -> Any:
        return await sync_to_async(self.get)(users, pk)


_by_pk = _ByPk()

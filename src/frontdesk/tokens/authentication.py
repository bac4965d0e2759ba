"""From what a program sends to the token and its user."""

from typing import Any

from django.contrib.auth import get_backends
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from frontdesk.core import clock, credentials, keys
from frontdesk.core.flow import Flow
from frontdesk.http.client import client_of
from frontdesk.http.middleware import user_from
from frontdesk.http.transport import bearer_in
from frontdesk.models import ApiToken
from frontdesk.tokens import rows
from frontdesk.tokens.info import TokenInfo, info_of, user_id_in


def authenticating(request: HttpRequest, text: str | None = None) -> Flow[TokenInfo | None]:
    """The flow of :func:`frontdesk.api_tokens.authenticate`."""
    text = bearer_in(request) if text is None else text
    key = credentials.key_in(credentials.API_TOKEN, text or "")
    if key is None:
        return None
    row, read_along = yield from rows.in_database(rows.find, key.id)
    now = clock.now()
    if row is None or not keys.same(row.secret, key.digest) or row.expires <= now:
        return None
    user = yield from _user_of(row, read_along)
    if user is None:
        return None
    if rows.is_worth_noting(row, client := client_of(request.META), now):
        yield from rows.in_database(rows.note_use, row, user, client, now)
    return info_of(row, user)


def _user_of(row: ApiToken, read_along: Any) -> Flow[Any]:
    user_id = user_id_in(row)
    for backend in get_backends():
        # A session knows the backend that its user came with. A token takes any that has users.
        if getattr(type(backend), "get_user", BaseBackend.get_user) is BaseBackend.get_user:
            continue
        user = yield from user_from(backend, user_id, read_along)
        if user is not None:
            return user if getattr(user, "is_active", True) else None
    return None

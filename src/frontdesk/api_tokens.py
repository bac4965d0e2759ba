"""API tokens: create, list and end them, and find out whose one is.

An API token lets a program act for a user, within scopes that ``FRONTDESK["API_SCOPES"]`` declares and until
it expires. Only views that ask for one accept it, see :func:`frontdesk.decorators.scope_required`.

Each function has an async twin, whose name starts with ``a``. All raise
:exc:`~frontdesk.errors.StorageUnavailable` when the database cannot answer.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import QuerySet
from django.http import HttpRequest

from frontdesk.conf import options
from frontdesk.core import clock, credentials, keys
from frontdesk.core.credentials import Credential
from frontdesk.core.flow import Flow, sync, twin
from frontdesk.core.keys import Key
from frontdesk.errors import ApiTokenLimitReached, UndeclaredScope
from frontdesk.models import ApiToken
from frontdesk.signals import Reason
from frontdesk.storages.rows import user_id_of
from frontdesk.tokens import rows
from frontdesk.tokens.authentication import authenticating
from frontdesk.tokens.info import TokenInfo, info_of, pk_for
from frontdesk.words.devices import printable

__all__ = [
    "MAX_PER_USER",
    "NAME_LENGTH",
    "TokenInfo",
    "aauthenticate",
    "acreate",
    "aend",
    "aend_all",
    "afor_user",
    "authenticate",
    "create",
    "end",
    "end_all",
    "for_user",
]

MAX_PER_USER: Final = 50
"""How many live tokens a user may have."""

NAME_LENGTH: Final = 100
"""How many characters the name of a token may have."""


@sync
def create(
    user: AbstractBaseUser,
    name: str,
    scopes: Collection[str] = (),
    age: timedelta | None = None,
) -> Flow[tuple[TokenInfo, Credential]]:
    """Create an API token of ``user``, and return what may be seen of it, and its text.

    The text is returned this once; only its SHA-256 is stored. ``age`` is how long the token lasts, by
    default ``FRONTDESK["API_TOKEN_AGE"]``. Raises :exc:`~frontdesk.errors.UndeclaredScope`,
    :exc:`~frontdesk.errors.ApiTokenLimitReached`, and ``ValueError`` for a name that is empty or too long, or
    an age that is not positive or longer than ``FRONTDESK["API_TOKEN_MAX_AGE"]``.
    """
    key, now = Key.new(), clock.now()
    row = ApiToken(
        id=key.id,
        secret=key.digest,
        user_id=pk_for(user_id_of(user)),
        name=_checked_name(name),
        scopes=" ".join(_checked_scopes(scopes)),
        created=now,
        expires=now + _checked_age(age),
    )
    if not (yield from rows.in_database(rows.insert, row, user, MAX_PER_USER)):
        raise ApiTokenLimitReached(
            f"{user.get_username()} has {MAX_PER_USER} API tokens. End one to create another."
        )
    return info_of(row, user), credentials.credential_of(credentials.API_TOKEN, key)


acreate: Final = twin(create)


def _checked_name(name: str) -> str:
    name = printable(name).strip()
    if not name or len(name) > NAME_LENGTH:
        raise ValueError(f"The name of an API token should have 1 to {NAME_LENGTH} characters.")
    return name


def _checked_scopes(scopes: Collection[str]) -> list[str]:
    if isinstance(scopes, str):
        raise TypeError(f"scopes should be a list of scopes, not the text {scopes!r}.")
    if unknown := sorted(set(scopes) - set(options().api_scopes)):
        raise UndeclaredScope(f"FRONTDESK['API_SCOPES'] does not have {', '.join(unknown)}.")
    return sorted(set(scopes))


def _checked_age(age: timedelta | None) -> int:
    longest = options().api_token_max_age
    if age is None:
        return min(options().api_token_age, longest)
    wanted = clock.from_timedelta(age)
    if not 0 < wanted <= longest:
        raise ValueError(
            f"An API token should last up to {timedelta(microseconds=longest)} "
            "(FRONTDESK['API_TOKEN_MAX_AGE'])."
        )
    return wanted


@sync
def for_user(user: AbstractBaseUser) -> Flow[list[TokenInfo]]:
    """Return the live tokens of ``user``, newest first: one query."""
    newest_first = _rows_of(user).order_by("-created", "-pk")
    found: list[ApiToken] = yield from rows.in_database(list, newest_first)
    return [info_of(row, user) for row in found]


afor_user: Final = twin(for_user)


def _rows_of(user: AbstractBaseUser) -> QuerySet[ApiToken]:
    return rows.live_rows().filter(user_id=pk_for(user_id_of(user)))


@sync
def end(user: AbstractBaseUser, token_id: str, *, reason: Reason = Reason.REVOKED) -> Flow[bool]:
    """End one token of ``user`` at once, and return ``True``; ``False`` for no live token of ``user``.

    Any text may be given as an id. The token of another user is never ended (OWASP ASVS 8.2.2).
    """
    if not keys.is_id(token_id):
        return False
    token = _rows_of(user).filter(pk=token_id)
    return bool((yield from rows.in_database(rows.end, token, reason, user)))


aend: Final = twin(end)


@sync
def end_all(user: AbstractBaseUser, *, reason: Reason = Reason.REVOKED) -> Flow[int]:
    """End all tokens of ``user`` at once, and return how many."""
    return (yield from rows.in_database(rows.end_all_of, user_id_of(user), reason, user))


aend_all: Final = twin(end_all)


@sync
def authenticate(request: HttpRequest, text: str | None = None) -> Flow[TokenInfo | None]:
    """Return the live token that ``request`` sends, with its ``user``; ``None`` if it sends none.

    ``text`` is what was sent if it is not in ``Authorization: Bearer``. Any text may be given; one with a
    wrong checksum never reaches the database. One query reads the token and its user. One UPDATE notes the
    use, at most once a minute. A user who is not active, or whom no authentication backend returns, has no
    token.
    """
    return authenticating(request, text)


aauthenticate: Final = twin(authenticate)

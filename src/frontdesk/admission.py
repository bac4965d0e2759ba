"""A limit to the sessions of a user, held at each sign-in (OWASP ASVS 7.1.2).

The sign-in is stored at once, and then the storage ends who is beyond the limit: the least recently
active, or the one that has just come. Deciding after the fact, one after the other, needs no guess of how
many others are about to sign in.
"""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import connections, router
from django.http import HttpRequest
from django.utils.translation import gettext as _

from frontdesk import conf
from frontdesk.asking import asked
from frontdesk.conf import options
from frontdesk.drive import Flow, run
from frontdesk.errors import InvalidSetting, SessionLimitReached
from frontdesk.session import Session
from frontdesk.signals import End, Reason, told_ends
from frontdesk.user_ids import user_id_of


def hold_to_limit(request: HttpRequest, user: AbstractBaseUser, **_kwargs: Any) -> None:
    """Receive ``user_logged_in``. Raises :exc:`~frontdesk.errors.SessionLimitReached`."""
    limit = limit_for(user)
    session = getattr(request, "session", None)
    if limit is None or not isinstance(session, Session):
        return
    _hold(user)
    if run(_admitted(session, user, limit)):
        return
    _forget_user(request)
    raise SessionLimitReached(
        _(
            "You are signed in on as many devices as is allowed. Sign out on one of them, and try again."
        )
    )


def _hold(user: AbstractBaseUser) -> None:
    """Let the sign-ins of ``user`` come one by one where each view is a transaction (ATOMIC_REQUESTS).

    What others have stored there, and not yet committed, cannot be counted. So the user's row is a gate
    that opens when the view before is done.
    """
    users: Any = type(user)._base_manager
    alias = router.db_for_write(type(user))
    connection = connections[alias]
    if connection.in_atomic_block and connection.features.has_select_for_update:
        list(users.using(alias).select_for_update().filter(pk=user.pk).values_list("pk"))


def _forget_user(request: HttpRequest) -> None:
    """Undo what ``login()`` has told the request; Django 6.1 tells both colours."""

    async def nobody() -> AnonymousUser:
        return AnonymousUser()

    request.user = AnonymousUser()
    request.auser = nobody


def limit_for(user: AbstractBaseUser) -> int | None:
    """Return how many sessions ``user`` may have. Raises ``InvalidSetting`` for a function's nonsense."""
    limit = options().max_sessions_per_user
    if callable(limit):
        limit = limit(user)
        if not conf.is_limit(limit):
            raise InvalidSetting(
                f"The function in FRONTDESK['MAX_SESSIONS_PER_USER'] returned {limit!r} for {user!r}; "
                "it should return a whole number, 1 or more, or None for no limit."
            )
    return limit


def _admitted(session: Session, user: AbstractBaseUser, limit: int) -> Flow[bool]:
    """Store the sign-in and hold its user to ``limit``; return whether the sign-in stands."""
    yield from session.saved()
    own, user_id = session.session_id, user_id_of(user)
    refuse = options().at_max_sessions == "refuse"
    among = [own] if refuse else None
    ended = yield from asked(session.storage, "remove_beyond", user_id, limit, among)
    yield from told_ends(session.storage, [End(digest, user_id, Reason.LIMIT) for digest in ended])
    if refuse and own in ended:
        yield from session.flushed()
        return False
    return True

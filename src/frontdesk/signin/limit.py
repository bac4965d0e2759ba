"""``MAX_SESSIONS_PER_USER``: how many sessions a user may have at once (OWASP ASVS 7.1.2).

The sessions beyond the maximum end once a sign-in is stored and committed. Of several sign-ins at the same
moment, the last one to be stored sees all others, and each of them puts the sessions in the same order. So
none needs a lock, and as many sessions stay as are allowed.

With ``AT_MAX_SESSIONS = "refuse"``, a sign-in that finds no room is refused before it is stored. The rule
above then only applies to sign-ins at the same moment: the first ones stay.

A session in which staff act as the user, see :func:`frontdesk.words.methods.is_impersonated`, does not
count. It ends no other session either.
"""

from functools import partial
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.utils.translation import gettext

from frontdesk import conf
from frontdesk.conf import options
from frontdesk.core import clock, policy
from frontdesk.core.flow import Flow, run, sync, twin
from frontdesk.core.record import Record
from frontdesk.errors import InvalidSetting, SessionLimitReached
from frontdesk.http import values
from frontdesk.http.middleware import set_user
from frontdesk.http.session import SessionStore
from frontdesk.http.values import serializer_in_force
from frontdesk.sessions import info_of
from frontdesk.signals import Reason, ends_of, notify_ends
from frontdesk.storages.base import Storage
from frontdesk.storages.rows import user_id_of
from frontdesk.words.methods import IMPERSONATION_KEYS, is_impersonated


def listen() -> None:
    """Connect the receiver. Receivers that note sign-ins come after it, because it may refuse one."""
    user_logged_in.connect(hold_to_maximum, dispatch_uid="frontdesk.limit")


def hold_to_maximum(request: HttpRequest, user: AbstractBaseUser, **_kwargs: Any) -> None:
    """Receive ``user_logged_in``. Raises :exc:`~frontdesk.errors.SessionLimitReached`."""
    session = getattr(request, "session", None)
    # Some packages send the signal for a token, which is no session.
    if not isinstance(session, SessionStore) or not session.signing_in:
        return
    user_id = user_id_of(user)
    if session.record is not None and session.record.user_id == user_id:
        return  # The user signs in again, which makes no further session.
    maximum = maximum_for(user, request)
    if maximum is None:
        return
    if options().at_max_sessions == "refuse":
        found = run(_counted(session.storage, user_id))
        if len(found) >= maximum:
            session.undo_sign_in()
            set_user(request, AnonymousUser())
            raise _refusal(session.storage, user_id, maximum, found)
    session.when_signed_in(partial(_hold, session, user_id, maximum))


def maximum_for(user: AbstractBaseUser, request: HttpRequest) -> int | None:
    """Return how many sessions ``user`` may have; ``None`` for any number.

    Raises :exc:`~frontdesk.errors.InvalidSetting` if the project's function returns something else.
    """
    maximum = options().max_sessions_per_user
    if callable(maximum):
        maximum = maximum(user, request)
        if not conf.is_limit(maximum):
            raise InvalidSetting(
                f"The function in FRONTDESK['MAX_SESSIONS_PER_USER'] returned {maximum!r} for {user!r}. "
                "It should return a whole number, 1 or more, or None for no limit."
            )
    return maximum


def _hold(session: SessionStore, user_id: str, maximum: int) -> None:
    """End what is beyond ``maximum`` once the sign-in is committed.

    Not before: in a transaction, sign-ins in other ones cannot be seen, and ending a session that another
    transaction is about to end could be a deadlock.
    """
    storage, own = session.storage, session.session_id
    storage.after_commit(lambda: run(_ending_surplus(storage, own, user_id, maximum)))


def _ending_surplus(storage: Storage, own: str | None, user_id: str, maximum: int) -> Flow[None]:
    found = yield from _counted(storage, user_id)
    if own not in {each.id for each in found}:
        return
    if options().at_max_sessions == "refuse":
        order = sorted(found, key=_sign_in)
    else:
        order = _newest_then_last_used(found)
    yield from _end(storage, user_id, order[maximum:])


def _newest_then_last_used(found: list[Record]) -> list[Record]:
    """Return the newest sign-in, which always stays, and then the others, most recently used first.

    A session that is used all the time must not keep its user from signing in. A time in the future,
    written by a server whose clock is ahead, makes no sign-in newer and no session more recently used.
    """
    now = clock.now()
    past = [each for each in found if _sign_in(each)[0] <= now] or found
    newest = max(past, key=_sign_in)
    others = [each for each in found if each is not newest]
    return [newest, *_last_used_first(others, now)]


def _last_used_first(found: list[Record], now: int) -> list[Record]:
    return sorted(found, key=lambda each: (min(each.last_seen, now), each.id), reverse=True)


def _sign_in(each: Record) -> tuple[int, str]:
    return each.authenticated or each.created, each.id


def _counted(storage: Storage, user_id: str) -> Flow[list[Record]]:
    """Return the live sessions of a user, without those in which staff act as the user."""
    found = yield from storage.of_user(user_id)
    now, limits, serializer = clock.now(), options().limits, serializer_in_force()
    return [
        each
        for each in found
        if policy.is_alive(each, limits, now)
        and not is_impersonated(values.decode_some(each.values, IMPERSONATION_KEYS, serializer))
    ]


def _end(storage: Storage, user_id: str, surplus: list[Record]) -> Flow[int]:
    if not surplus:
        return 0
    ended = yield from storage.end([each.id for each in surplus], user_id, surplus)
    yield from notify_ends(storage, ends_of(ended, Reason.LIMIT))
    return len(ended)


def _refusal(
    storage: Storage, user_id: str, maximum: int, found: list[Record]
) -> SessionLimitReached:
    @sync
    def make_room() -> Flow[int]:
        current = yield from _counted(storage, user_id)
        surplus = _last_used_first(current, clock.now())[maximum - 1 :]
        return (yield from _end(storage, user_id, surplus))

    surplus = _last_used_first(found, clock.now())[maximum - 1 :]
    serializer = serializer_in_force()
    return SessionLimitReached(
        gettext(
            "You are signed in on as many devices as are allowed. Sign out on one of them, and try again."
        ),
        [info_of(each, serializer) for each in surplus],
        make_room,
        twin(make_room),
    )

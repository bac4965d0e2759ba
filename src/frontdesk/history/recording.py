"""What is written into the history, by receivers of signals.

Each writes at most one statement, none while ``HISTORY_RETENTION`` is ``None``, and never raises. The
purge is the exception: it takes two statements a batch, and with ``None`` it deletes what is still there.
What a view writes in a transaction that it then rolls back is gone with it, a failed try too.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest
from django.utils.translation import get_language

from frontdesk import clock, history, new_device
from frontdesk.client import NOBODY, client_of
from frontdesk.conf import options
from frontdesk.history_rows import Row
from frontdesk.methods import methods_of
from frontdesk.models.history import What
from frontdesk.session import Session
from frontdesk.signals import (
    End,
    Reason,
    expired_cleared,
    sessions_ended,
    user_reauthenticated,
)
from frontdesk.user_ids import key_of, user_id_of

UID = "frontdesk.recording"

METHODS = 3
"""So many are kept; each has at most 80 characters, and nobody signs in with more factors than there are."""


def listen() -> None:
    """Connect the receivers below."""
    user_logged_in.connect(signed_in, dispatch_uid=UID)
    user_login_failed.connect(failed, dispatch_uid=UID)
    user_reauthenticated.connect(reauthenticated, dispatch_uid=UID)
    sessions_ended.connect(ended, dispatch_uid=UID)
    expired_cleared.connect(purged_too, dispatch_uid=UID)
    post_save.connect(user_saved, sender=get_user_model(), dispatch_uid=UID)
    post_delete.connect(user_deleted, sender=get_user_model(), dispatch_uid=UID)


def signed_in(request: Any, user: AbstractBaseUser, **_kwargs: Any) -> None:
    """Receive ``user_logged_in``."""
    _once_stored(What.SIGNED_IN, request, user)


def reauthenticated(request: HttpRequest, user: AbstractBaseUser, **_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.user_reauthenticated`."""
    _once_stored(What.REENTERED, request, user)


def _once_stored(what: What, request: Any, user: AbstractBaseUser) -> None:
    """Write when the session is stored: then it has its id, and how the person signed in is known."""
    if options().history_retention is None or user.pk is None:
        return
    write = partial(_write, what, request, user, clock.now(), get_language())
    session = getattr(request, "session", None)
    if isinstance(session, Session):
        session.when_signed_in(write)
    else:
        write()


def _write(what: What, request: Any, user: AbstractBaseUser, at: int, language: str | None) -> None:
    with history.undisturbed():
        facts = _session_facts(request, user)
        client = client_of(_meta(request))
        entry = history.remember(Row(what.value, at, user.pk, **facts, **client._asdict()))
        if what is What.SIGNED_IN and options().new_device_mail:
            tell = partial(new_device.tell, entry, request, user, language)
            transaction.on_commit(tell, using=entry._state.db)


def _session_facts(request: Any, user: AbstractBaseUser) -> dict[str, str]:
    """Return what the session tells of a sign-in, unless that leaves it alone, as one for a token does."""
    session = getattr(request, "session", None)
    if session is None or (isinstance(session, Session) and not session.signed_in):
        return {}
    if session.get(SESSION_KEY) != user_id_of(user):
        return {}
    return {
        "session_id": (isinstance(session, Session) and session.session_id) or "",
        "methods": " ".join(methods_of(dict(session.items()))[:METHODS]),
    }


def failed(credentials: Mapping[str, Any], request: Any = None, **_kwargs: Any) -> None:
    """Receive ``user_login_failed``. Does the same whether or not there is such a user."""
    if options().history_retention is None:
        return
    name = credentials.get("username", credentials.get(get_user_model().USERNAME_FIELD))
    with history.undisturbed():
        hashed = "" if name is None else history.hashes_of(name)[0]
        client = client_of(_meta(request))
        history.remember(Row(What.FAILED.value, clock.now(), name_hash=hashed, **client._asdict()))


def ended(ends: Sequence[End], **_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.sessions_ended`. Whose session nobody's was, is nobody's history."""
    if options().history_retention is None:
        return
    now, oldest = clock.now(), history.oldest()
    what = What.ENDED.value
    rows = [
        Row(what, at, user_id, "", end.session_id, str(end.reason), "", *(end.client or NOBODY))
        for end in ends
        if end.reason is not Reason.USER_GONE
        and (user_id := key_of(end.user_id)) is not None
        and (at := now if end.at is None else end.at) >= oldest
    ]
    if rows:
        with history.undisturbed():
            history.remember_all(rows)


def user_saved(
    instance: AbstractBaseUser,
    created: bool,
    raw: bool,
    update_fields: frozenset[str] | None,
    **_kwargs: Any,
) -> None:
    """Receive ``post_save`` of the user model: a new password, whoever set it, be it by a command.

    ``set_password()`` keeps the new one until it is saved, for the validators. When it only hashes the old
    password anew, it does not, and that is no change.
    """
    if created or raw or getattr(instance, "_password", None) is None:
        return
    if update_fields is not None and "password" not in update_fields:
        return
    if options().history_retention is not None:
        with history.undisturbed():
            history.remember(Row(What.PASSWORD.value, clock.now(), instance.pk))


def user_deleted(instance: AbstractBaseUser, using: str, **_kwargs: Any) -> None:
    """Receive ``post_delete`` of the user model: what is remembered of a person goes with them."""
    if options().history_retention is None:
        return
    # The key is taken now, as Django clears it from the instance before the transaction is over.
    forget = partial(_forget, instance.pk, instance.get_username())
    transaction.on_commit(forget, using=using)


def _forget(user_id: Any, name: object) -> None:
    with history.undisturbed():
        history.forgotten(user_id, name)


def purged_too(**_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.expired_cleared`: who purges the sessions purges the history."""
    with history.undisturbed():
        while history.purge():
            pass


def _meta(request: Any) -> Mapping[str, Any]:
    meta = getattr(request, "META", None)
    return meta if isinstance(meta, Mapping) else {}

"""Writes the history, by receivers of signals.

Everything is written after the commit. So what a view does in a transaction that is rolled back is not in the
history, and a history that cannot be written does not break the transaction. Each entry is one INSERT. The
second and later failed attempts with a name within :data:`PERIOD` are one UPDATE each, of one row.

Nothing is written while ``HISTORY_RETENTION`` is ``None``. Failed attempts and new passwords are only
written during a request, not by scripts.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import IntegrityError, router, transaction
from django.db.models import F
from django.db.models.signals import post_save
from django.http import HttpRequest
from django.utils.translation import get_language

from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.errors import StorageUnavailable
from frontdesk.history import forget_all, hashes_of, mail, oldest, purge, rows_to_write
from frontdesk.http.changes import user_in
from frontdesk.http.client import client_of
from frontdesk.http.middleware import current_request
from frontdesk.http.session import SessionStore
from frontdesk.models import HistoryEntry, What
from frontdesk.signals import (
    End,
    Reason,
    api_token_created,
    api_token_ended,
    api_token_used_from_new_network,
    expired_purged,
    sessions_ended,
    user_reauthenticated,
)
from frontdesk.signin import throttle
from frontdesk.signin.deleted import Deleted, users_deleted
from frontdesk.signin.names import name_in
from frontdesk.storages.outage import Outage
from frontdesk.storages.rows import pk_of_id, user_id_of
from frontdesk.tokens.info import TokenInfo
from frontdesk.words.methods import methods_of

UID: Final = "frontdesk.recording"

METHODS: Final = 3
"""How many methods of a sign-in are kept. Each has at most 80 characters."""

PERIOD: Final = 15 * clock.MINUTE

outage: Outage = Outage(
    "The sign-in history", "Users sign in and out as usual, and this is not recorded."
)


def listen() -> None:
    """Connect the receivers below."""
    user_logged_in.connect(signed_in, dispatch_uid=UID)
    user_login_failed.connect(failed, dispatch_uid=UID)
    user_reauthenticated.connect(reauthenticated, dispatch_uid=UID)
    sessions_ended.connect(ended, dispatch_uid=UID)
    api_token_created.connect(token_created, dispatch_uid=UID)
    api_token_ended.connect(token_ended, dispatch_uid=UID)
    api_token_used_from_new_network.connect(token_used_from_new_network, dispatch_uid=UID)
    expired_purged.connect(purge_history, dispatch_uid=UID)
    users_deleted.connect(forget_users, dispatch_uid=UID)
    post_save.connect(user_saved, sender=get_user_model(), dispatch_uid=UID)


def signed_in(request: Any, user: AbstractBaseUser, **_kwargs: Any) -> None:
    """Receive ``user_logged_in``."""
    _record_once_stored(What.SIGNED_IN, request, user)


def reauthenticated(request: HttpRequest, user: AbstractBaseUser, **_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.user_reauthenticated`."""
    _record_once_stored(What.REAUTHENTICATED, request, user)


def _record_once_stored(what: What, request: Any, user: AbstractBaseUser) -> None:
    """Write the entry when the session is stored, and so has its id and the values of other packages."""
    if options().history_retention is None or user.pk is None:
        return
    record = partial(_record, what, request, user, clock.now(), get_language())
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore):
        session.when_signed_in(record)
    else:
        record()


def _record(
    what: What, request: Any, user: AbstractBaseUser, at: int, language: str | None
) -> None:
    facts = {**_session_facts(request, user), **client_of(_meta(request))._asdict()}
    entry = HistoryEntry(what=what, at=at, user_id=user.pk, **facts)

    def write() -> None:
        _insert([entry])
        if what is What.SIGNED_IN and options().new_device_mail:
            mail.tell(entry, request, user, language)

    _after_commit(write)


def _session_facts(request: Any, user: AbstractBaseUser) -> dict[str, str]:
    """Return what the session says about a sign-in. One for a token leaves the session alone."""
    session = getattr(request, "session", None)
    ours = isinstance(session, SessionStore)
    if session is None or (ours and not session.signed_in):
        return {}
    if user_in(session) != user_id_of(user):
        return {}
    return {
        "session_id": (ours and session.session_id) or "",
        "methods": " ".join(methods_of(dict(session.items()))[:METHODS]),
    }


def failed(credentials: Mapping[str, Any], request: Any = None, **_kwargs: Any) -> None:
    """Receive ``user_login_failed``. Does the same whether or not there is such a user."""
    request = request or current_request()
    if request is None or options().history_retention is None:
        return
    name = name_in(credentials)
    hashed = hashes_of(name)[0] if name else ""
    client = client_of(_meta(request))._asdict()
    # A network that was refused gets no rows by inventing names.
    new_row = throttle.retry_after(request) is None
    _after_commit(partial(_count_failure, hashed, clock.now(), client, new_row))


def _count_failure(name_hash: str, now: int, client: Mapping[str, str], new_row: bool) -> None:
    rows, period = rows_to_write(), now // PERIOD
    same = rows.filter(name_hash=name_hash, period=period)
    more = {"count": F("count") + 1, "until": now, **client}
    if same.update(**more) or not new_row:
        return
    try:
        rows.create(
            what=What.FAILED, at=now, until=now, name_hash=name_hash, period=period, **client
        )
    except IntegrityError:  # another attempt at the same moment was the first one
        same.update(**more)


def ended(ends: Sequence[End], **_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.sessions_ended`. Sessions without a user have no history."""
    if options().history_retention is None:
        return
    entries = [entry for end in ends if (entry := _entry_about(end)) is not None]
    if entries:
        _after_commit(partial(_insert, entries))


def _entry_about(end: End) -> HistoryEntry | None:
    at = clock.now() if end.at is None else end.at
    pk = pk_of_id(end.user_id)
    if pk is None or end.reason is Reason.USER_GONE or at < oldest():
        return None
    return HistoryEntry(
        what=What.ENDED,
        at=at,
        user_id=pk,
        session_id=end.session_id,
        reason=end.reason,
        ip=end.ip,
        user_agent=end.user_agent,
    )


def user_saved(
    instance: AbstractBaseUser,
    created: bool,
    raw: bool,
    update_fields: frozenset[str] | None,
    **_kwargs: Any,
) -> None:
    """Receive ``post_save`` of the user model: a new password that was set during a request.

    ``set_password()`` keeps the new password until it is saved, for the validators. When Django only
    upgrades the hash, it does not.
    """
    if created or raw or getattr(instance, "_password", None) is None:
        return
    if update_fields is not None and "password" not in update_fields:
        return
    request = current_request()
    if request is None or options().history_retention is None:
        return
    entry = HistoryEntry(
        what=What.PASSWORD,
        at=clock.now(),
        user_id=instance.pk,
        **_client_of_user(request, user_id_of(instance)),
    )
    _after_commit(partial(_insert, [entry]))


def _client_of_user(request: HttpRequest | None, user_id: str) -> dict[str, str]:
    """Return the address and the browser of ``request``, unless another user makes it: staff, perhaps."""
    session = getattr(request, "session", None)
    if request is None or session is None or not session.accessed:
        return {}
    if user_in(session) not in {None, user_id}:
        return {}
    return client_of(request.META)._asdict()


def token_created(token: TokenInfo, **_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.api_token_created`."""
    client = _client_of_user(current_request(), token.user_id)
    _record_token(What.TOKEN_CREATED, token, at=clock.now(), **client)


def token_ended(token: TokenInfo, reason: Reason, **_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.api_token_ended`."""
    if reason is Reason.USER_GONE:
        return
    if reason is Reason.EXPIRED:
        at, client = clock.from_datetime(token.expires), {}
    else:
        at, client = clock.now(), _client_of_user(current_request(), token.user_id)
    _record_token(What.TOKEN_ENDED, token, at=at, reason=reason, **client)


def token_used_from_new_network(token: TokenInfo, ip: str, user_agent: str, **_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.api_token_used_from_new_network`."""
    _record_token(What.TOKEN_NETWORK, token, at=clock.now(), ip=ip, user_agent=user_agent)


def _record_token(what: What, token: TokenInfo, at: int, **facts: Any) -> None:
    pk = pk_of_id(token.user_id)
    if options().history_retention is None or pk is None or at < oldest():
        return
    facts |= {"token_id": token.id, "token_name": token.name}
    _after_commit(partial(_insert, [HistoryEntry(what=what, at=at, user_id=pk, **facts)]))


def forget_users(users: Sequence[Deleted], **_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signin.deleted.users_deleted`: their history goes, too."""
    if options().history_retention is None:
        return
    names = [name for user in users for name in user.names]
    _attempt(partial(forget_all, [user.pk for user in users], names))


def purge_history(**_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.expired_purged`: a purge of the sessions purges the history, too."""

    def purge_all() -> None:
        while purge():
            pass

    _attempt(purge_all)


def _insert(entries: Sequence[HistoryEntry]) -> None:
    alias = router.db_for_write(HistoryEntry)
    if len(entries) == 1:  # bulk_create() would begin a transaction
        entries[0].save(using=alias, force_insert=True)
    else:
        HistoryEntry.objects.using(alias).bulk_create(entries)


def _after_commit(write: Callable[[], Any]) -> None:
    """Call ``write`` once no transaction in the history's database can undo what it records."""
    alias = router.db_for_write(HistoryEntry)
    transaction.on_commit(partial(_attempt, write), using=alias)


def _attempt(write: Callable[[], Any]) -> None:
    """Call ``write``. A failure is logged. Users sign in and out all the same."""
    began = time.monotonic()
    try:
        outage.check()
        write()
    except StorageUnavailable:
        pass  # The database hung a moment ago. It must not keep every sign-in waiting.
    except Exception as error:  # noqa: BLE001 (see above)
        outage.failed(error, began)
    else:
        if outage.open:
            outage.answered()


def _meta(request: Any) -> Mapping[str, Any]:
    meta = getattr(request, "META", None)
    return meta if isinstance(meta, Mapping) else {}

"""The sign-in history of users: sign-ins, failed attempts, new passwords, ends of sessions, API tokens.

Signing in and out does not depend on it: a history that cannot be written is logged.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import router
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, ngettext

from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.core.flow import Flow, blocking, sync, twin
from frontdesk.models import HistoryEntry, What
from frontdesk.signals import Reason
from frontdesk.signin.names import LONGEST, keyed_hashes, names_of
from frontdesk.storages.rows import delete_some
from frontdesk.words.devices import device_in_words
from frontdesk.words.methods import methods_in_words
from frontdesk.words.places import place_of

__all__ = ["Entry", "aforget", "apurge", "arecent", "forget", "purge", "recent"]

BATCH: Final = 1000

ENDINGS: Final[dict[str, Promise]] = {
    Reason.LOGOUT: gettext_lazy("Signed out"),
    Reason.REVOKED: gettext_lazy("Session ended by the user"),
    Reason.REVOKED_BY_STAFF: gettext_lazy("Session ended by staff"),
    Reason.PASSWORD_CHANGE: gettext_lazy("Session ended because the password was changed"),
    Reason.IDLE: gettext_lazy("Session ended because it was not used"),
    Reason.ABSOLUTE: gettext_lazy("Session ended because the sign-in was too long ago"),
    Reason.LIMIT: gettext_lazy("Session ended because of too many sessions"),
    Reason.USER_GONE: gettext_lazy("Session ended because the user was deleted"),
}

TOKEN_ENDINGS: Final[dict[str, Promise]] = {
    Reason.REVOKED: gettext_lazy("API token “%(name)s” ended by the user"),
    Reason.REVOKED_BY_STAFF: gettext_lazy("API token “%(name)s” ended by staff"),
    Reason.PASSWORD_CHANGE: gettext_lazy(
        "API token “%(name)s” ended because the password was changed"
    ),
    Reason.EXPIRED: gettext_lazy("API token “%(name)s” expired"),
}

TOKENS: Final = {
    What.TOKEN_CREATED: gettext_lazy("API token “%(name)s” created"),
    What.TOKEN_NETWORK: gettext_lazy("First use of the API token “%(name)s” from this network"),
    What.TOKEN_ENDED: gettext_lazy("API token “%(name)s” ended"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the history. Times are aware, in UTC."""

    what: What
    at: datetime
    until: datetime
    """When it last happened: later than ``at`` only for several failed attempts."""
    count: int
    """How often it happened: more than once only for failed attempts."""
    reason: str
    """Why a session or an API token ended, a value of :class:`~frontdesk.signals.Reason`; otherwise empty."""
    session_id: str
    """The public id of the session; empty without one."""
    methods: tuple[str, ...]
    """How the user signed in, see :func:`frontdesk.words.methods.methods_of`."""
    ip: str
    """The address, of several failed attempts that of the last one; empty if unknown."""
    user_agent: str
    token_id: str = ""
    """The public id of the API token; empty without one."""
    token_name: str = ""

    @property
    def in_words(self) -> str:
        """What happened, in the active language."""
        if self.what is What.FAILED and self.count > 1:
            words = ngettext(
                "%(count)d failed sign-in attempt", "%(count)d failed sign-in attempts", self.count
            )
            return words % {"count": self.count}
        if self.what is What.SIGNED_IN:
            return self._sign_in_in_words()
        if self.what is What.ENDED:
            return str(ENDINGS.get(self.reason) or self.what.label)
        if self.what in TOKENS:
            said = TOKEN_ENDINGS.get(self.reason) or TOKENS[self.what]
            return str(said) % {"name": self.token_name}
        return str(self.what.label)

    def _sign_in_in_words(self) -> str:
        if not self.methods:
            return gettext("Signed in")
        if "impersonation" in self.methods:
            return gettext("Staff signed in as the user")
        return gettext("Signed in with %(methods)s") % {"methods": methods_in_words(self.methods)}

    @property
    def device(self) -> str:
        """The browser and its system in the active language; empty if unknown."""
        return device_in_words(self.user_agent) if self.user_agent else ""

    @property
    def place(self) -> str:
        """The approximate place of the address, empty if unknown."""
        return place_of(self.ip)


@sync
def recent(user: AbstractBaseUser, limit: int = 20) -> Flow[list[Entry]]:
    """Return up to ``limit`` entries of ``user``, newest first: one query.

    Failed attempts are those with the name or the e-mail address of the user. They take at most half of the
    list while there are other entries, so a stranger cannot push these out by failing often. Entries older
    than ``HISTORY_RETENTION`` are not returned, even if they were not purged yet.
    """
    if options().history_retention is None or limit <= 0:
        return []
    rows = yield blocking(_newest, user, limit)
    failed = [row for row in rows if row.what == What.FAILED]
    others = [row for row in rows if row.what != What.FAILED]
    failed = failed[: max(limit // 2, limit - len(others))]
    others = others[: limit - len(failed)]
    entries = [entry_of(row) for row in others + failed]
    return sorted(entries, key=lambda entry: entry.until, reverse=True)


arecent: Final = twin(recent)


@sync
def purge(limit: int = BATCH) -> Flow[int]:
    """Delete up to ``limit`` entries older than ``HISTORY_RETENTION``, and return how many went.

    With ``HISTORY_RETENTION = None``, all entries go. Several processes may do this at once.
    """
    too_old = rows_to_write().filter(at__lt=oldest()).order_by("at")
    gone: int = yield blocking(delete_some, too_old, limit)
    return gone


apurge: Final = twin(purge)


@sync
def forget(user: AbstractBaseUser) -> Flow[int]:
    """Delete the history of ``user``, failed attempts included, and return how many entries went."""
    gone: int = yield blocking(forget_all, [user.pk], names_of(user))
    return gone


aforget: Final = twin(forget)


# For the modules of this package and for the pages of staff.


def forget_all(pks: Iterable[Any], names: Iterable[str]) -> int:
    """Delete the history of users, given by their primary keys and their names: one statement."""
    theirs = Q(user__in=list(pks)) | Q(name_hash__in=hashes_of(*names))
    return rows_to_write().filter(theirs).delete()[0]


def entry_of(row: HistoryEntry) -> Entry:
    """Return ``row`` as pages and programs see it."""
    return Entry(
        what=What(row.what),
        at=clock.to_datetime(row.at),
        until=clock.to_datetime(row.at if row.until is None else row.until),
        count=row.count,
        reason=row.reason,
        session_id=row.session_id,
        token_id=row.token_id,
        token_name=row.token_name,
        methods=tuple(row.methods.split()),
        ip=row.ip,
        user_agent=row.user_agent,
    )


def oldest() -> int:
    """Return the time before which nothing is remembered."""
    return clock.now() - (options().history_retention or 0)


def rows_to_write() -> QuerySet[HistoryEntry]:
    """Return the rows in the database that the routers choose."""
    return HistoryEntry.objects.using(router.db_for_write(HistoryEntry))


def hashes_of(*names: object) -> list[str]:
    """Return the hashes of user names or e-mail addresses, as failed attempts have them.

    Each name with the project's secret, and with each of ``SECRET_KEY_FALLBACKS``.
    """
    return [each for name in names for each in keyed_hashes("frontdesk.history", _normalized(name))]


def _normalized(name: object) -> str:
    # As Django's forms and managers do. Upper and lower case of a user name stay apart, because "Ada" may be
    # another user than "ada". Of e-mail addresses they do not, because most sites ignore case there.
    text: str = get_user_model().normalize_username(str(name)[:LONGEST])
    return text.lower() if "@" in text else text


def _newest(user: AbstractBaseUser, limit: int) -> list[HistoryEntry]:
    """Return the newest entries of the user and the newest failed attempts, ``limit`` of each.

    Each part follows an index, which an OR would not. Django cannot write a union of limited queries for
    SQLite, which wants each in brackets.
    """
    alias = router.db_for_read(HistoryEntry)
    kept = HistoryEntry.objects.using(alias).filter(at__gte=oldest())
    parts = [
        kept.filter(user=user.pk).order_by("-at"),
        kept.filter(name_hash__in=hashes_of(*names_of(user) or [""])).order_by("-period"),
    ]
    compiled = [part[:limit].query.get_compiler(alias).as_sql() for part in parts]
    # SQL that Django wrote. The parameters are apart.
    union = " UNION ALL ".join(f"SELECT * FROM ({sql}) AS part" for sql, _ in compiled)  # noqa: S608
    params = [param for _, given in compiled for param in given]
    return list(HistoryEntry.objects.using(alias).raw(union, params))

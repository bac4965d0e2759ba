"""The history of a person: sign-ins, failed tries, re-entries and new passwords, and ends of sessions.

What is written, and when, is in :mod:`frontdesk.recording`. Nothing here is needed to sign in or out: a
history that cannot be kept is logged, and people come and go as ever.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext, gettext_lazy

from frontdesk import clock
from frontdesk.conf import options
from frontdesk.devices import device_in_words
from frontdesk.drive import hop
from frontdesk.history_rows import Row, insert_into
from frontdesk.methods import methods_in_words
from frontdesk.models.history import HistoryEntry, What
from frontdesk.outage import HISTORY, Incident
from frontdesk.places import place_of
from frontdesk.signals import Reason

BATCH = 1000

NAME_LENGTH = 1024
"""So much of a name that somebody typed is hashed, in characters."""

incident = Incident(HISTORY)

ENDINGS = {
    Reason.LOGOUT: gettext_lazy("Signed out"),
    Reason.REVOKED: gettext_lazy("Ended by you"),
    Reason.REVOKED_BY_STAFF: gettext_lazy("Ended by the staff of this site"),
    Reason.PASSWORD_CHANGE: gettext_lazy("Ended because the password was changed"),
    Reason.IDLE: gettext_lazy("Ended after a long time without use"),
    Reason.ABSOLUTE: gettext_lazy("Ended because its time was over"),
    Reason.LIMIT: gettext_lazy("Ended because of too many devices"),
    Reason.USER_GONE: gettext_lazy("Ended with the account"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the history, for people and programs."""

    what: What
    at: datetime
    """Aware, in UTC."""
    reason: str
    """Why a session ended, a value of :class:`~frontdesk.signals.Reason`; empty for what is no end."""
    session_id: str
    """The session's id then, empty if there was none. It gets another one with each sign-in and re-entry."""
    methods: tuple[str, ...]
    """How somebody signed in, see :func:`frontdesk.methods.methods_of`."""
    ip: str
    user_agent: str

    @property
    def in_words(self) -> str:
        """What happened, in the active language."""
        if self.what is What.FAILED:
            return gettext("Failed try to sign in")
        if self.what is What.REENTERED:
            return gettext("Entered the password again")
        if self.what is What.PASSWORD:
            return gettext("The password was changed")
        if self.what is What.ENDED:
            return str(ENDINGS[Reason(self.reason)] if self.reason in ENDINGS else gettext("Ended"))
        if not self.methods:
            return gettext("Signed in")
        return gettext("Signed in with %(methods)s") % {"methods": methods_in_words(self.methods)}

    @property
    def device(self) -> str:
        """Browser and system in the active language; empty if nothing is known of them."""
        return device_in_words(self.user_agent) if self.user_agent else ""

    @property
    def place(self) -> str:
        """The approximate place, if the project can look it up; see :func:`frontdesk.places.place_of`."""
        return place_of(self.ip)


# --- reading ------------------------------------------------------------------------------------------


def recent(user: AbstractBaseUser, limit: int = 20) -> list[Entry]:
    """Return up to ``limit`` entries of ``user``, newest first: one query.

    Failed tries are those with this user's name, and at most half of the list while there is more to
    tell: whoever got in cannot push that out of sight by failing often. Entries that are older than
    ``HISTORY_RETENTION`` are not returned, be they purged or not.
    """
    if options().history_retention is None or limit <= 0:
        return []
    rows = list(_rows(user, limit))
    own = [row for row in rows if row.what != What.FAILED]
    failed = [row for row in rows if row.what == What.FAILED]
    failed = failed[: max(limit // 2, limit - len(own))]
    own = own[: limit - len(failed)]
    newest = sorted(own + failed, key=lambda row: (row.at, row.pk), reverse=True)
    return _recognisable([entry_of(row) for row in newest])


async def arecent(user: AbstractBaseUser, limit: int = 20) -> list[Entry]:
    """See :func:`recent`."""
    return await hop(recent, user, limit)


def _rows(user: AbstractBaseUser, limit: int) -> Iterator[HistoryEntry]:
    """Return the newest of the user's own and of the failed tries, ``limit`` of each, newest first.

    Two walks along an index each, which an OR would not be. Django cannot write a union of limited
    queries for SQLite, where they have to stand in brackets of their own.
    """
    alias = router.db_for_read(HistoryEntry)
    kept = HistoryEntry.objects.using(alias).filter(at__gte=oldest()).order_by("-at", "-pk")
    parts = [kept.filter(user=user.pk), kept.filter(name_hash__in=hashes_of(user.get_username()))]
    compiled = [part[:limit].query.get_compiler(alias).as_sql() for part in parts]
    # Django's own SQL, with its parameters apart.
    union = " UNION ALL ".join(f"SELECT * FROM ({sql}) AS part" for sql, _ in compiled)  # noqa: S608
    params = [param for _, given in compiled for param in given]
    return iter(HistoryEntry.objects.using(alias).raw(union, params))


def entry_of(row: HistoryEntry) -> Entry:
    """Return ``row`` for people and programs."""
    return Entry(
        what=What(row.what),
        at=clock.to_datetime(row.at),
        reason=row.reason,
        session_id=row.session_id,
        methods=tuple(row.methods.split()),
        ip=row.ip,
        user_agent=row.user_agent,
    )


def _recognisable(entries: list[Entry]) -> list[Entry]:
    """Return ``entries`` with each end showing the device of the sign-in that it ends, if that is there."""
    begun = {entry.session_id: entry for entry in entries if entry.user_agent and entry.session_id}
    return [
        replace(entry, ip=begun[entry.session_id].ip, user_agent=begun[entry.session_id].user_agent)
        if entry.what is What.ENDED and not entry.user_agent and entry.session_id in begun
        else entry
        for entry in entries
    ]


def oldest() -> int:
    """Return the instant before which nothing is remembered."""
    return clock.now() - (options().history_retention or 0)


# --- names --------------------------------------------------------------------------------------------


def hashes_of(name: object) -> list[str]:
    """Return the hashes of a user name: with the secret of today, and with each of the fallbacks."""
    # As Django's forms and managers normalise it. Not by case: "Ada" may be somebody else than "ada",
    # who is not to see her tries. Any text can come in a request, half of a surrogate pair included.
    text = get_user_model().normalize_username(str(name)[:NAME_LENGTH])
    given = text.encode("utf-8", "surrogatepass")
    return [
        salted_hmac("frontdesk.history", given, secret=secret, algorithm="sha256").hexdigest()
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]


# --- writing ------------------------------------------------------------------------------------------


def remember(row: Row) -> HistoryEntry:
    """Write one entry: one statement. Raises what the database raises."""
    with _apart() as connection:
        key = insert_into(connection.alias).one(connection, row)
        return HistoryEntry.from_db(connection.alias, ("id", *Row._fields), (key, *row))


def remember_all(rows: Sequence[Row]) -> None:
    """Write entries, as many with a statement as the database takes."""
    with _apart() as connection:
        insert = insert_into(connection.alias)
        if len(rows) == 1:  # by a statement that says nothing of arrays
            insert.one(connection, rows[0])
        else:
            insert.many(connection, rows)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep a failure of the history from whoever signs in or out, and log it once."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (whatever it is, nobody is to be turned away for it)
        incident.failed(error)
    else:
        if incident.open:
            incident.answered()


@contextmanager
def _apart() -> Iterator[BaseDatabaseWrapper]:
    """Give the history's database. Within a transaction of the view, a failure leaves that usable."""
    connection = connections[router.db_for_write(HistoryEntry)]
    inside = connection.in_atomic_block
    with transaction.atomic(using=connection.alias) if inside else nullcontext():
        yield connection


# --- forgetting ---------------------------------------------------------------------------------------


def purge(limit: int = BATCH) -> int:
    """Delete up to ``limit`` entries whose time is over, and return how many: two statements.

    With ``HISTORY_RETENTION = None``, that is all of them. Safe to run twice at once.
    """
    # First the keys, as MariaDB cannot limit a subquery, and others not a DELETE.
    there = HistoryEntry.objects.using(router.db_for_write(HistoryEntry))
    over = there.filter(at__lt=oldest()).order_by("at")
    pks = list(over.values_list("pk", flat=True)[:limit])
    return there.filter(pk__in=pks).delete()[0] if pks else 0


async def apurge(limit: int = BATCH) -> int:
    """See :func:`purge`."""
    return await hop(purge, limit)


def forget(user: AbstractBaseUser) -> int:
    """Delete what is remembered of ``user``, tries with their name included; return how many entries."""
    return forgotten(user.pk, user.get_username())


def forgotten(user_id: Any, name: object) -> int:
    """See :func:`forget`: one statement, for somebody who may be gone already."""
    theirs = Q(user=user_id) | Q(name_hash__in=hashes_of(name))
    alias = router.db_for_write(HistoryEntry)
    return HistoryEntry.objects.using(alias).filter(theirs).delete()[0]


async def aforget(user: AbstractBaseUser) -> int:
    """See :func:`forget`."""
    return await hop(forget, user)

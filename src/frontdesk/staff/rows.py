"""A session as a row of the admin: a record of any storage, and who holds it by name."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

from django.http import HttpRequest

from frontdesk.accounts import names_of
from frontdesk.models import Session
from frontdesk.sessions import SessionInfo, info_of
from frontdesk.storages.record import Record
from frontdesk.tokens import Digest
from frontdesk.user_ids import owner_as_text
from frontdesk.values import serializer_in_force

UserUrl = Callable[[str], str]
"""From a user's id to the address of the user's page; empty if it is not for whoever looks."""


class Seen(NamedTuple):
    """What staff see of a session."""

    record: Record
    info: SessionInfo
    username: str | None
    user_url: str
    own: bool
    """Whether it is the session that the page is looked at with."""


def rows_of(
    records: Iterable[Record], request: HttpRequest, user_url: UserUrl | None = None
) -> list[Session]:
    """Return an instance for each record, which has but its id: one query for all the users' names."""
    records = list(records)
    names = names_of(record.user_id for record in records)
    rows, serializer = [], serializer_in_force()
    for record in records:
        row, user_id = Session(digest=record.digest), record.user_id or ""
        info = info_of(record, serializer)
        name = names.get(user_id)
        url = user_url(user_id) if user_url and name is not None else ""
        cast(Any, row).seen = Seen(record, info, name, url, info.is_current(request))
        rows.append(row)
    return rows


def seen(row: Session) -> Seen:
    """Return what staff see of a row that :func:`rows_of` made."""
    return cast(Any, row).seen  # type: ignore[no-any-return]


def without_values(row: Session) -> Record:
    """Return a row of the table as a record, without loading its values."""
    return Record(
        digest=Digest(row.digest),
        values={},
        user_id=owner_as_text(row.user_id),
        created=row.created,
        authenticated=row.authenticated,
        last_seen=row.last_seen,
        idle=row.idle,
        deadline=row.deadline,
        ip=row.ip,
        user_agent=row.user_agent,
        version=row.version,
    )

"""Users who are deleted leave no session and no API token behind (OWASP ASVS 7.4.2).

``QuerySet.delete()`` sends one signal for each user. What follows from it is done after the commit, for many
users at once.
"""

import logging
import threading
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.db.models.signals import post_delete
from django.dispatch import Signal

from frontdesk.core import clock
from frontdesk.core.flow import Flow, run
from frontdesk.models import ApiToken
from frontdesk.signals import Reason, ends_of, notify_ends
from frontdesk.signin.names import names_of
from frontdesk.storages import get_storage
from frontdesk.storages.rows import user_id_of
from frontdesk.tokens import rows

logger: logging.Logger = logging.getLogger("frontdesk")

BATCH: Final = 100

users_deleted: Signal = Signal()
"""Sent after the commit with ``users``, a list of :class:`Deleted`, for other parts of this library."""


@dataclass(eq=False, slots=True)
class Deleted:
    """A user who was deleted."""

    pk: Any
    user_id: str
    names: tuple[str, ...]
    """What the user could sign in with: the user name and the e-mail address."""
    at: int
    """When, in microseconds since 1970."""
    is_gone: bool = False
    """Whether no user has this primary key after the commit."""


class _Pending(threading.local):
    """The users that this thread has deleted and not yet reported, by the alias of their database."""

    def __init__(self) -> None:
        self.users: dict[str, list[Deleted]] = {}


_pending = _Pending()


def listen() -> None:
    """Connect the receiver for the user model."""
    post_delete.connect(user_deleted, sender=get_user_model(), dispatch_uid="frontdesk.deleted")


def user_deleted(instance: AbstractBaseUser, using: str, **_kwargs: Any) -> None:
    """Receive ``post_delete`` of the user model.

    The sessions have no user from now on, whatever happens here. So a failure is only logged.
    """
    # Taken now, because Django clears the primary key before the transaction is committed.
    known = Deleted(instance.pk, user_id_of(instance), names_of(instance), clock.now())
    _pending.users.setdefault(using, []).append(known)

    def report() -> None:  # no partial(), which has no name for the log in Django 5.2
        try:
            _report_all_gone(using)
        finally:
            if not known.is_gone:
                _report_created_again(known)

    # Not called for a deletion that is rolled back, also if only to a savepoint.
    transaction.on_commit(report, using=using, robust=True)


def _report_all_gone(using: str) -> None:
    """End what the users had who are gone. The first call after a commit does it for all of them."""
    users = _pending.users.pop(using, [])
    starts = range(0, len(users), BATCH)
    batches = [_gone(users[start : start + BATCH], using) for start in starts]
    # First, because a token of a user with the same natural key would be taken for one of the next.
    for gone in batches:
        _attempt_to_end(rows.of_users([each.user_id for each in gone]))
    for gone in batches:
        users_deleted.send(sender=get_user_model(), users=gone)
    for gone in batches:
        run(_ending_sessions([each.user_id for each in gone]))


def _report_created_again(user: Deleted) -> None:
    """End the tokens of a user in whose place another one with the same primary key was created.

    Tokens that are newer than the deletion are of the new user. Sessions need nothing: as in Django, they are
    only good with the password hash that they began with.
    """
    _attempt_to_end(rows.of_users([user.user_id]).filter(created__lte=user.at))
    users_deleted.send(sender=get_user_model(), users=[user])


def _attempt_to_end(tokens: QuerySet[ApiToken]) -> None:
    try:
        rows.end(tokens, Reason.USER_GONE)
    except DatabaseError:
        logger.exception("The API tokens of deleted users were not deleted.")


def _gone(users: list[Deleted], using: str) -> list[Deleted]:
    """Return ``users`` without those whose deletion was rolled back, or who were created again."""
    left: Any = get_user_model()._base_manager.using(using)
    pks = [each.pk for each in users]
    there = set(left.filter(pk__in=pks).values_list("pk", flat=True))
    for each in users:
        each.is_gone = each.pk not in there
    return [each for each in users if each.is_gone]


def _ending_sessions(user_ids: list[str]) -> Flow[None]:
    storage = get_storage()
    ended = yield from storage.end_of_users(user_ids)
    yield from notify_ends(storage, ends_of(ended, Reason.USER_GONE))

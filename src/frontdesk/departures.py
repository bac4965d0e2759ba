"""A user who is deleted leaves no session behind (OWASP ASVS 7.4.2)."""

from functools import partial
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from frontdesk.drive import run
from frontdesk.sessions import end_all_of
from frontdesk.signals import Reason
from frontdesk.user_ids import user_id_of


def user_deleted(instance: AbstractBaseUser, using: str, **_kwargs: Any) -> None:
    """Receive ``post_delete`` of the user model.

    Their sessions are nobody's from the next request on, whatever happens here; this frees the room and
    tells ``session_ended``. So it does not hold up, or break, the deletion.
    """
    transaction.on_commit(partial(_end_all, user_id_of(instance)), using=using, robust=True)


def _end_all(user_id: str) -> None:
    run(end_all_of(user_id, Reason.USER_GONE))

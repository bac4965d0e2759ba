"""The purge of the sessions also deletes expired API tokens, and tells users of those that end soon."""

import logging
from typing import Any, Final

from django.db.models import QuerySet

from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.http.purge import MARGIN
from frontdesk.models import ApiToken
from frontdesk.signals import Reason, expired_purged
from frontdesk.tokens import mail, rows

logger: logging.Logger = logging.getLogger("frontdesk")

BATCH: Final = 1000


def listen() -> None:
    """Connect the receiver."""
    expired_purged.connect(purged, dispatch_uid="frontdesk.tokens")


def purged(**_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.expired_purged`. A failure is logged, and the next purge goes on."""
    try:
        purge()
        if options().api_token_mail:
            mail.tell_all()
    except Exception:
        logger.exception("The API tokens were not purged.")


def purge() -> int:
    """Delete the tokens that have expired, and return how many this call has deleted."""
    ended = 0
    while expired := list(_expired()[:BATCH]):
        ended += rows.end(expired, Reason.EXPIRED)
    return ended


def _expired() -> QuerySet[ApiToken]:
    return rows.all_rows().filter(expires__lte=clock.now() - MARGIN).order_by("expires")

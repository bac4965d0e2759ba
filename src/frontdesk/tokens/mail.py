"""The mail a week before an API token ends."""

import logging
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sites.shortcuts import get_current_site
from django.db.models import F, QuerySet
from django.utils import translation

from frontdesk.core import clock
from frontdesk.models import ApiToken
from frontdesk.storages.rows import pk_of_id
from frontdesk.tokens import rows
from frontdesk.tokens.info import TokenInfo, info_of, user_id_in
from frontdesk.words.mail import send
from frontdesk.words.times import date_and_time

logger: logging.Logger = logging.getLogger("frontdesk")

BEFORE: Final = 7 * clock.DAY
"""How long before the end. Tokens that last no longer are not mailed about."""

BATCH: Final = 100


def tell_all() -> int:
    """Mail the users whose tokens end soon, each token once, and return how many mails were sent.

    Not in the language of a user, which Django does not know, but in ``LANGUAGE_CODE``.
    """
    sent = 0
    with translation.override(settings.LANGUAGE_CODE):
        after = ""
        while batch := list(_due().filter(pk__gt=after).order_by("pk")[:BATCH]):
            sent += sum(_tell(row) for row in batch)
            after = batch[-1].pk
    return sent


def _due() -> QuerySet[ApiToken]:
    now = clock.now()
    soon = rows.all_rows().filter(expires__gt=now, expires__lte=now + BEFORE, mailed=None)
    return soon.filter(expires__gt=F("created") + BEFORE)


def _tell(row: ApiToken) -> bool:
    """Mail the user of ``row``, unless another process does. A mail that fails is tried again next time."""
    same = rows.all_rows().filter(pk=row.pk)
    if not same.filter(mailed=None).update(mailed=clock.now()):
        return False
    try:
        users: Any = get_user_model()
        user = users._base_manager.filter(pk=pk_of_id(user_id_in(row))).first()
        address = user and getattr(user, user.get_email_field_name(), "")
        if not address or not getattr(user, "is_active", True):
            return False
        send("token_ends", address, _facts(info_of(row), user))
    except Exception as error:  # the other mails are sent all the same
        same.update(mailed=None)
        said = "The mail about the end of API token %s of user %s was not sent."
        logger.error(said, row.pk, user_id_in(row), exc_info=error)
        return False
    return True


def _facts(token: TokenInfo, user: Any) -> dict[str, Any]:
    """Return the context of the templates. No request is there, so only a site with an id has a name."""
    named = apps.is_installed("django.contrib.sites") and getattr(settings, "SITE_ID", None)
    return {
        "user": user,
        "token": token,
        "site_name": get_current_site(None).name if named else "",
        "ends": date_and_time(token.expires),
    }

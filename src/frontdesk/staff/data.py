"""A session's values, as far as staff may see them."""

from pprint import pformat
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN
from django.middleware.csrf import CSRF_SESSION_KEY
from django.utils.translation import gettext
from django.views.debug import SafeExceptionReporterFilter

from frontdesk import values
from frontdesk.errors import UndecodableRecord
from frontdesk.storages.record import Record

SECRETS = {HASH_SESSION_KEY, CSRF_SESSION_KEY, INTERNAL_RESET_SESSION_TOKEN}
"""What is never shown: each would help to take the session, or the account, over."""


def data_shown(record: Record) -> str:
    """Return the values of ``record`` as text, a key a line, without secrets.

    Besides ``SECRETS``, what Django's error reports would hide is hidden here: keys that speak of a
    password, a token, a secret and so on.
    """
    try:
        decoded = values.decode(record.values, values.serializer_in_force())
    except UndecodableRecord:
        return gettext("It cannot be decoded.")
    return "\n".join(f"{key}: {_shown(key, value)}" for key, value in sorted(decoded.items()))


def _shown(key: str, value: Any) -> str:
    guard = SafeExceptionReporterFilter()
    if key in SECRETS:
        return guard.cleansed_substitute
    return pformat(guard.cleanse_setting(key, value), width=100)

"""The name that a user types to sign in."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.crypto import salted_hmac

LONGEST: Final = 1024
"""How many characters of a name are hashed."""


def name_in(credentials: Mapping[str, Any]) -> Any:
    """Return what was typed as a name, or ``None``.

    Under the names that Django and django-allauth use; otherwise the first text beside the password.
    """
    users = get_user_model()
    fields = ["username", users.USERNAME_FIELD, users.get_email_field_name(), "email"]
    if "password" in credentials:
        texts = [field for field, value in credentials.items() if isinstance(value, str)]
        fields += [field for field in texts if field != "password"]
    return next((credentials[field] for field in fields if credentials.get(field)), None)


def keyed_hashes(salt: str, text: str) -> list[str]:
    """Return the HMAC-SHA-256 of ``text``, as hexadecimal text.

    With the project's secret, and with each of ``SECRET_KEY_FALLBACKS``.
    """
    # Any text may come in a request, half of a surrogate pair included.
    value = text.encode("utf-8", "surrogatepass")
    return [
        salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest()
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]


def folded(name: object) -> str:
    """Return ``name`` without what a database may overlook: case, accents, widths, invisible characters.

    So a user name that MariaDB finds in many spellings has one bucket. Of two users whose names differ only
    in this, each may use up attempts of the other.
    """
    text = unicodedata.normalize("NFKD", str(name)[:LONGEST]).casefold()
    kept = [each for each in text if unicodedata.category(each)[0] not in "CM"]
    return unicodedata.normalize("NFKC", "".join(kept)).strip()

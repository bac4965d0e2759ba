"""The names that users sign in with."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router
from django.db.models import Q
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


def names_of(user: AbstractBaseUser) -> tuple[str, ...]:
    """Return what ``user`` can sign in with: the user name and the e-mail address, if there is one.

    Reads nothing, because the row of a deleted user is gone.
    """
    model: Any = user
    fields = (model.USERNAME_FIELD, model.get_email_field_name())
    names = [
        getattr(user, field, "") for field in fields if field not in user.get_deferred_fields()
    ]
    return tuple(dict.fromkeys(str(name) for name in names if name))


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
    text = (
        unicodedata.normalize("NFKD", str(name)[:LONGEST])
        .casefold()
        .replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")
    )
    kept = [each for each in text if unicodedata.category(each)[0] not in "CM"]
    return unicodedata.normalize("NFKC", "".join(kept)).strip()


def name_stored_for(name: Any) -> Any:
    """Return the user name, as it is stored, of the user whom the database finds by ``name``, or ``name``.

    By its collation, MySQL finds "ada1" by some forty characters for the digit alone, which depend on its
    version, and "oyvind" for "øyvind". What other databases find by an ASCII name, :func:`folded` knows.
    """
    if not isinstance(name, str):
        return name
    users: Any = get_user_model()
    if name.isascii() and connections[router.db_for_read(users)].vendor != "mysql":
        return name
    email, by = users.get_email_field_name(), Q(**{users.USERNAME_FIELD: name})
    if "@" in name and email in {field.name for field in users._meta.get_fields()}:
        by |= Q(**{f"{email}__iexact": name})
    rows = users._default_manager.filter(by).order_by("pk")
    return rows.values_list(users.USERNAME_FIELD, flat=True).first() or name

"""The hash by which a session shows that it was made with the password that its user has now.

Django computes it at each request, and derives the key for that from ``SECRET_KEY`` each time. Here the key
is derived once, as long as that gives what Django's own method gives.
"""

import hmac
from functools import lru_cache
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.encoding import force_bytes

SALT = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"

djangos: Any = AbstractBaseUser._get_session_auth_hash  # type: ignore[attr-defined]


def auth_hash(user: Any) -> str:
    """Return ``user.get_session_auth_hash()``."""
    model = type(user)
    if (
        model.get_session_auth_hash is AbstractBaseUser.get_session_auth_hash
        and model._get_session_auth_hash is djangos
        and (key := _key(settings.SECRET_KEY))
    ):
        return hmac.digest(key, str(user.password).encode(), "sha256").hex()
    return user.get_session_auth_hash()  # type: ignore[no-any-return]


@lru_cache(maxsize=2)
def _key(secret: str | bytes) -> bytes | None:
    """Return the key that Django derives (``salted_hmac``); ``None`` if this Django does otherwise."""
    key = sha256(SALT.encode() + force_bytes(secret)).digest()
    trial = SimpleNamespace(password=SALT)
    return key if hmac.digest(key, SALT.encode(), "sha256").hex() == djangos(trial) else None

"""Users and the ids by which sessions name them: the primary key in words, as ``login()`` writes it."""

from functools import cache
from types import SimpleNamespace
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.signals import setting_changed
from django.db.models import Field


@cache
def user_model() -> Any:
    """Return the user model, which Django looks up in two registries each time."""
    return get_user_model()


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "AUTH_USER_MODEL":
        user_model.cache_clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.user_ids")


def user_id_of(user: AbstractBaseUser) -> str:
    """Return the user's key as sessions name it. Raises ``ValueError`` for one who is not stored."""
    if user.pk is None:
        raise ValueError(f"{user!r} is not a stored user, so there are no sessions to speak of.")
    return str(user._meta.pk.value_to_string(user))


def id_of_key(key: Any) -> str:
    """Return the primary key of a user as sessions name it."""
    pk: Any = user_model()._meta.pk
    kind: Any = type(pk)
    if _writes_plainly(kind):
        return str(key)
    # A field takes its value from any object that has it; an instance of the model costs far more.
    return str(pk.value_to_string(SimpleNamespace(**{pk.attname: key})))


@cache
def _writes_plainly(kind: "type[Field[Any, Any]]") -> bool:
    return (
        kind.value_to_string is Field.value_to_string
        and kind.value_from_object is Field.value_from_object
    )


def owner_as_text(key: Any) -> str | None:
    """Return whose a row is, as a record names them; ``None`` for nobody."""
    return None if key is None else id_of_key(key)


def key_of(user_id: str | None) -> Any:
    """Return the primary key that sessions name ``user_id``; ``None`` for what names none."""
    if user_id is None:
        return None
    try:
        key = user_model()._meta.pk.clean(user_id, None)
        # "0_1" and " 1" are numbers to Python, but nobody's key.
        return key if id_of_key(key) == user_id else None
    except (ValueError, TypeError, ValidationError, OverflowError):
        return None

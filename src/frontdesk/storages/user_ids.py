"""Users and the ids by which sessions name them: the primary key as text, as ``login()`` writes it."""

from types import SimpleNamespace
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError


def user_id_of(user: AbstractBaseUser) -> str:
    """Return the id by which sessions name ``user``. Raises ``ValueError`` for an unsaved user."""
    if user.pk is None:
        raise ValueError(f"{user!r} is not saved, so it has no sessions.")
    return str(user._meta.pk.value_to_string(user))


def id_of_pk(pk: Any, field: Any = None) -> str:
    """Return the id by which sessions name the user with this primary key.

    ``field`` is the primary key's field, by default that of the user model.
    """
    field = field or get_user_model()._meta.pk
    # A field takes its value from any object that has it, so this needs no instance of the model.
    return str(field.value_to_string(SimpleNamespace(**{field.attname: pk})))


def pk_of_id(user_id: str | None, field: Any = None) -> Any:
    """Return the primary key that ``user_id`` names, or ``None`` if it names none.

    ``field`` is as in :func:`id_of_pk`.
    """
    if user_id is None:
        return None
    field = field or get_user_model()._meta.pk
    try:
        pk = field.clean(user_id, None)
        # Python reads "0_1" and " 1" as numbers, but sessions never name a user so.
        return pk if id_of_pk(pk, field) == user_id else None
    except (ValueError, TypeError, ValidationError, OverflowError):
        return None

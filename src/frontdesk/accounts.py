"""From what staff type to a user, and from the ids in sessions to names that staff know."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Q

from frontdesk.user_ids import id_of_key, key_of

BATCH = 500
"""Users that are in memory at once."""


def user_called(text: str) -> AbstractBaseUser | None:
    """Return the user whose username is ``text``, or else whose primary key; ``None`` if there is none.

    The username is whatever ``USERNAME_FIELD`` of the user model names.
    """
    model = get_user_model()
    users = model._base_manager
    try:
        return users.get(**{model.USERNAME_FIELD: text})
    except (model.DoesNotExist, ValueError):  # the latter for NUL, which no database takes
        pass
    pk = key_of(text)
    return None if pk is None else users.filter(pk=pk).first()


def names_of(user_ids: Iterable[str | None]) -> dict[str, str]:
    """Return the usernames of those who exist among ``user_ids``, in one query; none for nobody."""
    model = get_user_model()
    keys = {user_id: pk for user_id in user_ids if user_id and (pk := key_of(user_id)) is not None}
    if not keys:
        return {}
    found = model._base_manager.filter(pk__in=set(keys.values()))
    names = dict(found.values_list("pk", model.USERNAME_FIELD))
    return {user_id: str(names[pk]) for user_id, pk in keys.items() if pk in names}


def all_user_ids() -> Iterator[str]:
    """Go through the project's users and yield their ids as sessions name them, a batch in memory."""
    model = get_user_model()
    users = model._base_manager.order_by("pk")
    batch: list[Any] = list(users.values_list("pk", flat=True)[:BATCH])
    while batch:
        for pk in batch:
            yield id_of_key(pk)
        batch = list(users.filter(pk__gt=batch[-1]).values_list("pk", flat=True)[:BATCH])


def ids_of_users_like(text: str, limit: int) -> list[str]:
    """Return the ids of up to ``limit`` users with ``text`` in their username, or as their id.

    For people who search, so upper and lower case are the same.
    """
    if "\0" in text:  # which no database takes
        return []
    model = get_user_model()
    wanted = Q(**{f"{model.USERNAME_FIELD}__icontains": text})
    if (key := key_of(text)) is not None:
        wanted |= Q(pk=key)
    found = model._base_manager.filter(wanted).order_by("pk").values_list("pk", flat=True)
    return [id_of_key(pk) for pk in found[:limit]]

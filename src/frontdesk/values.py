"""A session's top-level values, each encoded on its own, so that each can be written on its own."""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.contrib.sessions.serializers import JSONSerializer
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from frontdesk.errors import UndecodableRecord
from frontdesk.storages.text import loaded


class Serializer(Protocol):
    """What ``SESSION_SERIALIZER`` names (Django: "Session serialization")."""

    def dumps(self, obj: Any) -> bytes:
        """Return ``obj`` as bytes."""

    def loads(self, data: bytes) -> Any:
        """Undo ``dumps``."""


@cache
def serializer_class() -> type[Serializer]:
    """Return what ``SESSION_SERIALIZER`` names."""
    return import_string(settings.SESSION_SERIALIZER)  # type: ignore[no-any-return]


def serializer_in_force() -> Serializer:
    """Return one of what ``SESSION_SERIALIZER`` names; like Django, a new one each time."""
    return serializer_class()()


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "SESSION_SERIALIZER":
        serializer_class.cache_clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.values")


def encode(values: Mapping[Any, Any], serializer: Serializer) -> dict[str, bytes]:
    """Return ``values`` encoded; keys become text as they do in Django's JSON sessions."""
    return {_key(key): serializer.dumps(value) for key, value in values.items()}


def decode(values: Mapping[str, bytes], serializer: Serializer) -> dict[str, Any]:
    """Undo :func:`encode`. Raises :exc:`~frontdesk.errors.UndecodableRecord`."""
    try:
        if type(serializer) is JSONSerializer:
            return {key: loaded(value.decode("latin-1")) for key, value in values.items()}
        return {key: serializer.loads(value) for key, value in values.items()}
    except Exception as error:  # a project's serializer may raise anything
        raise UndecodableRecord(f"A session value cannot be decoded: {error!r}") from error


def decode_what_can_be(
    values: Mapping[str, bytes], keys: Collection[str], serializer: Serializer
) -> dict[str, Any]:
    """Return the values of ``keys``, without those that are missing or cannot be decoded."""
    found: dict[str, Any] = {}
    for key in values.keys() & set(keys):
        with suppress(UndecodableRecord):
            found |= decode({key: values[key]}, serializer)
    return found


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    (text,) = json.loads(json.dumps({key: None}))
    return str(text)

"""The values of a session's dictionary, each serialized on its own, so that each is written on its own."""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from frontdesk.core.record import Serializer


def serializer_in_force() -> Serializer:
    """Return an instance of what ``SESSION_SERIALIZER`` names."""
    return import_string(settings.SESSION_SERIALIZER)()  # type: ignore[no-any-return]


def encode(values: Mapping[Any, Any], serializer: Serializer) -> dict[str, bytes]:
    """Return ``values`` serialized. Keys become text as in Django's JSON sessions."""
    return {_text(key): serializer.dumps(value) for key, value in values.items()}


def decode_some(
    values: Mapping[str, bytes], keys: Collection[str], serializer: Serializer
) -> dict[str, Any]:
    """Return the values of ``keys``, without those that are missing or cannot be decoded."""
    found: dict[str, Any] = {}
    for key in values.keys() & set(keys):
        with suppress(Exception):  # a project's serializer may raise anything
            found[key] = serializer.loads(values[key])
    return found


def changed(
    stored: Mapping[str, bytes], values: Mapping[Any, Any], serializer: Serializer
) -> dict[str, bytes]:
    """Return those of ``values`` that differ from what is ``stored``, serialized.

    So a change inside a list is found too. A serializer that encrypts never writes the same bytes twice,
    so values whose bytes differ are compared as well.
    """
    encoded = encode(values, serializer)
    plain = {_text(key): value for key, value in values.items()}
    return {
        key: data
        for key, data in encoded.items()
        if key not in stored
        or (stored[key] != data and not _same(serializer.loads(stored[key]), plain[key]))
    }


def texts(values: Mapping[Any, Any]) -> set[str]:
    """Return the keys of ``values`` as they are stored."""
    return {_text(key) for key in values}


def _same(one: Any, other: Any) -> bool:
    # True == 1, but they are not the same value.
    return bool(one == other) and repr(one) == repr(other)


def _text(key: Any) -> str:
    if isinstance(key, str):
        return key
    (text,) = json.loads(json.dumps({key: None}))
    return str(text)

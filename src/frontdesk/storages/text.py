"""Keys and values as text that any JSON column takes, whatever is in them.

PostgreSQL refuses NUL and lone surrogates inside JSON, and a project's serializer may write any bytes.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

_ESCAPED = "~"
"""Starts a value that is not plain text. No JSON text starts with it."""


def loaded(text: str) -> Any:
    """Return ``json.loads(text)``, on the shortest way to it."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return json.loads(text)  # which says what is wrong
    return value if end == len(text) else json.loads(text)


_scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
"""What ``json.loads`` calls after all."""


def key_as_text(key: str) -> str:
    """Return ``key`` in printable ASCII, as it stands between the quotes of a JSON string."""
    if key.isascii() and key.isprintable() and '"' not in key and "\\" not in key:
        return key
    return json.dumps(key)[1:-1]


def key_from_text(text: str) -> str:
    """Undo :func:`key_as_text`."""
    return json.loads(f'"{text}"') if "\\" in text else text


def values_from_text(texts: Mapping[str, str]) -> dict[str, bytes]:
    """Return keys and values that were written by the two others. Raises what :func:`value_from_text`
    raises, and ``AttributeError`` or ``TypeError`` for what is no mapping of texts."""
    return {
        # What is plain, as nearly all is, takes no call.
        (key_from_text(key) if "\\" in key else key): (
            value_from_text(text) if text.startswith(_ESCAPED) else text.encode("ascii")
        )
        for key, text in texts.items()
    }


def value_as_text(value: bytes) -> str:
    """Return ``value`` in printable ASCII."""
    if value.isascii():
        text = value.decode("ascii")
        if text.isprintable() and not text.startswith(_ESCAPED):
            return text
    return _ESCAPED + b64encode(value).decode("ascii")


def value_from_text(text: str) -> bytes:
    """Undo :func:`value_as_text`. Raises ``ValueError`` for what that never wrote."""
    if text.startswith(_ESCAPED):
        return b64decode(text[1:], validate=True)
    return text.encode("ascii")

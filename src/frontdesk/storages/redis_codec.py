"""A record as the fields of a Redis hash, small.

A hash of up to 128 fields takes half the memory as long as none is longer than 64 bytes, which is the
server's ``hash-max-listpack-value``. Django's own values and most browsers are longer than that, but
shrink below it. All of it is text or JSON that was packed: nothing that is read can run any code.
"""

import re
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from frontdesk.clock import SECOND
from frontdesk.errors import UndecodableRecord
from frontdesk.storages.record import Record
from frontdesk.tokens import Digest

Fields = Mapping[bytes, bytes]

# Facts of the record: one lower-case letter. The clocks are numbers, which the server keeps as numbers.
NUMBERS: Final = {
    "created": b"c",
    "authenticated": b"a",
    "last_seen": b"s",
    "idle": b"i",
    "deadline": b"d",
    "version": b"v",
}
BORN_SIGNED_IN: Final = b"e"
"""Stands for both "created" and "authenticated" where they are the same, as after most sign-ins."""

IDLE: Final = NUMBERS["idle"]
USER: Final = b"u"
IP: Final = b"p"
BROWSER: Final = b"b"
ENDED: Final = b"t"
_FACTS: Final = frozenset({*NUMBERS.values(), BORN_SIGNED_IN, USER, IP, BROWSER})

# Values of the session: "=" and the key, or a digit for the keys that every sign-in has. Never change one.
KNOWN_KEYS: Final = {
    "_auth_user_id": b"1",
    "_auth_user_backend": b"2",
    "_auth_user_hash": b"3",
    "_session_expiry": b"4",
    "_csrftoken": b"5",
}
BACKEND: Final = KNOWN_KEYS["_auth_user_backend"]
_KEYS = {field: key for key, field in KNOWN_KEYS.items()}

# What a stored text begins with, if it is not stored as it is.
_PLAIN, _PACKED, _HEX = b"=", b"z", b"h"
_MARKS = (_PLAIN, _PACKED, _HEX)
_FOUR_NUMBERS = b"\xff"  # which no text in UTF-8 has

_SHORT, _LONG = 24, 4096
"""Bytes. What is shorter hardly shrinks, what is longer takes long to."""

# Part of the format: what was packed with it cannot be unpacked with another. The likeliest comes last.
_DICTIONARY: Final = (
    b"OPR/Edg/Version/Mobile Safari/Gecko/20100101 Firefox/Ubuntu; Linux aarch64) "
    b"Mozilla/5.0 (Android 14; Mobile; rv:Mozilla/5.0 (Linux; Android 10; K) "
    b"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Version/18.5 Mobile/15E148 Safari/604.1"
    b"Mozilla/5.0 (X11; Linux x86_64; rv:Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:"
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/"
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/"
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/140.0.0.0 Safari/537.36"
    b'"allauth.account.auth_backends.AuthenticationBackend"'
    b'"django.contrib.auth.backends.ModelBackend"'
)
_BITS = -12
"""zlib's bare format, with a window of 4 KB, which costs the least to set up."""

_quoted_hex = re.compile(rb'"((?:[0-9a-f]{2}){16,48})"').fullmatch


def packed(text: bytes) -> bytes:
    """Return ``text`` in fewer bytes if it can be."""
    if found := _quoted_hex(text):
        return _HEX + bytes.fromhex(found[1].decode("ascii"))
    if _SHORT < len(text) <= _LONG:
        packer = zlib.compressobj(6, zlib.DEFLATED, _BITS, 5, zdict=_DICTIONARY)
        short = packer.compress(text) + packer.flush()
        if len(short) + 1 < len(text):
            return _PACKED + short
    return _PLAIN + text if text.startswith(_MARKS) else text


def unpacked(data: bytes) -> bytes:
    """Undo :func:`packed`. Raises ``zlib.error`` or ``ValueError`` for what that never wrote."""
    mark = data[:1]
    if mark not in _MARKS:
        return data
    if mark == _PACKED:
        unpacker = zlib.decompressobj(_BITS, zdict=_DICTIONARY)
        text = unpacker.decompress(data[1:], _LONG + 1)
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("a packed text is cut off, or not alone")
        return text
    return b'"' + data[1:].hex().encode("ascii") + b'"' if mark == _HEX else data[1:]


@lru_cache(maxsize=512)
def _unpacked_often(data: bytes) -> bytes:
    """Undo :func:`packed` for what many sessions have in common, and nobody has to keep to themselves."""
    return unpacked(data)


def packed_ip(ip: str) -> bytes:
    """Return an address, or what a project has in its place, in few bytes."""
    parts = ip.split(".")
    if (
        len(ip) <= 15
        and len(parts) == 4
        and all(part.isdecimal() and int(part) < 256 for part in parts)
    ):
        numbers = bytes(map(int, parts))
        if _dotted(numbers) == ip:
            return _FOUR_NUMBERS + numbers
    return text(ip)


def _unpacked_ip(data: bytes) -> str:
    if data[:1] == _FOUR_NUMBERS and len(data) == 5:
        return _dotted(data[1:])
    return _text(data)


def _dotted(numbers: bytes) -> str:
    return ".".join(map(str, numbers))


def text(value: str) -> bytes:
    """Return any text as bytes, lone surrogates included."""
    return value.encode("utf-8", "surrogatepass")


def shortened(idle: int) -> int:
    """Return an idle limit in few digits: negative, if it is whole seconds; 0 for one that is over."""
    seconds, rest = divmod(max(idle, 0), SECOND)
    return idle if rest else -seconds


def idle_of(stored: bytes) -> int:
    """Undo :func:`shortened`. Raises ``ValueError`` for what is no number."""
    idle = int(stored)
    return -idle * SECOND if idle < 0 else idle


def field_of(key: str) -> bytes:
    """Return the field in which the session's value of ``key`` is."""
    return KNOWN_KEYS.get(key) or b"=" + text(key)


def fields_of(values: Mapping[str, bytes]) -> Iterable[tuple[bytes, bytes]]:
    """Return the fields of a session's values."""
    return ((field_of(key), packed(value)) for key, value in values.items())


def encode(record: Record) -> dict[bytes, bytes | int]:
    """Return the fields of ``record``."""
    fields: dict[bytes, bytes | int] = {
        field: value
        for name, field in NUMBERS.items()
        if (value := getattr(record, name)) is not None
    }
    fields[IDLE] = shortened(record.idle)
    if record.authenticated == record.created:
        del fields[NUMBERS["authenticated"]]
        fields[BORN_SIGNED_IN] = fields.pop(NUMBERS["created"])
    if record.user_id is not None:
        fields[USER] = text(record.user_id)
    if record.ip:
        fields[IP] = packed_ip(record.ip)
    if record.user_agent:
        fields[BROWSER] = packed(text(record.user_agent))
    fields.update(fields_of(record.values))
    return fields


def decode(digest: Digest, fields: Fields) -> Record:
    """Return the record that ``fields`` hold. Raises :exc:`~frontdesk.errors.UndecodableRecord`."""
    get = fields.get
    try:
        born = get(BORN_SIGNED_IN)
        created = fields[NUMBERS["created"]] if born is None else get(NUMBERS["created"], born)
        authenticated = get(NUMBERS["authenticated"], born)
        user = get(USER)
        return Record(
            digest=digest,
            values=_values(fields),
            user_id=None if user is None else _text(user),
            created=int(created),
            authenticated=None if authenticated is None else int(authenticated),
            last_seen=int(fields[NUMBERS["last_seen"]]),
            idle=idle_of(fields[IDLE]),
            deadline=int(fields[NUMBERS["deadline"]]),
            ip=_unpacked_ip(get(IP, b"")),
            user_agent=_text(_unpacked_often(get(BROWSER, b""))),
            version=int(fields[NUMBERS["version"]]),
        )
    except (KeyError, ValueError, zlib.error) as error:
        raise UndecodableRecord(f"The record of session {digest} is damaged: {error!r}") from error


def _values(fields: Fields) -> dict[str, bytes]:
    values = {}
    for field, value in fields.items():
        if field in _FACTS:
            continue
        if field == BACKEND:
            values[_KEYS[field]] = _unpacked_often(value)
        elif field in _KEYS:
            values[_KEYS[field]] = unpacked(value)
        elif field[:1] == b"=":
            values[_text(field[1:])] = unpacked(value)
        elif not (len(field) == 1 and field.islower()):
            raise ValueError(f"it has the unknown field {field!r}")
    return values


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")

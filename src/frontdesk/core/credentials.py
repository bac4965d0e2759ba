"""Keys as programs send them: a prefix, the key, and a checksum.

    fdt_ + 40 characters of the key + 7 of the checksum

The prefix says what it is, so that a scanner of secrets finds one that was published by mistake. The checksum
is the CRC-32 of all before it, in base 36. A wrong one, from a typing error or a guess, never reaches a
storage. Seven digits hold all 32 bits, six would not. Sources: the format of GitHub's tokens,
https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/, and RFC 6750 section 2.1,
which allows these characters in a header.
"""

from typing import Final
from zlib import crc32

from frontdesk.core.keys import KEY_LENGTH, Key, in_base_36

API_TOKEN: Final = "fdt_"  # noqa: S105 (a prefix, not a password)
SESSION: Final = "fds_"
"""The prefixes."""

CHECKSUM_LENGTH: Final = 7


class Credential(str):
    """What a program sends. Its ``repr`` hides it, because error reports show the ``repr`` of variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        kind = kind_of(self)
        return f"<credential {kind}...>" if kind else "<malformed credential>"


def kind_of(sent: str | None) -> str:
    """Return the prefix of what a program sent; empty for ``None`` and for any other text."""
    return next((each for each in (API_TOKEN, SESSION) if (sent or "").startswith(each)), "")


def credential_of(prefix: str, key: Key) -> Credential:
    """Return ``key`` as a program sends it."""
    return Credential(prefix + key + _checksum(prefix + key))


def key_in(prefix: str, text: str) -> Key | None:
    """Return the key in a credential with this prefix; ``None`` for any text that is none."""
    body, checksum = text[:-CHECKSUM_LENGTH], text[-CHECKSUM_LENGTH:]
    if not body.startswith(prefix) or len(body) != len(prefix) + KEY_LENGTH:
        return None
    key = Key.parse(body[len(prefix) :])
    return key if key is not None and checksum == _checksum(body) else None


def bearer_of(authorization: str) -> Credential | None:
    """Return what an ``Authorization`` header holds, unchecked; ``None`` unless its scheme is Bearer."""
    scheme, _, text = authorization.partition(" ")
    return Credential(text.strip(" ")) if scheme.lower() == "bearer" else None


def _checksum(text: str) -> str:
    return in_base_36(crc32(text.encode("ascii")), CHECKSUM_LENGTH)[::-1]

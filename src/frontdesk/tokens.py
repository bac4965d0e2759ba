"""Keys and digests: the secret in the cookie, and the only name by which storages know it."""

import hashlib
import re
import secrets
import string
from typing import NewType

# Django's own shape, so that what expects a session key finds one. Lower case, because
# file systems and database collations may fold case. 36 ** 32 is 165 bits (OWASP ASVS 7.2.3 asks 128).
KEY_ALPHABET = string.ascii_lowercase + string.digits
KEY_LENGTH = 32
KEYS = len(KEY_ALPHABET) ** KEY_LENGTH
"""So many there are."""

Digest = NewType("Digest", str)
"""SHA-256 of a key, 64 hexadecimal characters: the public id of a session."""

_is_id = re.compile(r"[0-9a-f]{64}").fullmatch

_well_formed = re.compile(r"[a-z0-9]{32}").fullmatch


def new_key() -> str:
    """Return a fresh session key: 32 characters, 165 bits from :mod:`secrets`."""
    # One number, written with the letters as its digits. Django's get_random_string() asks the system for
    # each letter, which takes longer than writing the row of the session.
    number, letters = secrets.randbelow(KEYS), ""
    for _ in range(KEY_LENGTH):
        number, letter = divmod(number, len(KEY_ALPHABET))
        letters += KEY_ALPHABET[letter]
    return letters


def digest_of(key: str | None) -> Digest | None:
    """Return the digest of ``key``; ``None`` when it is malformed, so that it never reaches a storage."""
    if key is None or not _well_formed(key):
        return None
    # A plain hash is enough, as the key is not a password: 165 random bits cannot be guessed or listed.
    return Digest(hashlib.sha256(key.encode("ascii")).hexdigest())


def digest_of_own(key: str | None) -> Digest:
    """Return the digest of a key that this program chose. Raises ``ValueError`` when it is malformed."""
    digest = digest_of(key)
    if digest is None:
        raise ValueError(
            "A session key is 32 lower-case letters and digits; leave it out to get a fresh one."
        )
    return digest


def as_digest(text: str) -> Digest | None:
    """Return a session id that somebody typed or sent; ``None`` for what can't be one."""
    return Digest(text) if _is_id(text) else None

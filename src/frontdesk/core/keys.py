"""Session keys: a public id and a secret.

A key is 40 characters of [a-z0-9] and fits Django's ``CharField(max_length=40)``. The first 15 are the
*id*. It names the session for its whole life and may be shown and logged. The other 25 are the *secret*,
129 random bits (OWASP ASVS 7.2.3 asks for 128). Storages keep only the SHA-256 of the secret.
"""

import hashlib
import re
import secrets
import string
from hmac import compare_digest
from typing import Final, Self

# Lower case only, because file systems and database collations may ignore case.
ALPHABET: Final = string.digits + string.ascii_lowercase
ID_LENGTH: Final = 15
SECRET_LENGTH: Final = 25
KEY_LENGTH: Final = ID_LENGTH + SECRET_LENGTH
DJANGO_KEY_LENGTH: Final = 32

_is_key = re.compile(
    rf"[0-9a-z]{{{DJANGO_KEY_LENGTH}}}(?:[0-9a-z]{{{KEY_LENGTH - DJANGO_KEY_LENGTH}}})?"
)
_is_id = re.compile(rf"[0-9a-z]{{{ID_LENGTH}}}")


class Key(str):
    """A session key. Its ``repr`` hides the secret, because error reports show the ``repr`` of variables."""

    __slots__ = ()

    @classmethod
    def new(cls) -> Self:
        """Return a fresh key from :mod:`secrets`."""
        return cls(_random_text(KEY_LENGTH))

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return ``text`` as a key, or ``None`` if it is malformed, so that it never reaches a storage."""
        if text is None or not _is_key.fullmatch(text):
            return None
        return cls(text)

    @property
    def id(self) -> str:
        """The public part, by which the session is stored, listed, logged and ended.

        A 32-character key, which Django's own engines make, has no id. It gets one derived from its
        digest, so the same key always leads to the same session.
        """
        if len(self) == KEY_LENGTH:
            return str(self[:ID_LENGTH])
        return "d" + in_base_36(int(digest("id:" + self), 16), ID_LENGTH - 1)

    @property
    def secret(self) -> "Key":
        """The secret part: all of a 32-character key."""
        return Key(self[ID_LENGTH:] if len(self) == KEY_LENGTH else self)

    @property
    def digest(self) -> str:
        """The SHA-256 of the secret, which is what a storage keeps."""
        return digest(self.secret)

    def with_new_secret(self) -> "Key":
        """Return a fresh key with the same id."""
        return Key(self.id + _random_text(SECRET_LENGTH))

    def __repr__(self) -> str:
        return (
            f"<key of session {self.id}>" if _is_key.fullmatch(self) else "<malformed session key>"
        )


def digest(secret: str) -> str:
    """Return the SHA-256 of ``secret`` as 64 hexadecimal characters.

    A plain hash is enough: the secret is random, so it cannot be guessed as a password can.
    """
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def same(digest: str, other: str) -> bool:
    """Compare two digests in constant time."""
    return compare_digest(digest, other)


def is_id(text: str) -> bool:
    """Return whether ``text`` has the form of a session id."""
    return _is_id.fullmatch(text) is not None


def _random_text(length: int) -> str:
    return in_base_36(secrets.randbelow(len(ALPHABET) ** length), length)


def in_base_36(number: int, length: int) -> str:
    """Return the last ``length`` digits of ``number`` in base 36, the last one first."""
    letters = ""
    for _ in range(length):
        number, letter = divmod(number, len(ALPHABET))
        letters += ALPHABET[letter]
    return letters

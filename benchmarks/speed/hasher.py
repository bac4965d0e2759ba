"""A password hash that costs nothing, so that a sign-in is measured without it."""

from django.contrib.auth.hashers import BasePasswordHasher


class FreeHasher(BasePasswordHasher):
    """Keeps passwords as they are. For measuring only."""

    algorithm = "free"

    def salt(self) -> str:
        """See the base class."""
        return "none"

    def encode(self, password: str, salt: str) -> str:
        """See the base class."""
        return f"{self.algorithm}${salt}${password}"

    def verify(self, password: str, encoded: str) -> bool:
        """See the base class."""
        return encoded == self.encode(password, "none")

    def decode(self, encoded: str) -> dict[str, str]:
        """See the base class."""
        algorithm, salt, password = encoded.split("$", 2)
        return {"algorithm": algorithm, "salt": salt, "hash": password}

    def must_update(self, encoded: str) -> bool:
        """See the base class."""
        return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """See the base class."""

"""Where the demo keeps what it must remember: a directory of its own, outside of git."""

import os
import secrets
from pathlib import Path

DEFAULT = Path(__file__).resolve().parents[1] / "var"


def directory() -> Path:
    """The demo's directory, made on first use and closed to other users of the machine."""
    path = Path(os.environ.get("FRONTDESK_DEMO_VAR") or DEFAULT)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def secret_key(path: Path) -> str:
    """The key in ``path``; the first caller makes it, and it is never in the source.

    It is written aside and linked into place, which fails when the name is taken. So no
    reader meets half a key, and of two first starts at once both use the same one.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")

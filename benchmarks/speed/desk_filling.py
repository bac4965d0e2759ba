"""Fill the table of the database storage; see ``filling.py``."""

from collections.abc import Sequence

from django.db import connection

from benchmarks.speed.filling import digest, execute, indexes_later, numbers
from frontdesk import clock
from frontdesk.models import Session
from frontdesk.storages.sql import COLUMNS

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def fill_sessions(first: int, count: int, users: Sequence[int], *, expired: bool = False) -> None:
    """Add the rows from number ``first`` on, which belong to the users between two ids in turn.

    They were seen in an hour from now, so that reading one does not record that it was used.
    """
    low, high = users[0], users[-1]
    user = f"({low} + n %% {high - low + 1})"
    now = clock.now()
    seen = now - 20 * clock.DAY if expired else now + clock.DAY // 24
    spread = f"(n %% 1000) * {clock.SECOND}"
    template = _template()
    own = {
        "digest": digest("n"),
        "data": _cast(_data(template["data"], user)),
        "user_id": user,
        "created": f"{seen - clock.DAY} + {spread}",
        "authenticated": f"{seen - clock.DAY} + {spread}",
        "last_seen": f"{seen} + {spread}",
        "idle": str(14 * clock.DAY),
        "deadline": str(now + 30 * clock.DAY),
        "expires": f"{seen + 14 * clock.DAY} + {spread}",
        "ended": "false" if connection.vendor == "postgresql" else "0",
        "moved_to": "''",
        "ip": "'192.0.2.1'",
        "user_agent": f"'{BROWSER}'",
        "version": "1",
    }
    with indexes_later(Session._meta.db_table, count):
        execute(
            f"INSERT INTO {Session._meta.db_table} ({', '.join(COLUMNS)}) "
            f"SELECT {', '.join(own[column] for column in COLUMNS)} FROM {numbers(first, count)}"
        )


def _cast(text: str) -> str:
    return f"({text})::jsonb" if connection.vendor == "postgresql" else f"({text})"


def _data(text: str, user: str) -> str:
    """Return SQL for the data of a session like the one in ``text``, of another user."""
    before, _, after = text.partition("@user@")
    return f"'{before}' || {user} || '{after}'"


def _template() -> dict[str, str]:
    """Return the data of a session that was made by signing in, with a mark in place of the user."""
    with connection.cursor() as cursor:
        data = "data::text" if connection.vendor == "postgresql" else "data"
        cursor.execute(
            f"SELECT {data}, user_id FROM {Session._meta.db_table} WHERE user_id IS NOT NULL "
            "ORDER BY created LIMIT 1"
        )
        text, user = cursor.fetchone()
    marked = text.replace(f'"\\"{user}\\""', '"\\"@user@\\""')
    if marked == text:
        raise RuntimeError(f"The user {user} is not in {text}")
    return {"data": marked.replace("'", "''").replace("%", "%%")}

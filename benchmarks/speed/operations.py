"""What is measured of a subject: a page that is asked for again and again, and how it is prepared."""

from typing import NamedTuple

from benchmarks.speed.subjects import ASGI, WSGI


class Operation(NamedTuple):
    """A page, and how many requests a slice has at most."""

    name: str
    title: str
    colours: tuple[str, ...] = (WSGI,)
    most: int = 400


NEITHER = "neither"
"""The page that touches neither session nor user; without sessions at all, what others are compared with."""

OPERATIONS = (
    Operation(NEITHER, "touches neither", (WSGI, ASGI)),
    Operation("user", "`request.user`", (WSGI, ASGI)),
    Operation("session", "session only", (WSGI, ASGI)),
    Operation("statement", "the statement alone"),
    Operation("driver", "the driver alone", (WSGI, ASGI)),
    Operation("credentials", "Django's own part", most=40),
    Operation("write", "write one key", (WSGI, ASGI)),
    Operation("sign_in", "sign in", most=40),
    Operation("sign_out", "sign out", most=40),
    Operation("list", "list ten sessions"),
    Operation("end_others", "end ten others", most=4),
    Operation("purge", "purge", most=1),
)
"""``sign_out`` ends the sessions that ``sign_in`` has begun, so it comes right after it."""

LIMITS = {"statement", "driver", "credentials"}
"""What the database storage cannot do without: its one statement, through Django's cursor, and past it; and
what Django does at a sign-in whatever keeps the session. They show how near the limit is."""

OF_A_USER = {"list", "end_others"}
"""What needs to know whose a session is."""

PURGED = 300
"""Sessions in one purge; its time is told per session."""

SESSIONS = 10
"""How many sessions the user has whose sessions are listed, and how many others are ended."""

TITLES = {operation.name: operation.title for operation in OPERATIONS}

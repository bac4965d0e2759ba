"""Why a request costs what it costs: how many calls it makes beyond the bare page, and whose they are.

The numbers are counts, so they are the same on every machine, whatever else that does. They say where the
time goes, not how much of it: a call may be a look into a dictionary, or a wait for a server.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.comparison.contestants import Contestant
from benchmarks.speed.crew import Member, crew
from benchmarks.speed.operations import NEITHER
from benchmarks.speed.places import missing, place_of
from benchmarks.speed.subjects import (
    BARE,
    DESK_CACHED,
    DESK_DATABASE,
    DESK_REDIS,
    DESK_REDIS_CACHE,
    POSTGRESQL,
    SQLITE,
    STOCK_CACHED,
    STOCK_DB,
    STOCK_REDIS,
    SUBJECTS,
    WSGI,
    Subject,
)

Tell = Callable[[str], None]


class Request(NamedTuple):
    """What is looked into."""

    operation: str
    contestants: tuple[Contestant, ...]
    database: str = SQLITE


LOOKED_INTO = (
    Request(NEITHER, (BARE, DESK_DATABASE, STOCK_DB)),
    Request("user", (DESK_DATABASE, STOCK_DB)),
    Request("user", (DESK_DATABASE, STOCK_DB), POSTGRESQL),
    Request("user", (DESK_REDIS, DESK_REDIS_CACHE, STOCK_REDIS)),
    Request("user", (DESK_CACHED, STOCK_CACHED), POSTGRESQL),
    Request("credentials", (DESK_DATABASE,)),
    Request("sign_in", (DESK_DATABASE, STOCK_DB)),
)


def measured(tell: Tell) -> dict[str, Any]:
    """Count all that can be counted here; see ``results.py``."""
    known = {(subject.contestant.name, subject.database): subject for subject in SUBJECTS}
    wanted = [
        (known[contestant.name, request.database], request.operation)
        for request in LOOKED_INTO
        for contestant in request.contestants
    ]
    subjects = {subject.id: subject for subject, _ in wanted}
    absent = {name: why for name, each in subjects.items() if (why := missing(each, WSGI))}
    found: dict[tuple[str, str], dict[str, int]] = {}
    planned: dict[str, float] = {}
    for number, subject in enumerate(subjects.values()):
        if subject.id not in absent:
            operations = [operation for each, operation in wanted if each.id == subject.id]
            with _alone(subject, number) as member:
                for operation in operations:
                    found[subject.id, operation] = member.tell("calls", operation=operation)
                if (subject.contestant, subject.database) == (DESK_DATABASE, POSTGRESQL):
                    planned = member.tell("explain")
            tell(f"profile: {subject.id}")
    rows = [
        {"subject": subject.id, "operation": operation, "calls": found[subject.id, operation]}
        for subject, operation in wanted
        if subject.id not in absent
    ]
    return {"rows": rows, "absent": absent, "planned": planned}


@contextmanager
def _alone(subject: Subject, number: int) -> Iterator[Member]:
    with tempfile.TemporaryDirectory(prefix="frontdesk_speed_") as folder, ExitStack() as stack:
        settings = stack.enter_context(place_of(subject, number, Path(folder)))
        (member,) = stack.enter_context(crew([(subject, WSGI, settings)], first=True))
        yield member

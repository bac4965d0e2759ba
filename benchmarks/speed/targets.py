"""What the numbers should be, as ratios within one run on one machine."""

from fractions import Fraction
from typing import Any, NamedTuple

from benchmarks.comparison.contestants import Contestant
from benchmarks.speed.operations import NEITHER
from benchmarks.speed.subjects import (
    ASGI,
    DATABASES,
    DESK_CACHED,
    DESK_DATABASE,
    DESK_FILE,
    DESK_PREPARED,
    DESK_REDIS,
    DESK_REDIS_CACHE,
    POSTGRESQL,
    SQLITE,
    STOCK_CACHED,
    STOCK_DB,
    STOCK_FILE,
    STOCK_PREPARED,
    STOCK_REDIS,
    STOCK_SIGNED,
    WSGI,
)


class Target(NamedTuple):
    """The cost that ours adds to a page is at most ``most`` of what theirs adds; ``stretch`` is the dream.

    With no theirs, ``most`` is microseconds that ours adds to a page without any sessions.
    """

    ours: Contestant
    theirs: Contestant | None
    most: Fraction
    stretch: Fraction
    operation: str = "user"
    database: str = SQLITE
    colour: str = WSGI

    @property
    def title(self) -> str:
        """Return what is compared, in words."""
        if self.theirs is None:
            return f"{self.ours.name}: a page that touches neither, against no middleware at all"
        what = {"user": "`request.user`", "sign_in": "a sign-in"}[self.operation]
        what = "`await request.auser()`" if self.colour == ASGI else what
        return f"{what}: {self.ours.name} against {self.theirs.name}; {DATABASES[self.database]}"


TARGETS = (
    Target(DESK_DATABASE, STOCK_DB, Fraction(1, 6), Fraction(1, 8)),
    Target(DESK_DATABASE, STOCK_DB, Fraction(1, 4), Fraction(1, 5), database=POSTGRESQL),
    Target(DESK_PREPARED, STOCK_PREPARED, Fraction(1, 4), Fraction(1, 5), database=POSTGRESQL),
    Target(DESK_DATABASE, STOCK_SIGNED, Fraction(1, 3), Fraction(1, 4)),
    Target(DESK_REDIS_CACHE, STOCK_REDIS, Fraction(1, 2), Fraction(1, 3)),
    Target(DESK_REDIS, STOCK_REDIS, Fraction(1, 3), Fraction(1, 4)),
    Target(DESK_DATABASE, None, Fraction(3), Fraction(2), operation=NEITHER),
    Target(DESK_DATABASE, STOCK_DB, Fraction(1, 3), Fraction(1, 5), colour=ASGI),
    Target(DESK_DATABASE, STOCK_DB, Fraction(1, 3), Fraction(1, 5), "user", POSTGRESQL, ASGI),
    Target(DESK_DATABASE, STOCK_DB, Fraction(1, 2), Fraction(1, 3), "sign_in"),
    Target(DESK_DATABASE, STOCK_DB, Fraction(1, 2), Fraction(1, 3), "sign_in", POSTGRESQL),
    Target(DESK_CACHED, STOCK_CACHED, Fraction(1, 2), Fraction(1, 3)),
    Target(DESK_CACHED, STOCK_CACHED, Fraction(1, 2), Fraction(1, 3), database=POSTGRESQL),
    Target(DESK_FILE, STOCK_FILE, Fraction(1, 2), Fraction(1, 3)),
)


class Verdict(NamedTuple):
    """A target and the row of what was measured; ``None`` where it was not."""

    target: Target
    row: dict[str, Any] | None

    @property
    def word(self) -> str:
        """Return how it ended."""
        if self.row is None:
            return "not measured"
        if self.row["measured"] > self.target.most:
            return "missed"
        return "met, and the stretch" if self.row["measured"] <= self.target.stretch else "met"


def verdicts(rows: list[dict[str, Any]]) -> list[Verdict]:
    """Return each target with what the rows of ``head_to_head.py`` say of it."""
    known = {row["target"]: row for row in rows}
    return [Verdict(target, known.get(target.title)) for target in TARGETS]

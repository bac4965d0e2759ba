"""What a session costs in a request, as processor time, beside Django's engines.

    make bench
    make bench ARGS="--only SQLite Redis"
    make bench ARGS="--rounds 5"
    git worktree add ../before COMMIT; make bench ARGS="--old ../before"

Each subject runs in a process of its own. In a round, all subjects of a group send one kind of request for a
few milliseconds each, one after the other, then the next kind. *Added* is the processor time of a request
minus that of a page in a project without sessions, in the same round. Each ratio is taken within a round; the
median of the rounds counts. So it matters little what else the machine does meanwhile. Servers of databases
use processor time of their own, which is not counted.

PostgreSQL and Redis are those of the tests (``tests/services.py``). ``--old`` also measures the frontdesk of
another checkout, beside this one.

Each group that is measured with 60 rounds or more is recorded in docs/evidence/data, so that groups can be
measured one by one, and docs/evidence/benchmarks.md is made anew. A run with ``--old`` records nothing.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from benchmarks import evidence, report
from tests import services
from tests.processes.site import places

ROOT = Path(__file__).parents[2]
SLICE = 20
"""Milliseconds of processor time."""
ROUNDS = 60

OPERATIONS = {
    "neither": "touches neither",
    "user": "`request.user`",
    "write": "write a key",
    "sign_in": "sign in",
}
BARE = "no sessions"
OLD = " (before)"


class Subject(NamedTuple):
    """What keeps the sessions: an engine of Django's, or a storage of frontdesk."""

    name: str
    engine: str = ""
    storage: str = ""
    options: dict[str, Any] = {}
    cache: bool = False
    """Whether it uses Django's cache on Redis."""
    authentication: str = ""
    """The authentication class, in the group of REST framework."""
    apps: tuple[str, ...] = ()
    """The apps that this class needs."""

    def settings(self, database: dict[str, Any], folder: Path, prefix: str) -> dict[str, Any]:
        """Return Django's settings. In options, ``{folder}`` and ``{prefix}`` are replaced."""
        url = services.REDIS.geturl()
        words = {"folder": folder, "prefix": prefix, "redis": url}
        options = {name: value.format(**words) for name, value in self.options.items()}
        middleware = ["django.contrib.sessions.middleware", "django.contrib.auth.middleware"]
        if self.storage:
            middleware = ["frontdesk.middleware"] * 2
        names = ("SessionMiddleware", "AuthenticationMiddleware")
        return {
            "DATABASES": {
                "default": {**database, "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}
            },
            "CACHES": {
                "default": {
                    "BACKEND": "django.core.cache.backends.redis.RedisCache",
                    "LOCATION": url,
                    "KEY_PREFIX": prefix,
                }
            },
            "INSTALLED_APPS": [
                "django.contrib.auth",
                "django.contrib.contenttypes",
                "frontdesk" if self.storage else "django.contrib.sessions",
            ],
            "MIDDLEWARE": [
                f"{module}.{name}"
                for module, name in zip(middleware, names, strict=True)
                if self.engine or self.storage
            ],
            "SESSION_ENGINE": "frontdesk.engine"
            if self.storage
            else f"django.contrib.sessions.backends.{self.engine or 'db'}",
            "SESSION_FILE_PATH": str(folder),
            "FRONTDESK": {
                "STORAGE": {"BACKEND": f"frontdesk.storages.{self.storage}", "OPTIONS": options}
            },
            "SECRET_KEY": "for-the-benchmark-only-" + "x" * 50,
            "ALLOWED_HOSTS": ["127.0.0.1"],
            "USE_TZ": True,
            "ROOT_URLCONF": "benchmarks.speed.pages",
            "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
            "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
            "TEMPLATES": [
                {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
            ],
        }

    def api_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the same for a project on REST framework."""
        middleware = list(settings["MIDDLEWARE"])
        if "allauth.account" in self.apps:
            middleware.append("allauth.account.middleware.AccountMiddleware")
        return settings | {
            "INSTALLED_APPS": [*settings["INSTALLED_APPS"], "rest_framework", *self.apps],
            "MIDDLEWARE": middleware,
            "ROOT_URLCONF": "benchmarks.speed.api",
            "REST_FRAMEWORK": {
                "DEFAULT_AUTHENTICATION_CLASSES": [self.authentication]
                if self.authentication
                else [],
                "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            },
            "FRONTDESK": {
                **settings["FRONTDESK"],
                "HEADER_CARRIER": "apps",
                "API_SCOPES": {"orders:read": "Read orders"},
            },
        }


DJANGO_DB = Subject("Django, db", "db")
DJANGO_CACHED = Subject("Django, cached_db on Redis", "cached_db", cache=True)
DJANGO_CACHE = Subject("Django, cache on Redis", "cache", cache=True)
DJANGO_FILE = Subject("Django, file", "file")
DJANGO_SIGNED = Subject("Django, signed_cookies", "signed_cookies")
DATABASE = Subject("frontdesk, database", storage="database.DatabaseStorage")
FILE = Subject(
    "frontdesk, file", storage="file.FileStorage", options={"DIRECTORY": "{folder}/sessions"}
)
REDIS = Subject(
    "frontdesk, Redis",
    storage="redis.RedisStorage",
    options={"URL": "{redis}", "PREFIX": "{prefix}:"},
)
CACHE = Subject("frontdesk, cache on Redis", storage="cache.CacheStorage", cache=True)

KEY = Subject(
    "frontdesk, session in the header",
    storage="database.DatabaseStorage",
    authentication="frontdesk.contrib.rest_framework.SessionAuth",
)
TOKEN = Subject(
    "frontdesk, API token",
    storage="database.DatabaseStorage",
    authentication="frontdesk.contrib.rest_framework.TokenAuth",
)
DRF_TOKEN = Subject(
    "REST framework, authtoken",
    "db",
    authentication="rest_framework.authentication.TokenAuthentication",
    apps=("rest_framework.authtoken",),
)
KNOX = Subject("knox", "db", authentication="knox.auth.TokenAuthentication", apps=("knox",))
ALLAUTH = Subject(
    "allauth, X-Session-Token",
    "db",
    authentication="allauth.headless.contrib.rest_framework.authentication.XSessionTokenAuthentication",
    apps=("allauth", "allauth.account", "allauth.headless"),
)


class Group(NamedTuple):
    """Subjects that take turns, and the most that ``request.user`` of one may add, as a share of another."""

    database: str
    mode: str
    subjects: tuple[Subject, ...]
    targets: tuple[tuple[Subject, Subject, Fraction | None], ...]

    @property
    def operations(self) -> list[str]:
        """What is measured: in async views only reading, and in the API only the user."""
        return {"wsgi": list(OPERATIONS), "asgi": ["neither", "user"], "api": ["user"]}[self.mode]


GROUPS = {
    "SQLite": Group(
        "sqlite",
        "wsgi",
        (DJANGO_DB, DATABASE, DJANGO_CACHED, DJANGO_SIGNED),
        (
            (DATABASE, DJANGO_DB, Fraction(1, 4)),
            (DATABASE, DJANGO_CACHED, None),
            (DATABASE, DJANGO_SIGNED, None),
        ),
    ),
    "PostgreSQL": Group(
        "postgresql",
        "wsgi",
        (DJANGO_DB, DATABASE),
        ((DATABASE, DJANGO_DB, Fraction(1, 3)),),
    ),
    "Redis": Group(
        "sqlite",
        "wsgi",
        (DJANGO_CACHE, REDIS, CACHE),
        ((REDIS, DJANGO_CACHE, Fraction(10, 22)), (CACHE, DJANGO_CACHE, None)),
    ),
    "file": Group("sqlite", "wsgi", (DJANGO_FILE, FILE), ((FILE, DJANGO_FILE, Fraction(10, 22)),)),
    "SQLite, async": Group("sqlite", "asgi", (DJANGO_DB, DATABASE), ((DATABASE, DJANGO_DB, None),)),
    "Redis, async": Group("sqlite", "asgi", (DJANGO_CACHE, REDIS), ((REDIS, DJANGO_CACHE, None),)),
    "api": Group(
        "sqlite",
        "api",
        (KEY, TOKEN, DRF_TOKEN, KNOX, ALLAUTH),
        (
            *((TOKEN, theirs, Fraction(1)) for theirs in (DRF_TOKEN, KNOX)),
            *((KEY, theirs, Fraction(1)) for theirs in (DRF_TOKEN, KNOX, ALLAUTH)),
        ),
    ),
}
GROWTH = {"10,000": 10_000, "1,000,000": 1_000_000}
GROWS = "growth"
"""The name of the group of one subject with few and with many sessions."""


class Member:
    """A subject in a process of its own."""

    def __init__(self, name: str, settings: dict[str, Any], mode: str, source: Path) -> None:
        self.name = name
        path = [str(source / "src"), str(ROOT)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.speed.worker", mode],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(path), "FRONTDESK_SPEED": json.dumps(settings)},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        imported = self._hear()
        if imported and not Path(imported).is_relative_to(source.resolve()):
            raise RuntimeError(f"{name} has imported {imported}, not what is in {source}")

    def tell(self, *what: Any) -> Any:
        """Let it call a method, and return what that returns."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def stop(self) -> None:
        """End it."""
        services.stop(self._process)

    def _hear(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} has ended; see above")
        return json.loads(line)


Rounds = dict[tuple[str, str], list[float]]
"""The added microseconds of each round, by subject and operation."""


@contextmanager
def members_of(group: Group, old: Path | None, number: int) -> Iterator[list[Member]]:
    """Start the processes of a group. With ``old``, each storage is there twice."""
    wanted = [(subject.name, subject, ROOT) for subject in (Subject(BARE), *group.subjects)]
    if old:
        wanted += [(s.name + OLD, s, old.resolve()) for s in group.subjects if s.storage]
    with ExitStack() as stack:
        members = []
        for index, (name, subject, source) in enumerate(wanted):
            own = f"{services.RUN}_speed_{number}_{index}"
            folder = services.RUN_DIR / own
            folder.mkdir()
            database = places.sqlite_in(str(folder))
            if group.database == "postgresql":
                database = stack.enter_context(places.postgresql(own))
            stack.enter_context(places.under_prefix(own))
            settings = subject.settings(database, folder, own)
            if group.mode == "api":
                settings = subject.api_settings(settings)
            member = Member(name, settings, group.mode, source)
            stack.callback(member.stop)
            members.append(member)
        yield members


def measure(members: list[Member], operations: list[str], rounds: int) -> Rounds:
    """Let the members take turns; the first one is the page without sessions."""
    found: Rounds = {}
    for member in members:
        own = operations if member.name != BARE else ["neither"]
        member.tell("warm", own)
    for number in range(rounds):
        turns = members if number % 2 else members[::-1]
        for operation in operations:
            slices = {
                member.name: member.tell(
                    "slice", "neither" if member.name == BARE else operation, SLICE
                )
                for member in turns
            }
            for name, microseconds in slices.items():
                added = microseconds - slices[BARE]
                found.setdefault((name, operation), []).append(added)
    return found


def compared(found: Rounds, ours: str, theirs: str, operation: str = "user") -> list[float]:
    """Return, for each round, how many times what ours adds theirs adds."""
    pairs = zip(found[ours, operation], found[theirs, operation], strict=True)
    return [their / our for our, their in pairs]


def grown(rounds: int) -> Rounds:
    """Measure ``request.user`` with a random session among few and among many."""
    group = Group("sqlite", "wsgi", tuple(DATABASE._replace(name=name) for name in GROWTH), ())
    with members_of(group, None, 99) as members:
        for member in members[1:]:
            member.tell("fill", GROWTH[member.name])
        return measure(members, ["user"], rounds)


# The rows that are recorded.


def quartiles(values: list[float], digits: int) -> dict[str, object]:
    """Return the columns of the median and the quartiles."""
    cut = quantiles(values, n=4)
    names = ("lower", "median", "upper")
    return {name: f"{value:.{digits}f}" for name, value in zip(names, cut, strict=True)}


def added_rows(name: str, found: Rounds) -> Iterator[dict[str, object]]:
    """Yield what each subject adds, in microseconds."""
    for (subject, operation), values in found.items():
        if subject != BARE:
            row = {"group": name, "subject": subject, "operation": operation}
            yield row | quartiles(values, 1)


def ratio_rows(name: str, group: Group, found: Rounds) -> Iterator[dict[str, object]]:
    """Yield how many times as much as ours theirs adds, for ``request.user``."""
    for ours, theirs, most in group.targets:
        ratios = compared(found, ours.name, theirs.name)
        target = "" if most is None else f"{float(1 / most):g}"
        row = {"group": name, "subject": ours.name, "other": theirs.name}
        yield row | quartiles(ratios, 2) | {"target": target}


def growth_rows(found: Rounds) -> Iterator[dict[str, object]]:
    """Yield what ``request.user`` adds with each number of sessions."""
    for name, number in GROWTH.items():
        yield {"sessions": number} | quartiles(found[name, "user"], 1)


def before_rows(name: str, group: Group, found: Rounds) -> Iterator[list[object]]:
    """Yield the rows that compare with the other checkout."""
    for subject in group.subjects:
        if (subject.name + OLD, "user") in found:
            yield [
                subject.name,
                name,
                *(
                    f"{1 / median(compared(found, subject.name, subject.name + OLD, operation)):.2f}"
                    if operation in group.operations and operation != "neither"
                    else "-"
                    for operation in OPERATIONS
                ),
            ]


PACKAGES = (
    *("psycopg", "redis", "hiredis"),
    *("djangorestframework", "django-rest-knox", "django-allauth"),
)


def main() -> int:
    """Run the program."""
    options = _options()
    records = options.rounds >= ROUNDS and not options.old
    run = report.begin(
        *PACKAGES,
        servers=("PostgreSQL", "Redis"),
        load=f"{options.rounds} rounds.",
        records=records,
    )
    print(run)
    with report.run_directory():
        for number, name in enumerate(options.only):
            if name == GROWS:
                rows = list(growth_rows(grown(options.rounds)))
                shown(rows)
                if records:
                    report.record("benchmarks-growth", run, rows, ["sessions"])
                    evidence.draw("benchmarks")
                continue
            group = GROUPS[name]
            for needed in {"redis", group.database} - {"sqlite"}:
                if reason := services.missing(needed):
                    raise SystemExit(f"{name} needs {needed}: {reason}")
            with members_of(group, options.old, number) as members:
                found = measure(members, group.operations, options.rounds)
                if name == "SQLite":
                    show_passes(members)
            added, ratios = list(added_rows(name, found)), list(ratio_rows(name, group, found))
            shown(added)
            shown(ratios)
            if options.old:
                head = ("after as a share of before", "group", *OPERATIONS.values())
                print(
                    "", *report.table(head, before_rows(name, group, found)), sep="\n", flush=True
                )
            if records:
                report.record("benchmarks", run, added, ["group", "subject", "operation"])
                report.record("benchmarks-ratios", run, ratios, ["group", "subject", "other"])
                evidence.draw("benchmarks")
    return 0


def shown(rows: list[dict[str, object]]) -> None:
    print(
        "", *report.table(list(rows[0]), [list(row.values()) for row in rows]), sep="\n", flush=True
    )


def show_passes(members: list[Member]) -> None:
    """Print which functions of frontdesk a request with ``request.user`` passes through."""
    for member in members:
        if DATABASE.name in member.name:
            files: dict[str, int] = member.tell("passes")
            total = f"{sum(files.values())} functions in {len(files)} files"
            print(f"\n`request.user`, {member.name}: {total}", files, sep="\n", flush=True)


def _options() -> argparse.Namespace:
    parser = report.parser("speed", __doc__)
    names = [*GROUPS, GROWS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="GROUP")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--old", type=Path, help="another checkout, to be measured beside this one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

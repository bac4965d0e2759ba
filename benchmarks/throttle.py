"""Guesses passwords at the sign-in page; counts what is checked, what is stored, and how long it takes.

    make throttle
    make throttle ARGS="--seconds 30 --database sqlite"

- ``burst``: 1,000 wrong passwords for one account, as many at the same moment as the database has connections
- ``one name``, ``new names``: 100 attempts a second from one network, for one account or each for another
- ``new networks``: the same, each from another network as well
- ``timing``: wrong and refused passwords, of an account that exists and of one that does not, in turn

The times are compared by the test of Mann and Whitney. 50 % says that the answers cannot be told apart.

*checked* are passwords that were compared with the user's. *rows* and *KB* are those of the tables of the
throttle and of the history afterwards. The exit code is 1 if a burst passes the limit. A run with the
defaults writes its tables into docs/evidence/throttle.md.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.db import connection
from django.test.utils import setup_test_environment

from benchmarks import report
from tests import services

SECONDS = 120.0

SAMPLES = 200

SERVERS = {"postgresql": ["PostgreSQL"], "mariadb": ["MariaDB"], "sqlite": []}


@contextmanager
def project(database: str) -> Iterator[Any]:
    """Set up the project of the tests with the throttle and a database of its own; yield the attempts."""
    os.environ |= {"FRONTDESK_TEST_DB": database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    settings.ROOT_URLCONF = "tests.requests.site"
    settings.AUTHENTICATION_BACKENDS = [
        "frontdesk.backends.ThrottleBackend",
        "django.contrib.auth.backends.ModelBackend",
    ]
    django.setup()
    logging.disable(logging.CRITICAL)
    setup_test_environment()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield import_module("benchmarks.guesses")
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def main() -> int:
    arguments = report.parser("throttle", __doc__)
    arguments.add_argument("--database", default="postgresql", choices=list(services.DATABASES))
    arguments.add_argument("--seconds", type=float, default=SECONDS, help="of each attack")
    arguments.add_argument("--samples", type=int, default=SAMPLES, help="of each timing")
    options = arguments.parse_args()
    with report.run_directory(), project(options.database) as guesses:
        rows = [guesses.burst(options.database)]
        kinds = ("one name", "new names", "new networks")
        rows += [guesses.attack(kind, options.seconds) for kind in kinds]
        times = guesses.timing(options.samples)
    head = ["", "attempts", "in", "checked", "rows", "KB", "rows of history", "KB of history"]
    lines = [
        report.circumstances("psycopg", servers=SERVERS[options.database]),
        "",
        *report.table(head, rows),
        "",
        *report.table(
            ["answer, in ms", "25 %", "median", "75 %", "longer than the first", "p"], times
        ),
    ]
    print("\n".join(lines))
    if (options.database, options.seconds, options.samples) == ("postgresql", SECONDS, SAMPLES):
        report.write("evidence/throttle.md", "measured", ["", *lines, ""])
    return int(any(row[0] == "burst" and int(str(row[3])) > 10 for row in rows))


if __name__ == "__main__":
    sys.exit(main())

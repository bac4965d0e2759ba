"""Guesses passwords at the sign-in page; counts what is checked, what is stored, and how long it takes.

    make throttle
    make throttle ARGS="--seconds 30 --database sqlite"

- ``burst``: 1,000 wrong passwords for one account, as many at the same moment as the database has connections
- ``one name``, ``new names``: 100 attempts a second from one network, for one account or each for another
- ``new networks``: the same, each from another network as well
- ``timing``: wrong and refused passwords, of an account that exists and of one that does not, in turn

The times are compared by the test of Mann and Whitney. 50 % says that the answers cannot be told apart.

*checked* are passwords that were compared with the user's. *rows* and *KB* are those of the tables of the
throttle and of the history afterwards. The exit code is 1 if a burst passes the limit.

A run on PostgreSQL with the defaults, or more, is recorded in docs/evidence/data, and
docs/evidence/throttle.md is made anew.
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

from benchmarks import evidence, report
from tests import services

SECONDS = 10.0

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
    records = (
        options.database == "postgresql"
        and options.seconds >= SECONDS
        and options.samples >= SAMPLES
    )
    run = report.begin(
        "psycopg",
        servers=SERVERS[options.database],
        load=f"Attacks of {options.seconds:g} seconds, {options.samples} answers of each kind.",
        records=records,
    )
    print(run)
    with report.run_directory(), project(options.database) as guesses:
        attacks = [guesses.burst(options.database)]
        kinds = ("one name", "new names", "new networks")
        attacks += [guesses.attack(kind, options.seconds) for kind in kinds]
        times = guesses.timing(options.samples)
    for rows in (attacks, times):
        print("", *report.table(list(rows[0]), [list(row.values()) for row in rows]), sep="\n")
    if records:
        report.record("throttle-attacks", run, attacks, ["attack"], whole=True)
        report.record("throttle-times", run, times, ["answer"], whole=True)
        evidence.draw("throttle")
    return int(any(row["attack"] == "burst" and row["checked"] > 10 for row in attacks))


if __name__ == "__main__":
    sys.exit(main())

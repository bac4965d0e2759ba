"""What the tests of the way past Django's cursor share."""

import pytest

from tests import services

DIGEST = "a1" * 32

each_database = services.each_database(transaction=True)


def on(*engines):
    """Run the test on these databases only."""
    name, cases = each_database.args
    return pytest.mark.parametrize(
        name, [case for case in cases if case.id in engines], indirect=True
    )


straight = on("sqlite", "postgresql")


def params_of(connection):
    settings = connection.settings_dict
    wanted = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    return {name: settings[key] for name, key in wanted.items() if settings[key]}


def by_cursor(connection, select, value):
    with connection.cursor() as cursor:
        cursor.execute(select.for_cursor, {"value": value})
        return cursor.fetchone()

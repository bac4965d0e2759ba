"""What the tests of the ways past Django's cursor and redis-py's client share."""

from functools import partial

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


class Tool:
    """Stands before a method, as a tool does that traces. Whatever else it is asked, the method answers.

    So it is with what wrapt makes, which is equal to what it stands before.
    """

    def __init__(self, method):
        self.method, self.calls = method, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.method(*args, **kwargs)

    def __get__(self, instance, kind=None):
        return self if instance is None else partial(self, instance)

    def __getattr__(self, name):
        return getattr(self.method, name)

    def __eq__(self, other):
        return self.method == other

    def __hash__(self):
        return hash(self.method)

"""Of what people type and of what browsers hold, the history keeps nothing that could be used."""

import logging

import pytest
from django.contrib import auth
from django.db import connection
from django.test.utils import CaptureQueriesContext

from frontdesk.history_rows import Insert
from frontdesk.models import HistoryEntry
from frontdesk.tokens import digest_of
from tests.history.conftest import leave, sign_in
from tests.requests.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

TYPED = "hunter2 in the wrong field"
WRONG = "a wrong password"


def dump():
    """Return all rows of the history's table as text."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {HistoryEntry._meta.db_table}")
        return repr(cursor.fetchall())


@pytest.fixture
def secrets(storage_setting, device, user):
    """Live through all that is remembered; return what must not be."""
    visitor, found = device(), {TYPED, WRONG, PASSWORD, "hunter2"}
    sign_in(visitor, TYPED, WRONG)
    sign_in(visitor, "ada", WRONG)
    for _ in range(2):
        sign_in(visitor)
        found.add(visitor.key)
    visitor.do(leave)
    auth.authenticate(username=TYPED, password=WRONG, otp=TYPED)
    assert len(found) == 6
    return found


def test_neither_names_as_typed_nor_passwords_nor_keys_are_in_the_table(secrets):
    """People type their password where their name belongs (ASVS 16.2.5)."""
    held = dump()
    assert HistoryEntry.objects.count() == 6
    assert [secret for secret in secrets if secret in held] == []


def test_what_is_in_the_table_is_the_digest_of_the_key(member):
    assert digest_of(member.key) in dump()


def test_the_name_of_somebody_who_exists_is_not_in_the_table_either(device, user):
    sign_in(device(), password=WRONG)
    assert "ada" not in dump()


def test_the_database_never_gets_to_see_what_was_typed(device, user):
    with CaptureQueriesContext(connection) as seen:
        sign_in(device(), TYPED, WRONG)
    written = [query["sql"] for query in seen if HistoryEntry._meta.db_table in query["sql"]]
    assert written
    assert not [sql for sql in written if TYPED in sql or WRONG in sql]


def test_a_failure_to_write_does_not_log_what_was_typed(user, device, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(Insert, "one", broken)
    caplog.set_level(logging.DEBUG)
    sign_in(device(), TYPED, WRONG)
    assert "The history of sign-ins cannot answer" in caplog.text
    assert TYPED not in caplog.text
    assert WRONG not in caplog.text


def test_the_hash_of_a_name_depends_on_the_projects_secret(device, settings):
    sign_in(device(), "nobody")
    settings.SECRET_KEY = "another"
    sign_in(device(), "nobody")
    one, other = HistoryEntry.objects.values_list("name_hash", flat=True)
    assert one != other

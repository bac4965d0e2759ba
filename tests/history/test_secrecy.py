"""What users type and what browsers hold is not in the history in a form that could be used."""

import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from frontdesk.core.keys import Key
from frontdesk.history import recording
from frontdesk.models import HistoryEntry
from tests.fixtures import PASSWORD, sign_out
from tests.history.conftest import log_in

pytestmark = pytest.mark.django_db(transaction=True)

TYPED = "hunter2 in the wrong field"
WRONG = "a wrong password"


def dump():
    """Return all rows of the table as text."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {HistoryEntry._meta.db_table}")
        return repr(cursor.fetchall())


@pytest.fixture
def secrets(device, user):
    """Do all that is recorded, and return what must not be in the table."""
    browser, found = device(), {TYPED, WRONG, PASSWORD, "hunter2"}
    log_in(browser, TYPED, WRONG)
    log_in(browser, "ada", WRONG)
    for _ in range(2):
        log_in(browser)
        found |= {browser.key, Key(browser.key).secret, Key(browser.key).digest}
    sign_out(browser)
    return found


def test_neither_names_nor_passwords_nor_keys_are_in_the_table(secrets):
    """Users type their password where their name belongs (ASVS 16.2.5)."""
    held = dump()
    assert HistoryEntry.objects.count() == 5
    assert [secret for secret in secrets if secret in held] == []


def test_the_public_id_of_the_session_is_in_the_table(member):
    assert Key(member.key).id in dump()


def test_the_name_of_an_existing_user_is_not_in_the_table(device, user):
    log_in(device(), password=WRONG)
    assert "ada" not in dump()


def test_the_database_does_not_see_what_was_typed(device, user):
    with CaptureQueriesContext(connection) as seen:
        log_in(device(), TYPED, WRONG)
    written = [query["sql"] for query in seen if HistoryEntry._meta.db_table in query["sql"]]
    assert written
    assert not [sql for sql in written if TYPED in sql or WRONG in sql]


def test_a_failure_to_write_does_not_log_what_was_typed(user, device, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(recording, "rows_to_write", fail)
    caplog.set_level(logging.DEBUG)
    log_in(device(), TYPED, WRONG)
    assert "The sign-in history cannot answer" in caplog.text
    assert TYPED not in caplog.text
    assert WRONG not in caplog.text


def test_the_hash_of_a_name_depends_on_the_secret(device, settings):
    log_in(device(), "nobody")
    settings.SECRET_KEY = "another"
    log_in(device(), "nobody")
    one, other = HistoryEntry.objects.values_list("name_hash", flat=True)
    assert one != other

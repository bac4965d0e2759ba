"""A history that cannot be written breaks nothing, and is logged once."""

from contextlib import contextmanager

import pytest
from django.contrib import auth
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import OperationalError, connection, connections, transaction

from frontdesk.core.keys import Key
from frontdesk.history import recording
from frontdesk.models import HistoryEntry
from tests import services
from tests.fixtures import DATABASE, PASSWORD, is_anonymous, sign_out, use
from tests.history.conftest import log_in, recorded

pytestmark = pytest.mark.django_db(transaction=True)

sync_only = pytest.mark.parametrize("mode", ["sync"], indirect=True)


@contextmanager
def without_table():
    """Let each statement fail as if the table was not there, as between a deployment and its migration."""
    table = HistoryEntry._meta.db_table

    def fail(execute, sql, *rest):
        if table in sql:
            raise OperationalError(f"no such table: {table}")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail):
        yield


@pytest.fixture
def no_table():
    with without_table():
        yield


def incidents(caplog):
    return [record.getMessage() for record in caplog.records if "history" in record.getMessage()]


def test_without_the_table_users_sign_in_and_out(no_table, device, new_browser, user, caplog):
    browser = device()
    assert log_in(browser, password="wrong").status_code == 200
    assert log_in(browser).status_code == 302
    assert browser.username() == "ada"
    key = browser.key
    sign_out(browser)
    assert is_anonymous(new_browser, key)
    user.delete()
    assert len(incidents(caplog)) == 1


def test_an_incident_is_logged_once_and_its_end_once(device, user, caplog):
    with without_table():
        for _ in range(3):
            log_in(device())
    for _ in range(2):
        log_in(device())
    first, last = incidents(caplog)
    assert "cannot answer" in first
    assert "no such table" in first
    assert "answers again" in last


@sync_only
def test_a_history_that_hangs_does_not_keep_every_sign_in_waiting(device, user, monkeypatch):
    calls, slow = [], recording.outage

    def hang(*args):
        calls.append(args)
        raise TimeoutError

    monkeypatch.setattr(recording, "_insert", hang)
    slow.failed(TimeoutError(), -10)  # it took longer than a moment
    for _ in range(3):
        assert log_in(device()).status_code == 302
    assert calls == []


def test_a_purge_that_the_history_refuses_is_logged(no_table, caplog):
    call_command("clearsessions")
    assert recording.outage.open
    assert len(incidents(caplog)) == 1


# --- transactions ---------------------------------------------------------------------------------


def fail_to_sign_in(request):
    auth.authenticate(request, username="ada", password="wrong")


def enter(request):
    auth.login(request, auth.authenticate(request, username="ada", password=PASSWORD))
    request.session.save()


def in_a_transaction(*tasks, then=None):
    """Return a task that runs these in a transaction, as ATOMIC_REQUESTS does, and then raises."""

    def task(request):
        with transaction.atomic():
            for each in tasks:
                each(request)
            if then:
                raise then

    return task


@sync_only
@pytest.mark.parametrize("storage", ["memory", "database"])
def test_what_a_view_does_is_recorded_when_it_commits(browser, user, settings, storage):
    if storage == "database":
        use(settings, DATABASE)
    browser.do(in_a_transaction(fail_to_sign_in, enter))
    assert recorded() == ["failed", "signed_in"]
    assert HistoryEntry.objects.last().session_id == Key(browser.key).id


@sync_only
def test_what_a_view_has_rolled_back_is_not_recorded(browser, user, settings):
    use(settings, DATABASE)
    browser.do(in_a_transaction(fail_to_sign_in, enter, then=PermissionDenied()))
    assert recorded() == []


@sync_only
@pytest.mark.parametrize("storage", ["memory", "database"])
def test_a_failure_does_not_break_the_views_transaction(no_table, browser, user, settings, storage):
    if storage == "database":
        use(settings, DATABASE)

    def work(request):
        Group.objects.create(name="written by the view")

    browser.do(in_a_transaction(fail_to_sign_in, enter, auth.logout, work))
    assert recording.outage.open
    assert Group.objects.filter(name="written by the view").exists()


@sync_only
def test_nothing_is_written_inside_the_views_transaction(browser, user, django_assert_num_queries):
    """Not even a savepoint, which Django's own code would not make."""
    counts = []

    def task(request):
        with transaction.atomic(), django_assert_num_queries(1, connection=connection):
            fail_to_sign_in(request)  # the query for the user
        counts.append(HistoryEntry.objects.count())

    browser.do(task)
    assert counts == [1]


@sync_only
def test_a_sign_out_whose_view_is_rolled_back_is_recorded_once(browser, user, settings):
    use(settings, DATABASE)
    log_in(browser)
    browser.raise_request_exception = False
    browser.do(in_a_transaction(auth.logout, then=ZeroDivisionError()))
    assert recorded() == ["signed_in", "ended: logout"]


# --- another database -----------------------------------------------------------------------------


class Separate:
    """A router that keeps the history in a database of its own."""

    alias = "postgresql"

    def db_for_read(self, model, **hints):
        return self.alias if model is HistoryEntry else None

    db_for_write = db_for_read

    def allow_relation(self, *args, **hints):
        return True


@pytest.mark.needs("postgresql")
@pytest.mark.django_db(transaction=True, databases=["default", "postgresql"])
@sync_only
def test_the_history_may_be_in_another_database(device, user, settings):
    settings.DATABASE_ROUTERS = [f"{__name__}.Separate"]
    if Separate.alias not in connections:
        pytest.skip("PostgreSQL is the default database here")
    from frontdesk import history

    browser = device()
    log_in(browser, password="wrong")
    log_in(browser)
    sign_out(browser)
    assert [entry.what for entry in history.recent(user)] == ["ended", "signed_in", "failed"]
    assert HistoryEntry.objects.using("default").count() == 0
    user.delete()
    assert HistoryEntry.objects.using("postgresql").count() == 0


# --- many failed attempts at once -----------------------------------------------------------------


@services.each_database(transaction=True)
def test_failed_attempts_at_once_are_counted_in_one_row(database, user):
    """Of two that find no row, one inserts it and the other counts in it."""
    import threading

    barrier, errors = threading.Barrier(8), []

    def attempt():
        try:
            barrier.wait(timeout=60)
            for _ in range(3):
                recording._count_failure("a" * 64, 1_800_000_000_000_000, {"ip": "192.0.2.7"}, True)
        except Exception as error:  # noqa: BLE001 (handed to the test)
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [row.count for row in HistoryEntry.objects.all()] == [24]

"""A history that cannot be written breaks nothing, is logged once, and spares the view's transaction."""

import pytest
from django.contrib import auth
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connections
from django.utils import translation

from frontdesk import history
from frontdesk.engine import SessionStore
from frontdesk.models import HistoryEntry
from frontdesk.signals import Reason
from frontdesk.tokens import digest_of
from tests import services
from tests.history.conftest import leave, lose_the_table, sign_in, told
from tests.requests.conftest import PASSWORD


@pytest.fixture
def no_table(monkeypatch):
    lose_the_table(monkeypatch)


def incidents(caplog):
    return [record.getMessage() for record in caplog.records if "history" in record.getMessage()]


# --- people come and go ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_without_the_table_people_sign_in_and_out_and_fail(
    storage_setting, no_table, device, user, caplog
):
    visitor = device()
    assert sign_in(visitor, password="wrong").status_code == 200
    assert visitor.who() == ""
    assert sign_in(visitor).status_code == 302
    assert visitor.who() == "ada"
    key = visitor.key
    visitor.do(leave)
    assert visitor.who() == ""
    assert not SessionStore().exists(key)
    user.delete()
    assert len(incidents(caplog)) == 1


@pytest.mark.django_db(transaction=True)
def test_an_incident_is_logged_once_and_its_end_once(device, user, monkeypatch, caplog):
    with monkeypatch.context() as unmigrated:
        lose_the_table(unmigrated)
        for _ in range(3):
            sign_in(device())
    for _ in range(2):
        sign_in(device())
    first, last = incidents(caplog)
    assert "cannot answer" in first
    assert "frontdesk_not_migrated" in first
    assert "answers again" in last


@pytest.mark.django_db(transaction=True)
def test_a_purge_that_the_history_refuses_is_logged_and_the_sessions_are_purged(
    storage_setting, no_table, caplog
):
    call_command("clearsessions")
    assert history.incident.open
    assert len(incidents(caplog)) == 1


@services.each_database()
@pytest.mark.parametrize("act", ["sign_in", "fail", "leave"])
def test_a_failure_does_not_poison_the_transaction_around_it(
    database, no_table, browser, user, settings, act
):
    """The test's own transaction is that of a view under ATOMIC_REQUESTS."""
    settings.FRONTDESK = {
        "STORAGE": {"BACKEND": "frontdesk.storages.memory.MemoryStorage"}  # tells at once
    }
    sign_in(browser, password=PASSWORD if act != "fail" else "wrong")
    if act == "leave":
        browser.do(leave)
    assert history.incident.open
    assert Group.objects.create(name="still there").pk
    assert connections[database].in_atomic_block


# --- ATOMIC_REQUESTS ---------------------------------------------------------------------------------------


@pytest.fixture
def atomic(database, monkeypatch):
    """Each view in a transaction of its own. Django allows that for sync views only."""
    for connection in connections.all():
        if connection.alias == database:
            monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


def act(*tasks, fail=None):
    """Return a task of a sync view: authenticate, sign in, then fail."""

    def task(request):
        for each in tasks:
            each(request)
        if fail:
            raise fail

    return task


def try_in_vain(request):
    auth.authenticate(request, username="ada", password="wrong")


def enter(request):
    auth.login(request, auth.authenticate(request, username="ada", password=PASSWORD))


atomically = services.each_database(transaction=True)
sync_views = pytest.mark.parametrize("colour", ["wsgi"], indirect=True)


@atomically
@sync_views
def test_a_failed_try_is_remembered_when_the_view_commits(database, atomic, browser, user):
    browser.do(act(try_in_vain))
    assert told() == ["failed"]


@atomically
@sync_views
def test_a_failed_try_goes_with_the_view_that_is_rolled_back(database, atomic, browser, user):
    browser.do(act(try_in_vain, fail=PermissionDenied))
    assert told() == []


@atomically
@sync_views
def test_a_sign_in_is_remembered_although_its_view_runs_in_a_transaction(
    database, atomic, browser, user
):
    browser.do(act(enter))
    assert told() == ["signed_in"]
    assert HistoryEntry.objects.get().session_id == digest_of(browser.key)


@atomically
@sync_views
def test_a_sign_in_that_is_rolled_back_was_none(database, atomic, browser, user):
    browser.raise_request_exception = False
    browser.do(act(enter, fail=ZeroDivisionError))
    assert told() == []


@atomically
@sync_views
def test_a_sign_out_stays_one_if_its_view_is_rolled_back_and_is_remembered_once(
    database, atomic, browser, user
):
    browser.raise_request_exception = False
    sign_in(browser)
    browser.do(act(auth.logout, fail=ZeroDivisionError))
    assert told() == ["signed_in", "ended: logout"]


@atomically
@sync_views
def test_the_work_of_a_view_survives_a_history_that_cannot_be_written(
    database, atomic, no_table, browser, user
):
    def work(request):
        Group.objects.create(name="written by the view")

    browser.do(act(try_in_vain, work))
    assert history.incident.open
    assert Group.objects.filter(name="written by the view").exists()


# --- odd ends ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_reason_or_a_method_of_another_version_is_shown_as_far_as_it_is_known(user):
    facts = {"user": user, "at": history.clock.now()}
    HistoryEntry.objects.create(what="ended", reason="flood", **facts)
    HistoryEntry.objects.create(what="signed_in", methods="retina", **facts)
    with translation.override("en"):
        words = [entry.in_words for entry in history.recent(user)]
    assert words == ["Signed in with retina", "Ended"]


def test_each_reason_has_its_words():
    assert set(history.ENDINGS) == set(Reason)

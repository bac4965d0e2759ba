"""Users who are deleted leave no session behind (OWASP ASVS 7.4.2)."""

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from frontdesk import sessions
from frontdesk.core import clock
from frontdesk.core.flow import run
from frontdesk.core.record import Record
from frontdesk.errors import StorageUnavailable
from frontdesk.history import recent
from frontdesk.models import HistoryEntry
from frontdesk.signals import Reason, session_ended
from frontdesk.storages import get_storage
from tests.fixtures import DATABASE, use

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(settings):
    """Return so many users, each with a session and an entry in the history."""
    use(settings, DATABASE)

    def begin(number):
        users = User.objects.bulk_create([User(username=f"user{place}") for place in range(number)])
        now = clock.now()
        for user in users:
            times = {
                "created": now,
                "last_seen": now,
                "idle": clock.DAY,
                "deadline": now + clock.DAY,
            }
            run(
                get_storage().insert(
                    Record(id=f"{user.pk:015}", secret="", user_id=str(user.pk), **times)
                )
            )
        HistoryEntry.objects.bulk_create(
            HistoryEntry(what="signed_in", user=user, at=now) for user in users
        )
        return users

    return begin


@pytest.fixture
def reasons():
    """The reasons of the ends, by the id of the user."""
    found = {}

    def receiver(user_id, reason, **kwargs):
        found[user_id] = reason

    session_ended.connect(receiver)
    yield found
    session_ended.disconnect(receiver)


def test_the_sessions_of_a_deleted_user_end(people, reasons):
    first, second = people(2)
    first_id, kept = str(first.pk), [sessions.count(second), len(recent(second))]
    first.delete()
    assert reasons == {first_id: Reason.USER_GONE}
    assert run(get_storage().of_user(first_id)) == []
    assert [sessions.count(second), len(recent(second))] == kept == [1, 1]


def test_many_users_take_a_few_queries_for_each_hundred(people):
    """The sessions, the history and Django's own queries."""
    people(300)
    with CaptureQueriesContext(connection) as queries:
        User.objects.all().delete()
    assert len(queries) <= 4 * 11
    assert HistoryEntry.objects.count() == 0
    assert list(get_storage().scan()) == []


@pytest.mark.parametrize("whole", [True, False], ids=["transaction", "savepoint"])
def test_a_deletion_that_is_rolled_back_ends_nothing(people, reasons, whole):
    first, second = people(2)
    with transaction.atomic():
        with transaction.atomic():
            first.delete()
            transaction.set_rollback(True)
        if whole:
            transaction.set_rollback(True)
        else:
            second.delete()
    first = User.objects.get(username="user0")
    assert [sessions.count(first), len(recent(first))] == [1, 1]
    assert len(reasons) == (0 if whole else 1)


def test_users_of_a_rolled_back_deletion_are_not_mistaken_later(people):
    first, second = people(2)
    with transaction.atomic():
        first.delete()
        transaction.set_rollback(True)
    second.delete()
    assert sessions.count(User.objects.get()) == 1


def test_a_storage_that_cannot_answer_does_not_hinder_a_deletion(people, monkeypatch):
    (user,) = people(1)

    def fail(*args):
        raise StorageUnavailable("the server is gone")

    monkeypatch.setattr(get_storage(), "end_records_of", fail)
    user.delete()
    assert not User.objects.exists()
    assert not HistoryEntry.objects.exists()


def test_a_user_whose_name_was_not_loaded_can_be_deleted(people):
    people(1)
    User.objects.only("pk").delete()
    assert not HistoryEntry.objects.exists()


def test_a_storage_without_a_better_way_ends_them_one_by_one(settings, people):
    users = people(2)
    memory = use(settings, "frontdesk.storages.memory.MemoryStorage")
    for user in users:
        times = {"created": 0, "last_seen": clock.now(), "idle": clock.DAY, "deadline": 2**62}
        run(memory.insert(Record(id=f"{user.pk:015}", secret="", user_id=str(user.pk), **times)))
    User.objects.all().delete()
    assert list(memory.scan()) == []

"""``manage.py frontdesk import``: the rest moves in, beside the visitors who move theirs."""

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from frontdesk import clock as frontdesk_clock
from frontdesk import sessions
from frontdesk.desk import importing, interruption
from frontdesk.engine import SessionStore
from frontdesk.errors import StorageUnavailable
from frontdesk.moving.places import old_place
from frontdesk.storages import get_storage
from frontdesk.storages.record import Record
from tests.moving.conftest import described, record_of
from tests.staff.conftest import enter, frontdesk

pytestmark = pytest.mark.django_db(transaction=True)

in_memory = pytest.mark.parametrize("storage", ["memory"], indirect=True)
listable = pytest.mark.parametrize("stock", ["db", "cached_db", "file"], indirect=True)
one_engine = pytest.mark.parametrize("stock", ["db"], indirect=True)


@listable
def test_all_move_in_and_nothing_stays_behind(stock, storage, user):
    keys = [stock.begin(user, number=number) for number in range(3)]
    anonymous = stock.begin(cart=["tea"])
    said = frontdesk("import")
    assert (said.code, said.out) == (0, "Moved 4 sessions.\n")
    assert not any(stock.has(key) for key in [*keys, anonymous])
    assert [SessionStore(key)["number"] for key in keys] == [0, 1, 2]
    assert SessionStore(anonymous)["cart"] == ["tea"]
    assert sessions.count(user) == 3


@in_memory
@listable
def test_a_second_run_finds_nothing(stock, storage, user):
    stock.begin(user)
    frontdesk("import")
    assert frontdesk("import").out == "Moved 0 sessions.\n"


@in_memory
@listable
def test_what_expired_or_cannot_be_decoded_is_left_and_counted(stock, storage, user):
    stock.begin(user, expiry=timezone.now() - timezone.timedelta(days=1))
    spoiled, good = stock.begin(user), stock.begin(user)
    stock.spoil(spoiled)
    said = frontdesk("import", "--json")
    assert said.json == {"moved": 1, "expired": 1, "undecodable": 1, "interrupted": False}
    assert stock.has(spoiled)
    assert isinstance(record_of(good), Record)


@in_memory
@one_engine
def test_names_that_are_no_keys_of_ours_are_left_and_counted(stock, storage, user):
    key = stock.begin(user)
    Session.objects.filter(pk=key).update(session_key="short-key")
    frontdesk("import")
    said = frontdesk("import", "--json")
    assert said.json == {"moved": 0, "no_key": 1, "interrupted": False}


@in_memory
@listable
def test_a_dry_run_moves_nothing(stock, storage, user):
    key = stock.begin(user)
    assert frontdesk("import", "--dry-run").out == "Would move 1 session.\n"
    assert stock.has(key)
    assert record_of(key) is None


@in_memory
@one_engine
def test_nobody_lives_longer_for_having_been_imported(stock, storage, user):
    key = stock.begin(user)
    soon = timezone.now() + timezone.timedelta(hours=1)
    Session.objects.filter(pk=key).update(expire_date=soon)
    frontdesk("import")
    record = record_of(key)
    assert record.expires == frontdesk_clock.from_datetime(soon)
    assert record.authenticated is None


@in_memory
@listable
def test_what_a_visitor_has_just_moved_is_left_to_them(stock, storage, user, monkeypatch):
    """The visitor's request has not deleted the old copy yet, and would take its move for an end."""
    key = stock.begin(user)
    with monkeypatch.context() as halfway:
        halfway.setattr(old_place(), "remove", lambda key: True)
        SessionStore(key).load()
    assert frontdesk("import", "--json").json["already_there"] == 1
    assert stock.has(key)
    monkeypatch.setattr(importing, "STALLED", 0)
    frontdesk("import")
    assert not stock.has(key)
    assert isinstance(record_of(key), Record)


@in_memory
@one_engine
def test_it_can_be_stopped_and_goes_on(stock, storage, user, monkeypatch):
    for _ in range(3):
        stock.begin(user)
    monkeypatch.setattr(
        interruption.Wish, "pause", lambda self, seconds: setattr(self, "to_stop", True)
    )
    said = frontdesk("import", "--batch", "2")
    assert (said.code, said.out) == (130, "Moved 2 sessions.\n")
    monkeypatch.undo()
    assert frontdesk("import").out == "Moved 1 session.\n"


@in_memory
@one_engine
def test_an_outage_is_exit_code_75_and_the_next_run_goes_on(stock, storage, user, monkeypatch):
    stock.begin(user)

    def down(record):
        raise StorageUnavailable("closed")

    with monkeypatch.context() as outage:
        outage.setattr(storage, "insert", down)
        assert frontdesk("import").code == 75
    assert frontdesk("import").out == "Moved 1 session.\n"


@in_memory
@pytest.mark.parametrize("stock", ["cache"], indirect=True)
def test_a_cache_cannot_be_listed_and_says_so(stock, storage, user):
    stock.begin(user)
    said = frontdesk("import")
    assert (said.code, "as they are used" in said.err) == (1, True)


@in_memory
def test_without_an_old_place_there_is_nothing_to_import(storage):
    said = frontdesk("import")
    assert (said.code, "MIGRATE_FROM" in said.err) == (2, True)


# --- from another storage ---------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [("file", "database"), ("database", "file")])
def test_sessions_of_another_storage_move_with_their_clocks(settings, grounds, user, old, new):
    settings.FRONTDESK = {"STORAGE": described(old, grounds)}
    key = enter(user, cart=["tea"]).session_key
    before = record_of(key)
    settings.FRONTDESK = {
        "STORAGE": described(new, grounds),
        "MIGRATE_FROM": described(old, grounds),
    }
    assert SessionStore(key)["cart"] == ["tea"]
    assert sessions.count(user) == 1
    assert frontdesk("import").out == "Moved 1 session.\n"
    assert record_of(key) == before
    settings.FRONTDESK = {"STORAGE": described(new, grounds)}
    assert record_of(key) == before


@pytest.mark.parametrize(("old", "new"), [("file", "database"), ("cache", "memory")])
def test_while_they_move_one_call_ends_all_in_both(settings, grounds, user, old, new):
    settings.FRONTDESK = {"STORAGE": described(old, grounds)}
    first = enter(user).session_key
    settings.FRONTDESK = {
        "STORAGE": described(new, grounds),
        "MIGRATE_FROM": described(old, grounds),
    }
    second = enter(user).session_key
    assert sessions.count(user) == 2
    assert sessions.end_all(user) == 2
    assert [SessionStore().exists(key) for key in (first, second)] == [False, False]
    assert get_storage().of_user(str(user.pk)) == []


def test_a_cache_of_ours_cannot_be_listed_either(settings, grounds, user):
    settings.FRONTDESK = {
        "STORAGE": described("memory", grounds),
        "MIGRATE_FROM": described("cache", grounds),
    }
    assert frontdesk("import").code == 1

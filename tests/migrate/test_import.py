"""``manage.py frontdesk import``: sessions that are not used move as well."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.core.cache import caches

from frontdesk import sessions
from frontdesk.core import clock as frontdesk_clock
from frontdesk.core.clock import DAY
from frontdesk.engine import SessionStore
from frontdesk.errors import StorageUnavailable
from frontdesk.migrate import from_django
from frontdesk.storages import get_storage
from tests.fixtures import use
from tests.migrate.conftest import described, from_db, in_memory, record_of
from tests.staff.conftest import enter, frontdesk

pytestmark = pytest.mark.django_db

from_table = pytest.mark.parametrize("old", ["db", "cached_db"], indirect=True)


def counts(**found):
    return [dict.fromkeys(("moved", "there_already", "ended", "unreadable"), 0) | found]


@from_table
def test_all_sessions_move_with_their_values(old, storage, user):
    keys = [old.begin(user, number=number) for number in range(3)]
    assert frontdesk("import", "--json").json == counts(moved=3)
    assert sessions.count(user) == 3
    for number, key in enumerate(keys):
        assert SessionStore(key)["number"] == number
        assert not old.has(key)
    assert frontdesk("import", "--json").json == counts()


@from_table
@in_memory
def test_cached_copies_go_too(old, storage, user):
    key = old.begin(user)
    frontdesk("import")
    caches["old"].clear()
    assert not old.has(key)


@from_db
@in_memory
def test_import_goes_in_batches(old, storage, user, monkeypatch):
    monkeypatch.setattr(from_django, "BATCH", 2)
    keys = [old.begin(user) for _ in range(5)]
    assert frontdesk("import", "--json").json == counts(moved=5)
    assert not any(map(old.has, keys))


@from_db
@in_memory
def test_interrupted_import_goes_on_later(old, storage, user, monkeypatch):
    monkeypatch.setattr(from_django, "BATCH", 2)
    for _ in range(5):
        old.begin(user)
    swap, calls = storage.swap, []

    def interrupted(swaps):
        calls.append(len(swaps))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return swap(swaps)

    with monkeypatch.context() as keyboard:
        keyboard.setattr(storage, "swap", interrupted)
        assert frontdesk("import").code == 130
    assert frontdesk("import", "--json").json == counts(moved=3)
    assert sessions.count(user) == 5


@from_db
@in_memory
def test_copy_that_a_cut_off_move_left_is_deleted(old, storage, user, monkeypatch):
    key = old.begin(user)
    with monkeypatch.context() as crash:
        crash.setattr(from_django.origin(), "delete", lambda key: None)
        SessionStore(key).load()
        sessions.end_all(user)
    assert old.has(key)
    assert frontdesk("import", "--json").json == counts(ended=1)
    assert not old.has(key)
    assert SessionStore(key).load() == {}


@from_db
@in_memory
def test_session_that_is_used_meanwhile_is_kept(old, storage, user, monkeypatch):
    key, swap = old.begin(user), storage.swap

    def late(swaps):
        monkeypatch.undo()
        session = SessionStore(key)
        session["cart"] = ["tea"]
        session.save()
        return swap(swaps)

    monkeypatch.setattr(storage, "swap", late)
    assert frontdesk("import", "--json").json == counts(there_already=1)
    assert SessionStore(key)["cart"] == ["tea"]


@from_db
@in_memory
def test_imported_session_ends_when_django_would_have_ended_it(old, storage, user, settings):
    key = old.begin(user)
    row = old.engine.get_model_class().objects.get(pk=key)
    row.expire_date -= timedelta(days=13)
    row.save()
    frontdesk("import")
    record = record_of(key)
    assert record.expires == frontdesk_clock.from_datetime(row.expire_date)
    assert record.authenticated is None
    SessionStore(key).save()  # a use begins the idle timeout anew
    assert record_of(key).expires > frontdesk_clock.now() + 13 * DAY


@from_db
@in_memory
def test_imported_session_is_as_old_as_what_django_stored(old, storage, user):
    key = old.begin(user)
    row = old.engine.get_model_class().objects.get(pk=key)
    row.expire_date -= timedelta(days=5)  # as if it had been stored 5 days ago
    row.save()
    frontdesk("import")
    (session,) = sessions.for_user(user)
    assert session.created == session.last_seen
    assert session.created == row.expire_date - timedelta(days=14)
    assert session.ends_at == session.created + timedelta(days=30)


@from_db
@in_memory
def test_imported_session_survives_an_absolute_timeout_that_has_passed(
    old, storage, user, settings, limits
):
    limits(idle=90 * 86_400, absolute=30 * 86_400)
    key = old.begin(user)  # expires in 14 days, so it was stored 76 days ago
    frontdesk("import")
    (session,) = sessions.for_user(user)
    assert session.created == session.last_seen
    assert timedelta(days=13) < session.idle_until - session.created <= timedelta(days=14)
    SessionStore(key).save()
    assert record_of(key).expires > frontdesk_clock.now() + 29 * DAY


@from_db
@in_memory
def test_expired_and_unreadable_sessions_stay(old, storage, user):
    past = datetime(2020, 1, 1, tzinfo=UTC)
    expired, spoiled = old.begin(user, expiry=past), old.begin(user)
    old.spoil(spoiled)
    assert frontdesk("import", "--json").json == counts(unreadable=1)
    assert old.has(expired)
    assert old.has(spoiled)


@in_memory
@pytest.mark.parametrize("old", ["cache", "file"], indirect=True)
def test_engine_that_cannot_list_says_so(old, storage):
    result = frontdesk("import")
    assert result.code == 1
    assert "They move when they are used" in result.err


def test_import_without_the_setting_says_so():
    result = frontdesk("import")
    assert result.code == 1
    assert "MIGRATE_FROM" in result.err


@from_db
@in_memory
def test_outage_during_an_import_has_its_own_code(old, storage, user, monkeypatch):
    def down(swaps):
        raise StorageUnavailable("closed")

    key = old.begin(user)
    monkeypatch.setattr(storage, "swap", down)
    assert frontdesk("import").code == 75
    assert old.has(key)


@pytest.fixture
def switched(settings, places):
    """Return a function that switches from files to memory."""
    before = described("file", places)
    use(settings, before["BACKEND"], **before["OPTIONS"])

    def switch():
        settings.FRONTDESK = {
            **settings.FRONTDESK,
            "STORAGE": described("memory", places),
            "MIGRATE_FROM": before,
        }
        return get_storage()

    return switch


def moved_back(old, user):
    """Return the key of a session that frontdesk began, and that is Django's since the way back."""
    key = enter(user).session_key
    session = old.engine()
    session.update({**SessionStore(key).load(), "cart": ["tea"]})
    session._session_key = key
    session.save(must_create=True)
    sessions.end_all(user)
    return key


@from_db
@in_memory
def test_session_that_had_moved_back_moves_in_again(old, storage, user, settings, new_browser):
    key = moved_back(old, user)
    use(settings, "frontdesk.storages.memory.MemoryStorage")  # which has forgotten its end
    assert frontdesk("import", "--json").json == counts(moved=1)
    browser = new_browser()
    browser.key = key
    assert (browser.username(), browser.values()) == ("ada", {"cart": ["tea"]})


@from_db
@in_memory
def test_session_whose_end_is_remembered_stays_ended(old, storage, user):
    """Whether it had moved back, or a way back was cut off and the user has signed out since."""
    key = moved_back(old, user)
    assert frontdesk("import", "--json").json == counts(ended=1)
    assert not old.has(key)
    assert SessionStore(key).load() == {}


def test_sessions_of_another_storage_move(switched, user):
    found = [enter(user, number=number) for number in range(3)]
    storage = switched()
    assert frontdesk("import", "--json").json == counts(moved=3)
    for number, session in enumerate(found):
        (record,) = storage.new.load([session.session_id])
        assert record.user_id == str(user.pk)
        assert SessionStore(session.session_key)["number"] == number
    assert list(storage.old.scan()) == []
    assert frontdesk("import", "--json").json == counts()


def test_import_from_a_storage_keeps_the_idle_timeout(switched, user, clock):
    session = enter(user)
    last_seen = session.record.last_seen
    clock.move(days=3)
    storage = switched()
    frontdesk("import")
    assert storage.new.load([session.session_id])[0].last_seen == last_seen
    assert SessionStore(session.session_key)[SESSION_KEY] == str(user.pk)


def test_storage_that_cannot_list_says_so(settings, places):
    settings.FRONTDESK = {
        "STORAGE": described("memory", places),
        "MIGRATE_FROM": described("cache", places),
    }
    result = frontdesk("import")
    assert result.code == 1
    assert "They move when they are used" in result.err

"""A session of Django's moves in when its cookie comes: no user is signed out, and ended means ended."""

import logging
import os
import threading
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.contrib import auth
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.core.cache import caches
from django.db import connection, connections, transaction
from django.utils import timezone

from frontdesk import sessions
from frontdesk.conf import options
from frontdesk.core import clock as frontdesk_clock
from frontdesk.core import policy
from frontdesk.core.clock import from_datetime
from frontdesk.core.flow import run
from frontdesk.core.keys import Key
from frontdesk.core.record import FOREVER
from frontdesk.engine import SessionStore
from frontdesk.errors import Contention, StorageUnavailable
from frontdesk.migrate.from_django import origin
from frontdesk.signals import Reason, session_ended, session_started
from frontdesk.storages import get_storage
from tests import services
from tests.fixtures import DATABASE, PASSWORD, create, is_anonymous, sign_out, use
from tests.migrate.conftest import (
    Old,
    from_cache,
    from_db,
    in_memory,
    in_the_database,
    record_of,
    the_database,
)
from tests.migrate.orders import every_order, until_crash
from tests.requests.browsers import clears, cookie

pytestmark = pytest.mark.django_db

UNKNOWN = "a1" * 16


# --- no user is signed out ----------------------------------------------------------------------


def test_user_stays_signed_in_with_all_values(old, storage, browser, user):
    browser.key = key = old.begin(user, cart=["tea"], count=7)
    assert browser.username() == "ada"
    assert browser.values() == {"cart": ["tea"], "count": 7}
    assert browser.key == key


@in_memory
def test_anonymous_session_keeps_its_values(old, storage, browser):
    browser.key = old.begin(cart=["tea"])
    assert browser.values() == {"cart": ["tea"]}


@in_memory
def test_session_moves_once_and_leaves_nothing_behind(old, storage, browser, user):
    browser.key = key = old.begin(user, cart=["tea"])
    response = browser.get("/home/", headers={"user-agent": "Lynx"})
    record = record_of(key)
    assert (record.user_id, record.ip, record.user_agent) == (str(user.pk), "127.0.0.1", "Lynx")
    assert not old.has(key)
    assert cookie(response) is None


@in_memory
def test_changes_of_the_moving_request_are_kept(old, storage, browser, user):
    browser.key = old.begin(user, cart=["tea"])
    browser.put(size=7)
    assert browser.values() == {"cart": ["tea"], "size": 7}


@in_memory
def test_sign_in_on_it_gives_a_new_key_and_keeps_values(old, storage, browser, user):
    browser.key = key = old.begin(cart=["tea"])
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    assert (browser.username(), browser.values()) == ("ada", {"cart": ["tea"]})
    assert browser.key != key


@in_memory
@from_db
def test_move_is_not_reported_as_a_beginning(old, storage, browser, user):
    begun = []
    session_started.connect(receiver := lambda **facts: begun.append(facts))
    browser.key = old.begin(user)
    browser.username()
    session_started.disconnect(receiver)
    assert begun == []


@in_memory
@from_db
def test_session_made_with_another_password_is_nobodys(old, storage, browser, user):
    browser.key = old.begin(user)
    user.set_password("another")
    user.save()
    assert browser.username() == ""


@in_memory
@from_db
def test_moved_session_is_listed(old, storage, browser, user):
    browser.key = old.begin(user)
    assert sessions.count(user) == 0
    browser.username()
    assert sessions.count(user) == 1


@in_memory
@from_db
def test_methods_of_django_see_it_before_it_moves(old, storage, user):
    key = old.begin(user)
    assert SessionStore().exists(key)
    assert not SessionStore().exists(UNKNOWN)
    assert record_of(key) is None
    with pytest.raises(CreateError):
        SessionStore(key).save(must_create=True)


# --- ended means ended --------------------------------------------------------------------------


@pytest.mark.parametrize("storage", ["memory", the_database], indirect=True)
def test_sign_out_ends_it_in_both_for_good(old, storage, browser, new_browser, user, clock):
    browser.key = key = old.begin(user)
    sign_out(browser)
    assert not old.has(key)
    for _ in range(2):
        assert is_anonymous(new_browser, key)
        clock.move(minutes=1)


@in_memory
def test_sign_out_without_a_read_ends_it_and_is_reported(old, storage, user):
    key, reasons = old.begin(user), []
    session_ended.connect(receiver := lambda reason, **_: reasons.append(reason))
    SessionStore(key).flush()
    session_ended.disconnect(receiver)
    assert reasons == [Reason.LOGOUT]
    assert not old.has(key)
    assert record_of(key).ended is not None


@in_memory
def test_delete_ends_one_that_has_not_moved(old, storage, user):
    key = old.begin(user)
    SessionStore().delete(key)
    assert not old.has(key)
    assert SessionStore(key).load() == {}


@from_db
@in_memory
def test_end_outlasts_what_django_would_have_kept(old, storage, user, clock, settings):
    """The old engine may still have a copy, if a move was cut off."""
    settings.FRONTDESK = {**settings.FRONTDESK, "IDLE_TIMEOUT": timedelta(minutes=5)}
    key = old.begin(user)
    SessionStore(key).load()
    assert sessions.end_all(user) == 1
    left = record_of(key).expires - frontdesk_clock.now()
    assert left >= settings.SESSION_COOKIE_AGE * frontdesk_clock.SECOND


# --- every order of two requests ----------------------------------------------------------------


def reading(key):
    """Read the session, as a request does, and return whose it is."""
    values = yield from SessionStore(key).open()
    return values.get(SESSION_KEY)


def saving(key):
    """Change the session, and return the new key."""
    session = SessionStore(key)
    values = yield from session.open()
    if SESSION_KEY not in values:
        return None
    values["seen"] = True
    session.modified = True
    try:
        yield from session.saving()
    except UpdateError:  # it has ended meanwhile
        return None
    return session.session_key


def rotating(key):
    """Give the session another key, as a sign-in does, and return it."""
    session = SessionStore(key)
    yield from session.open()
    if session.record is None:
        return None
    yield from session._cycle_key()
    return session.session_key


def signing_out(key):
    session = SessionStore(key)
    yield from session.open()
    yield from session.flushing()


def ending_all(user_id):
    ended = yield from get_storage().end_of_user(user_id)
    return len(ended)


@pytest.fixture
def quick(settings, places) -> Old:
    """An old engine that is quick enough for thousands of orders."""
    found = Old("cache")
    settings.FRONTDESK = {**settings.FRONTDESK, "MIGRATE_FROM": found.path}
    return found


def orders_of(quick, user, **actors):
    """Yield the key, and what each of ``actors`` returned, after each order on a fresh session."""
    key = ""

    def begin():
        nonlocal key
        key = quick.begin(user, cart=["tea"])
        return {name: actor(key) for name, actor in actors.items()}

    count = 0
    for results in every_order(begin):
        count += 1
        failures = [each for each in results.values() if isinstance(each, Exception)]
        assert not failures
        yield key, results
    assert count > 10


def test_two_first_requests_both_get_the_session(quick, user):
    for key, results in orders_of(quick, user, one=reading, other=reading):
        assert set(results.values()) == {str(user.pk)}
        assert not quick.has(key)
        assert len(run(get_storage().of_user(str(user.pk)))) == 1
        SessionStore().delete(key)


def test_sign_out_during_a_move_ends_it_for_good(quick, user):
    for key, _ in orders_of(quick, user, read=reading, out=signing_out):
        assert not quick.has(key)
        assert SessionStore(key).load() == {}
        assert run(get_storage().of_user(str(user.pk))) == []


def test_save_during_a_sign_out_revives_nothing(quick, user):
    for key, _ in orders_of(quick, user, out=signing_out, save=saving):
        assert not quick.has(key)
        assert SessionStore(key).load() == {}
        assert run(get_storage().of_user(str(user.pk))) == []


def test_old_key_opens_nothing_once_a_sign_in_has_moved_it(quick, user):
    for key, results in orders_of(quick, user, read=reading, rotate=rotating):
        assert not quick.has(key)
        assert SessionStore(key).load() == {}
        assert SessionStore(results["rotate"])[SESSION_KEY] == str(user.pk)
        SessionStore().delete(results["rotate"])


def test_end_of_all_during_a_move_is_exact(quick, user):
    """Either the session was seen and is gone for good, or it had not moved yet and is live."""
    all_of_user = partial(ending_all, str(user.pk))
    for key, results in orders_of(quick, user, read=reading, end=lambda key: all_of_user()):
        live = SessionStore(key).load() != {}
        assert live is (results["end"] == 0)
        assert not quick.has(key)
        SessionStore().delete(key)


@pytest.mark.parametrize("end", [signing_out, rotating])
def test_copy_that_a_crash_left_is_no_way_in(quick, user, end, clock):
    steps, crashed = 1, True
    while crashed:
        key = quick.begin(user)
        crashed = until_crash(reading(key), steps)
        run(end(key))
        for minutes in (0, 1):
            clock.move(minutes=minutes)
            assert SessionStore(key).load() == {}
        assert not quick.has(key)
        steps += 1
    assert steps > 3


@from_db
@in_the_database
def test_copy_of_a_session_that_has_expired_is_deleted(old, storage, user, clock, monkeypatch):
    """The expired row keeps the id until it is purged."""
    key = old.begin(user)
    with monkeypatch.context() as crash:
        crash.setattr(origin(), "delete", lambda key: None)
        SessionStore(key).load()
    clock.move(days=20)
    assert old.has(key)
    assert SessionStore(key).load() == {}
    assert not old.has(key)


def test_crash_during_a_move_signs_no_user_out(quick, user):
    steps, crashed = 1, True
    while crashed:
        key = quick.begin(user, cart=["tea"])
        crashed = until_crash(reading(key), steps)
        assert SessionStore(key)["cart"] == ["tea"]
        steps += 1
    assert steps > 3


@pytest.mark.parametrize("old", ["cached_db"], indirect=True)
@in_memory
def test_late_copy_in_the_cache_is_no_way_in(old, storage, user, monkeypatch, clock):
    """Django's cached engine puts a session into the cache when it reads it, perhaps after the move."""
    key = old.begin(user)
    caches["old"].clear()
    copy = {}
    set_it = type(caches["old"]).set

    def keep(cache, name, value, *args, **kwargs):
        copy.update(name=name, value=value)
        return set_it(cache, name, value, *args, **kwargs)

    with monkeypatch.context() as watched:
        watched.setattr(type(caches["old"]), "set", keep)
        SessionStore(key).load()
    caches["old"].set(copy["name"], copy["value"])
    assert old.has(key)
    assert sessions.end_all(user) == 1
    clock.move(minutes=5)
    assert SessionStore(key).load() == {}


@services.each_database(transaction=True)
def test_two_threads_move_one_session_at_once(database, settings, places, monkeypatch):
    user = create("ada")
    use(settings, DATABASE)
    settings.FRONTDESK = {**settings.FRONTDESK, "MIGRATE_FROM": Old("db").path}
    key, barrier = Old("db").begin(user), threading.Barrier(2, timeout=30)
    found, load = origin(), origin().load

    def load_together(wanted):
        values = load(wanted)
        barrier.wait()
        return values

    monkeypatch.setattr(found, "load", load_together)
    seen = []

    def request():
        try:
            seen.append(SessionStore(key).load().get(SESSION_KEY))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=request) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [str(user.pk)] * 2
    assert sessions.count(user) == 1
    assert not Old("db").has(key)


# --- the two timeouts ---------------------------------------------------------------------------


@in_memory
@from_db
def test_both_timeouts_begin_at_the_move(old, storage, browser, user, clock):
    browser.key = key = old.begin(user)
    clock.move(minutes=5)
    browser.username()
    record, now = record_of(key), frontdesk_clock.now()
    assert record.created == record.last_seen == now
    assert record.idle == options().idle_timeout
    assert record.deadline == now + options().absolute_timeout


@in_memory
@from_db
def test_moved_session_has_not_signed_in_recently(old, storage, browser, user):
    browser.key = key = old.begin(user)
    browser.put(size=7)
    record = record_of(key)
    assert record.authenticated is None
    assert not policy.is_recent(record, options().reauth_age, frontdesk_clock.now())
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    record = record_of(browser.key)
    assert policy.is_recent(record, options().reauth_age, frontdesk_clock.now())


@in_memory
def test_expiry_in_seconds_becomes_the_idle_timeout(old, storage, browser, user):
    browser.key = key = old.begin(user, expiry=300)
    assert browser.username() == "ada"
    assert record_of(key).idle == 300 * frontdesk_clock.SECOND


@in_memory
def test_expiry_at_a_time_stays_that_time(old, storage, browser, user):
    moment = timezone.now() + timedelta(hours=1)
    browser.key = key = old.begin(user, expiry=moment)
    assert browser.username() == "ada"
    assert (record_of(key).idle, record_of(key).deadline) == (FOREVER, from_datetime(moment))


@in_memory
def test_session_until_the_browser_closes_stays_one(old, storage, browser, user):
    browser.key = old.begin(user, expiry=0)
    browser.put(size=7)
    assert browser.do(lambda request: request.session.get_expire_at_browser_close()).answer is True


@in_memory
@pytest.mark.parametrize("old", ["db", "cached_db", "file"], indirect=True)
def test_session_that_has_expired_is_not_moved(old, storage, browser, user):
    past = datetime(2020, 1, 1, tzinfo=timezone.get_current_timezone())
    browser.key = old.begin(user, expiry=past)
    caches["old"].clear()
    assert clears(browser.get("/home/"))


# --- what it costs ------------------------------------------------------------------------------


@in_memory
@from_db
def test_known_session_asks_nothing_of_the_engine(old, storage, browser, user, asked_of_old):
    browser.key = old.begin(user)
    browser.username()
    asked_of_old.clear()
    browser.username()
    browser.values()
    assert asked_of_old == []


@in_memory
@from_db
def test_unknown_key_costs_two_more_reads(old, storage, browser, journal, asked_of_old):
    browser.key = UNKNOWN
    assert clears(browser.get("/home/"))
    assert (journal, asked_of_old) == (["load", "load"], ["load"])


@in_memory
@from_db
@pytest.mark.parametrize("key", ["short", "A" * 32, "../" * 11])
def test_malformed_key_reaches_neither(old, storage, browser, journal, asked_of_old, key):
    browser.key = key
    browser.get("/home/")
    assert (journal, asked_of_old) == ([], [])


@in_memory
@from_db
def test_key_of_frontdesk_is_not_looked_up_in_the_table(
    old, storage, browser, django_assert_num_queries
):
    browser.key = str(Key.new())
    with django_assert_num_queries(0):
        browser.get("/home/")


# --- what cannot be moved -----------------------------------------------------------------------


@in_memory
@pytest.mark.parametrize("old", ["db", "cached_db", "file"], indirect=True)
def test_undecodable_session_stays_with_its_cookie(old, storage, browser, user):
    """A wrong setting, such as SESSION_SERIALIZER, may be the reason. It can be mended."""
    browser.key = key = old.begin(user)
    old.spoil(key)
    response = browser.get("/home/")
    assert (response.status_code, cookie(response)) == (200, None)
    assert browser.username() == ""
    assert old.has(key)


@in_memory
@from_cache
def test_values_that_cannot_be_serialized_stay_with_the_cookie(old, storage, browser, user, caplog):
    browser.key = key = old.begin(user, when=datetime(2020, 1, 1))  # noqa: DTZ001
    with caplog.at_level(logging.ERROR, "frontdesk"):
        response = browser.get("/home/")
    assert (response.status_code, cookie(response)) == (200, None)
    assert "cannot be moved" in caplog.text
    assert key not in caplog.text
    assert old.has(key)


# --- outages of the old engine ------------------------------------------------------------------


def down(*_, **__):
    raise ConnectionError("closed")


@in_memory
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("old", ["db", "cached_db"], indirect=True)
def test_missing_table_is_no_sign_out(old, storage, browser, user):
    caches["old"].clear()
    browser.key = key = old.begin(user)
    caches["old"].clear()
    model = old.engine.get_model_class()
    with connection.schema_editor() as editor:
        editor.delete_model(model)
    try:
        response = browser.get("/home/")
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(model)
    assert (response.status_code, cookie(response)) == (503, None)
    assert browser.key == key


@in_memory
@pytest.mark.parametrize("old", ["cache"], indirect=True)
def test_cache_that_is_down_is_no_sign_out(old, storage, browser, user, monkeypatch):
    browser.key = old.begin(user)
    with monkeypatch.context() as outage:
        outage.setattr(type(caches["old"]), "get", down)
        response = browser.get("/home/")
    assert (response.status_code, cookie(response)) == (503, None)
    assert browser.username() == "ada"


@in_memory
@pytest.mark.parametrize("old", ["cached_db"], indirect=True)
def test_cached_engine_works_from_its_table(old, storage, browser, user, monkeypatch):
    browser.key = old.begin(user)
    caches["old"].clear()
    with monkeypatch.context() as outage:
        outage.setattr(type(caches["old"]), "get", down)
        assert browser.get("/home/").status_code == 200


@in_memory
@pytest.mark.parametrize("old", ["file"], indirect=True)
def test_missing_directory_is_no_sign_out(old, storage, browser, user, places):
    browser.key = old.begin(user)
    (places / "old").rename(places / "elsewhere")
    response = browser.get("/home/")
    assert (response.status_code, cookie(response)) == (503, None)
    (places / "elsewhere").rename(places / "old")
    assert browser.username() == "ada"


@in_memory
def test_engine_that_cannot_delete_is_a_503_and_no_loss(old, storage, browser, user, monkeypatch):
    def refused(key):
        raise StorageUnavailable("read-only")

    browser.key = key = old.begin(user)
    with monkeypatch.context() as outage:
        outage.setattr(origin(), "delete", refused)
        assert browser.get("/home/").status_code == 503
        assert browser.username() == "ada"  # it has moved
    browser.put(size=7)
    assert not old.has(key)


@in_memory
@from_db
def test_no_sign_out_is_claimed_while_the_copy_stays(old, storage, browser, user, monkeypatch):
    def refused(key):
        raise StorageUnavailable("read-only")

    browser.key = old.begin(user)
    browser.username()
    monkeypatch.setattr(origin(), "delete", refused)
    with pytest.raises(StorageUnavailable):
        SessionStore(browser.key).flush()
    response = browser.post("/login/", {"username": "ada", "password": PASSWORD})
    assert response.status_code == 503


# --- transactions -------------------------------------------------------------------------------


class Mistake(Exception):
    """What a view of the project raises."""


@in_the_database
def test_rolled_back_view_loses_no_session(old, storage, new_browser, user):
    key = old.begin(user)

    @transaction.atomic
    def view():
        assert SessionStore(key)[SESSION_KEY] == str(user.pk)
        raise Mistake

    with pytest.raises(Mistake):
        view()
    assert old.has(key)
    browser = new_browser()
    browser.key = key
    assert browser.username() == "ada"


@in_the_database
def test_copy_goes_with_the_commit(old, storage, user):
    key = old.begin(user)
    with transaction.atomic():
        SessionStore(key).load()
        assert old.has(key)
    assert not old.has(key)


@in_the_database
@pytest.mark.parametrize("mode", ["sync"], indirect=True)
def test_sign_out_that_is_rolled_back_ends_it_all_the_same(old, storage, browser, user):
    def task(request):
        with transaction.atomic():
            auth.logout(request)
            transaction.set_rollback(True)

    browser.key = key = old.begin(user)
    assert browser.do(task).status_code == 200
    assert not old.has(key)
    assert SessionStore(key).load() == {}


@pytest.mark.needs("postgresql")
@pytest.mark.skipif(
    os.environ.get("FRONTDESK_TEST_DB") == "postgresql", reason="the default is this database"
)
@pytest.mark.django_db(databases=["default", "postgresql"], transaction=True)
def test_snapshot_that_hides_a_move_is_no_sign_out(settings, places, monkeypatch):
    """Under REPEATABLE READ, what others insert after the first read is neither seen nor replaced."""
    monkeypatch.setattr(services.RouteToCurrent, "alias", "postgresql")
    user, old = create("ada"), Old("db")
    use(settings, DATABASE)
    settings.FRONTDESK = {**settings.FRONTDESK, "MIGRATE_FROM": old.path}
    key = old.begin(user)

    def move():
        SessionStore(key).load()
        connections.close_all()

    with transaction.atomic(using="postgresql"), connections["postgresql"].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT 1 FROM django_session")
        thread = threading.Thread(target=move)
        thread.start()
        thread.join()
        with pytest.raises(Contention):
            SessionStore(key).load()
    assert SessionStore(key)[SESSION_KEY] == str(user.pk)


# --- the setting --------------------------------------------------------------------------------


def test_setting_changes_at_once(settings):
    assert origin() is None
    settings.FRONTDESK = {**settings.FRONTDESK, "MIGRATE_FROM": Old("cache").path}
    assert origin().engine is Old("cache").engine

"""A session of Django's moves in when its cookie comes: nobody is signed out, and ended means ended."""

import logging
from datetime import datetime, timedelta

import pytest
from django.contrib import auth
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.utils import timezone

from frontdesk import clock as frontdesk_clock
from frontdesk import sessions
from frontdesk.conf import options
from frontdesk.engine import SessionStore
from frontdesk.errors import StorageUnavailable
from frontdesk.moving.places import old_place
from frontdesk.signals import session_ended, session_started
from frontdesk.storages.record import FOREVER, Ended, Record
from tests.moving.conftest import keep_in, record_of
from tests.requests.browsers import clears, cookie
from tests.requests.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

one_engine = pytest.mark.parametrize("stock", ["db"], indirect=True)
in_memory = pytest.mark.parametrize("storage", ["memory"], indirect=True)
in_the_database = pytest.mark.parametrize("storage", ["database"], indirect=True)


# --- nobody is signed out -------------------------------------------------------------------------------


def test_a_signed_in_person_stays_signed_in_with_all_that_the_session_holds(
    stock, storage, browser, user
):
    browser.key = key = stock.begin(user, cart=["tea"], count=7)
    assert browser.who() == "ada"
    assert browser.kept() == {"cart": ["tea"], "count": 7}
    assert browser.key == key


def test_an_anonymous_session_keeps_all_that_it_holds(stock, storage, browser):
    browser.key = stock.begin(cart=["tea"])
    assert browser.kept() == {"cart": ["tea"]}


def test_it_moves_once_and_leaves_nothing_behind(stock, storage, browser, user):
    browser.key = key = stock.begin(user, cart=["tea"])
    browser.get("/home/", headers={"user-agent": "Lynx"})
    record = record_of(key)
    assert isinstance(record, Record)
    assert (record.user_id, record.ip, record.user_agent) == (str(user.pk), "127.0.0.1", "Lynx")
    assert not stock.has(key)


@in_memory
def test_the_answer_sets_no_cookie(stock, storage, browser, user):
    browser.key = stock.begin(user)
    assert cookie(browser.get("/home/")) is None


@in_memory
def test_what_the_request_changes_is_kept(stock, storage, browser, user):
    browser.key = stock.begin(user, cart=["tea"])
    browser.keep(size=7)
    assert browser.kept() == {"cart": ["tea"], "size": 7}


@in_memory
def test_signing_in_on_it_gives_a_new_key_and_keeps_what_is_in_it(stock, storage, browser, user):
    browser.key = key = stock.begin(cart=["tea"])
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    assert (browser.who(), browser.kept()) == ("ada", {"cart": ["tea"]})
    assert browser.key != key


@in_memory
def test_moving_is_not_a_beginning(stock, storage, browser, user):
    begun = []
    session_started.connect(receiver := lambda **facts: begun.append(facts))
    browser.key = stock.begin(user)
    browser.who()
    session_started.disconnect(receiver)
    assert begun == []


@in_memory
def test_a_session_made_with_another_password_is_nobodys(stock, storage, browser, user):
    browser.key = stock.begin(user)
    user.set_password("another")
    user.save()
    assert browser.who() == ""


# --- ended means ended ------------------------------------------------------------------------------


def test_signing_out_ends_it_in_both_places_for_good(stock, storage, browser, user, clock):
    browser.key = key = stock.begin(user)
    browser.do(auth.logout) if browser.native == "do" else browser.do(auth.alogout)
    assert not stock.has(key)
    for _ in range(2):
        browser.key = key
        assert browser.who() == ""
        clock.move(minutes=1)


@in_memory
def test_a_flush_without_any_read_ends_it_in_the_old_place_and_is_told(stock, storage, user):
    key, told = stock.begin(user), []
    session_ended.connect(receiver := lambda **facts: told.append(facts["session_id"]))
    SessionStore(key).flush()
    session_ended.disconnect(receiver)
    assert len(told) == 1
    assert not stock.has(key)
    assert isinstance(record_of(key), Ended)


@in_memory
def test_delete_ends_one_that_has_not_moved(stock, storage, user):
    key = stock.begin(user)
    SessionStore().delete(key)
    assert not stock.has(key)
    assert SessionStore(key).load() == {}


def cut_off_after_the_insertion(monkeypatch):
    """Let the process die, so to speak, before it deletes the old copy."""
    monkeypatch.setattr(old_place(), "remove", lambda key: True)


@pytest.mark.parametrize("how", ["logout", "login"])
def test_a_copy_that_a_crash_has_left_is_no_way_in_after_the_end_of_its_key(
    stock, storage, browser, user, clock, monkeypatch, how
):
    browser.key = key = stock.begin(user)
    with monkeypatch.context() as crash:
        cut_off_after_the_insertion(crash)
        browser.who()
    assert stock.has(key)
    if how == "logout":
        browser.do(auth.logout) if browser.native == "do" else browser.do(auth.alogout)
    else:
        browser.post("/login/", {"username": "ada", "password": PASSWORD})
    assert not stock.has(key)
    clock.move(minutes=1)
    browser.key = key
    assert browser.who() == ""


@in_memory
def test_one_that_was_moved_and_ended_by_others_in_between_is_taken_back(
    stock, storage, browser, user, monkeypatch
):
    browser.key = key = stock.begin(user)
    place, insert = old_place(), storage.insert

    def insert_late(record):
        assert place.remove(key)  # moved and ended, so long ago that nobody remembers
        return insert(record)

    monkeypatch.setattr(storage, "insert", insert_late)
    assert browser.who() == ""
    monkeypatch.undo()
    assert browser.who() == ""
    assert not isinstance(record_of(key), Record)


@in_memory
def test_one_that_moves_between_the_two_looks_is_found(stock, storage, browser, user, monkeypatch):
    browser.key = key = stock.begin(user)
    place = old_place()
    read = place.read

    def read_late(asked):
        if stock.has(key):
            monkeypatch.undo()
            SessionStore(key).load()  # another request of the browser
        return read(asked)

    monkeypatch.setattr(place, "read", read_late)
    response = browser.get("/home/")
    assert not clears(response)
    assert browser.who() == "ada"


# --- the clocks ------------------------------------------------------------------------------------


@in_memory
def test_both_clocks_begin_at_the_move_and_no_sign_in_is_claimed(
    stock, storage, browser, user, clock
):
    browser.key = key = stock.begin(user)
    browser.who()
    record = record_of(key)
    now = frontdesk_clock.now()
    assert record.created == record.last_seen == now
    assert record.idle == options().idle_timeout
    assert record.deadline == now + options().absolute_timeout
    assert record.authenticated is None


@in_memory
def test_an_expiry_in_seconds_becomes_the_idle_limit(stock, storage, browser, user):
    browser.key = key = stock.begin(user, expiry=300)
    assert browser.who() == "ada"
    assert record_of(key).idle == 300_000_000


@in_memory
def test_an_expiry_at_a_moment_stays_that_moment(stock, storage, browser, user):
    moment = timezone.now() + timedelta(hours=1)
    browser.key = key = stock.begin(user, expiry=moment)
    assert browser.who() == "ada"
    record = record_of(key)
    assert record.idle == FOREVER
    assert record.deadline == int(moment.timestamp() * 1_000_000)


@in_memory
def test_one_that_ends_with_the_browser_keeps_doing_so(stock, storage, browser, user):
    browser.key = stock.begin(user, expiry=0)
    browser.keep(a=1)
    assert browser.do(lambda request: request.session.get_expire_at_browser_close()).answer is True


@in_memory
@pytest.mark.parametrize("stock", ["db", "cached_db", "file"], indirect=True)
def test_one_that_has_expired_there_is_not_moved(stock, storage, browser, user):
    browser.key = stock.begin(
        user, expiry=datetime(2020, 1, 1, tzinfo=timezone.get_current_timezone())
    )
    response = browser.get("/home/")
    assert clears(response)
    assert browser.who() == ""


# --- what it costs -------------------------------------------------------------------------------------


@in_memory
def test_a_session_that_is_found_asks_nothing_of_the_old_place(
    stock, storage, browser, user, asked_of_old
):
    browser.key = stock.begin(user)
    browser.who()
    asked_of_old.clear()
    browser.who()
    browser.keep(a=1)
    assert asked_of_old == []


@in_memory
@one_engine
def test_an_unknown_key_costs_two_looks_more(stock, storage, browser, journal, asked_of_old):
    browser.key = "a1" * 16
    assert clears(browser.get("/home/"))
    assert (journal, asked_of_old) == (["read", "read"], ["read"])


@in_memory
@one_engine
@pytest.mark.parametrize("key", ["short", "A" * 32, "a" * 40, "../" * 11])
def test_a_malformed_key_reaches_neither_place(stock, storage, browser, journal, asked_of_old, key):
    browser.key = key
    browser.get("/home/")
    assert (journal, asked_of_old) == ([], [])


@in_the_database
@one_engine
@pytest.mark.parametrize(("moving", "statements"), [(True, 3), (False, 1)])
def test_without_the_setting_nothing_is_asked(
    stock, storage, browser, settings, django_assert_num_queries, moving, statements
):
    if not moving:
        settings.FRONTDESK = {**settings.FRONTDESK, "MIGRATE_FROM": None}
    browser.key = "a1" * 16
    browser.get("/home/")
    browser.key = "a1" * 16
    with django_assert_num_queries(statements):
        browser.get("/home/")


@in_the_database
@one_engine
def test_a_move_takes_seven_statements_and_the_next_request_one(
    stock, storage, browser, user, django_assert_num_queries
):
    browser.get("/home/")
    browser.key = stock.begin(user)
    # Looked for, found in the old place, inserted, deleted there in a transaction (three); and the user,
    # who did not come along.
    with django_assert_num_queries(7):
        assert browser.get("/home/").status_code == 200
    with django_assert_num_queries(1):
        browser.get("/home/")


# --- what cannot be moved -----------------------------------------------------------------------------


@in_memory
def test_one_that_cannot_be_decoded_is_left_and_logged_and_the_cookie_stays(
    stock, storage, browser, user, caplog
):
    browser.key = key = stock.begin(user)
    stock.spoil(key)
    with caplog.at_level(logging.ERROR, "frontdesk"):
        response = browser.get("/home/")
    assert cookie(response) is None
    assert "left where it is" in caplog.text
    assert key not in caplog.text
    assert stock.place.listable is False or stock.has(key)


@in_memory
@pytest.mark.parametrize("stock", ["cache"], indirect=True)
def test_a_value_that_the_serializer_cannot_write_keeps_the_session_where_it_is(
    stock, storage, browser, user, caplog
):
    browser.key = key = stock.begin(user, when=datetime(2020, 1, 1))  # noqa: DTZ001
    with caplog.at_level(logging.ERROR, "frontdesk"):
        response = browser.get("/home/")
    assert cookie(response) is None
    assert "SESSION_SERIALIZER" in caplog.text
    assert stock.has(key)


@in_memory
def test_an_empty_session_is_not_a_damaged_one(stock, storage, browser, caplog):
    browser.key = key = stock.begin()
    assert browser.kept() == {}
    assert isinstance(record_of(key), Record)
    assert caplog.text == ""


@in_memory
@one_engine
def test_an_old_place_that_cannot_answer_is_a_503_and_the_cookie_stays(
    stock, storage, browser, user, monkeypatch
):
    browser.key = stock.begin(user)

    def down(key):
        raise StorageUnavailable("closed")

    with monkeypatch.context() as outage:
        outage.setattr(old_place(), "read", down)
        response = browser.get("/home/")
        assert response.status_code == 503
        assert cookie(response) is None
    assert browser.who() == "ada"


@one_engine
def test_a_table_that_is_not_there_is_an_outage(stock, storage, browser):
    browser.key = "a1" * 16
    with connection.schema_editor() as editor:
        editor.delete_model(stock.engine().model)
    try:
        assert browser.get("/home/").status_code == 503
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(stock.engine().model)


@in_memory
@pytest.mark.parametrize("stock", ["file"], indirect=True)
def test_a_directory_that_is_not_there_is_an_outage(
    stock, storage, browser, settings, user, grounds
):
    browser.key = stock.begin(user)
    (grounds / "stock").rename(grounds / "elsewhere")
    assert browser.get("/home/").status_code == 503


@in_memory
@pytest.mark.parametrize("stock", ["cache"], indirect=True)
def test_a_cache_that_is_down_is_an_outage(stock, storage, browser, user, monkeypatch):
    from django.core.cache import caches

    def down(*args, **kwargs):
        raise ConnectionError("closed")

    monkeypatch.setattr(type(caches["old"]), "get", down)
    browser.key = "a1" * 16
    assert browser.get("/home/").status_code == 503


# --- transactions -------------------------------------------------------------------------------------


@in_the_database
def test_a_view_that_fails_in_a_transaction_loses_no_session(stock, storage, new_browser, user):
    from django.db import transaction

    key = stock.begin(user)

    class Mistake(Exception):
        pass

    def view():
        with transaction.atomic():
            assert SessionStore(key)[SESSION_KEY] == str(user.pk)
            raise Mistake

    with pytest.raises(Mistake):
        view()
    assert stock.has(key)
    browser = new_browser()
    browser.key = key
    assert browser.who() == "ada"


@in_the_database
def test_in_a_transaction_the_old_copy_goes_with_the_commit(stock, storage, user):
    from django.db import transaction

    key = stock.begin(user)
    with transaction.atomic():
        SessionStore(key).load()
        assert stock.has(key)
    assert not stock.has(key)


# --- Django's other methods ---------------------------------------------------------------------------


@in_memory
def test_it_exists_before_it_moves(stock, storage, user):
    key = stock.begin(user)
    assert SessionStore().exists(key) is True
    assert SessionStore().exists("a1" * 16) is False
    assert record_of(key) is None


@in_memory
def test_nothing_is_created_over_it(stock, storage, user):
    from django.contrib.sessions.backends.base import CreateError

    key = stock.begin(user)
    with pytest.raises(CreateError):
        SessionStore(key).save(must_create=True)


@in_memory
def test_it_is_listed_once_it_has_moved(stock, storage, browser, user):
    browser.key = stock.begin(user)
    assert sessions.count(user) == 0
    browser.who()
    assert sessions.count(user) == 1


def test_a_setting_changes_at_once(settings, grounds):
    assert old_place() is None
    settings.FRONTDESK = {"MIGRATE_FROM": "django.contrib.sessions.backends.cache"}
    assert old_place().engine.__module__ == "django.contrib.sessions.backends.cache"
    keep_in(settings, "memory", grounds)

"""The key is in the browser and nowhere else: only its digest is stored, shown or logged."""

import logging
import pickle
import re

import pytest
from django.contrib import auth
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.views.debug import ExceptionReporter

from frontdesk import sessions
from frontdesk.storages import get_storage
from frontdesk.tokens import digest_of
from tests.requests.conftest import PASSWORD, use
from tests.storages import places

pytestmark = pytest.mark.django_db


def dump_database():
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows += [(table, *row) for row in cursor.fetchall()]
    return repr(rows)


def dump_memory(storage):
    return repr(storage._slots)


def dump_cache(storage):
    return repr(storage._cache._cache)


def dump_directory(storage):
    paths = [path for path in storage._root.rglob("*") if path.is_file()]
    return repr([(str(path), path.read_bytes()) for path in paths])


def dump_redis(storage):
    """Digests are kept as bytes there; so are they shown here as they are named."""
    prefix = places.redis_prefix(storage)
    found = list(places.redis_keys(storage))
    fields = [(key, client.hgetall(key)) for client, key in found if client.type(key) == b"hash"]
    names = [key.removeprefix(prefix + b"s").hex() for _, key in found]
    indexes = [client.zrange(key, 0, -1) for client, key in found if client.type(key) == b"zset"]
    return repr((found, names, fields, indexes))


def dump_cached_database(storage):
    client, prefix = storage.front._clients.get(), storage.front._prefix
    copies = [(key, client.get(key)) for key in client.scan_iter(match=prefix + b"*", count=1000)]
    return repr(copies) + dump_database()


def dump(name):
    """Return all that the storage holds, as text."""
    storage = get_storage()
    dumps = {
        "memory": dump_memory,
        "cache": dump_cache,
        "file": dump_directory,
        "redis": dump_redis,
        "redis cluster": dump_redis,
        "cached_database": dump_cached_database,
    }
    return dumps[name](storage) if name in dumps else dump_database()


@pytest.fixture
def life(browser, user, clock):
    """Live through everything a session may meet; return the keys that were in the cookie."""
    keys = []

    def step(happening):
        happening()
        if browser.key and browser.key not in keys:
            keys.append(browser.key)

    def live():
        step(lambda: browser.keep(cart=["lamp"]))
        step(lambda: browser.post("/login/", {"username": "ada", "password": PASSWORD}))
        step(lambda: browser.keep(cart=["sofa"]))
        step(lambda: browser.do(lambda request: request.session.cycle_key()))
        clock.move(minutes=5)
        step(browser.who)
        return keys

    return live


# --- stored -------------------------------------------------------------------------------------------


def test_what_is_stored_contains_digests_and_no_key(life, storage_setting):
    keys = life()
    stored = dump(storage_setting)
    assert digest_of(keys[-1]) in stored
    assert len(keys) == 3
    assert [key for key in keys if key in stored] == []


def test_what_is_stored_after_signing_out_contains_no_key(life, browser, storage_setting):
    keys = life()
    browser.do(auth.logout)
    assert [key for key in keys if key in dump(storage_setting)] == []


def test_the_database_never_gets_to_see_a_key(life):
    with CaptureQueriesContext(connection) as seen:
        keys = life()
    said = repr(seen.captured_queries)
    assert digest_of(keys[-1]) in said
    assert [key for key in keys if key in said] == []


def test_the_pages_of_the_database_contain_no_key(life):
    """What was deleted stays in a file for a while; a backup takes it along."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite hands out its pages")
    keys = life()
    content = connection.connection.serialize()
    assert digest_of(keys[-1]).encode() in content
    assert [key for key in keys if key.encode() in content] == []


# --- logged -------------------------------------------------------------------------------------------


def test_the_log_contains_no_key(life, storage_setting, caplog):
    """ASVS 16.2.5."""
    caplog.set_level(logging.DEBUG)
    keys = life()
    assert [key for key in keys if key in caplog.text] == []


def test_the_log_of_an_outage_contains_no_key(flaky, member, caplog):
    caplog.set_level(logging.DEBUG)
    flaky.down = {"read", "update"}
    member.get("/home/")
    assert "the desk is closed" in caplog.text
    assert member.key not in caplog.text


# --- shown --------------------------------------------------------------------------------------------


def test_no_page_contains_the_key(member, user):
    """ASVS 3.3.4."""
    User.objects.update(is_staff=True, is_superuser=True)
    for page in ("/home/", "/admin/", "/admin/auth/user/", f"/admin/auth/user/{user.pk}/change/"):
        response = member.get(page)
        assert response.status_code == 200
        assert member.key not in response.content.decode()
        assert member.key not in repr(response.headers)


def test_what_a_program_may_see_of_a_session_contains_no_key(member):
    seen = member.do(sessions.current).answer
    assert seen.id == digest_of(member.key)
    assert member.key not in repr(seen)
    assert member.key.encode() not in pickle.dumps(seen)


def test_a_record_contains_no_key(member, storage_setting):
    record = get_storage().read(digest_of(member.key))
    assert member.key not in repr(record)
    assert member.key.encode() not in pickle.dumps(record)


def test_the_session_object_does_not_show_its_key(member):
    def task(request):
        return repr(request.session), str(request.session), repr(request.session.record)

    assert member.key not in repr(member.do(task).answer)


class Refuses:
    """A value that no serializer takes."""


BROKEN = {
    "read": lambda request: request.session["nothing"],
    "write": lambda request: request.session.update({"value": Refuses()}),
    "rotate": lambda request: (
        request.session.update({"value": Refuses()}),
        request.session.cycle_key(),
    ),
}


@pytest.mark.parametrize("task", BROKEN.values(), ids=BROKEN)
def test_no_frame_of_ours_shows_the_key_in_an_error_report(new_browser, user, task):
    """Django mails such reports to ADMINS. Of the request it shows the cookies, which is Django's own."""
    member = new_browser(raise_request_exception=False)
    member.force_login(user)
    key = member.key
    response = member.do(task)
    assert response.status_code == 500
    report = ExceptionReporter(None, *response.exc_info).get_traceback_html()
    assert re.search("frontdesk/session", report) or task is BROKEN["read"]
    assert key not in report


def test_no_frame_of_ours_shows_a_key_when_a_storage_breaks(new_browser, user, settings):
    storage = use(settings, "frontdesk.storages.memory.MemoryStorage")
    member = new_browser(raise_request_exception=False)
    member.force_login(user)
    key = member.key

    def broken(*args):
        raise ZeroDivisionError

    storage.rotate = broken
    response = member.do(lambda request: request.session.cycle_key())
    report = ExceptionReporter(None, *response.exc_info).get_traceback_html()
    assert "ZeroDivisionError" in report
    assert key not in report

"""Redis over TLS: one server, behind Sentinel, a Cluster. Whoever cannot show who they are is refused."""

import logging
import time
from contextlib import ExitStack

import pytest
import redis
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext
from frontdesk.asking import asked
from frontdesk.drive import arun, run
from frontdesk.storages.cached_database import CachedDatabaseStorage
from frontdesk.storages.record import Changes
from frontdesk.testing.conformance.ground import Caller, a_record, fresh_digest, insert, is_ended

from frontdesk import clock
from frontdesk.errors import StorageUnavailable
from frontdesk.storages import trust
from frontdesk.storages.redis import RedisStorage
from tests.processes import redis_cluster, redis_servers, tls
from tests.processes.site import places
from tests.processes.site.browser import Browser
from tests.processes.site.server import serve
from tests.storages.on_cluster import migrating, session

pytestmark = [
    pytest.mark.needs("redis", "openssl"),
    pytest.mark.slow,
    pytest.mark.shared,
]

TIMEOUT = 10


@pytest.fixture(scope="module")
def authority():
    with tls.authority() as ours:
        yield ours


@pytest.fixture(scope="module")
def stranger():
    """An authority that has signed nothing that runs here."""
    with tls.authority() as other:
        yield other


# --- the places: each says what it takes to trust an authority ------------------------------------------


def one_server(server):
    url = f"rediss://127.0.0.1:{server.named}"
    return lambda trusted: {"URL": url, "CONNECTION": trusted}


def behind_sentinel(house):
    def place(trusted, by_sentinels=None):
        secure = {"ssl": True, **trusted}
        near = {"ssl": True, **(by_sentinels or trusted)}
        sentinel = {"hosts": house.sentinels, "service": house.service, "connection": near}
        return {"SENTINEL": sentinel, "CONNECTION": secure}

    return place


def in_a_cluster(house):
    return lambda trusted: {"URL": house.urls[:1], "CLUSTER": True, "CONNECTION": trusted}


@pytest.fixture(scope="module")
def server(authority):
    with redis_servers.with_tls(authority) as server:
        yield server


@pytest.fixture(scope="module")
def watched(authority):
    with redis_servers.with_sentinels(authority) as house:
        yield house


@pytest.fixture(scope="module")
def house(authority):
    with redis_cluster.cluster(authority=authority) as house:
        yield house


KINDS = {
    "one server": ("server", one_server),
    "sentinel": ("watched", behind_sentinel),
    "cluster": ("house", in_a_cluster),
}


@pytest.fixture(params=KINDS)
def place(request):
    fixture, options = KINDS[request.param]
    return options(request.getfixturevalue(fixture))


# --- whom we trust --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_every_verb_works(place, authority, mode):
    options = place(authority.trusted)
    do = Caller(RedisStorage(**options, PREFIX=f"{fresh_digest()}:", TIMEOUT=TIMEOUT), mode)
    record, other, new = insert(do, user_id="1"), insert(do, user_id="1"), fresh_digest()
    assert do("read", record.digest) == record
    assert do("update", record.digest, Changes(values={"a": b"1"})) is True
    assert do("rotate", record.digest, new, Changes()) is True
    assert {each.digest for each in do("of_user", "1")} == {new, other.digest}
    assert do("remove", [new]) == [new]
    assert is_ended(do, new)
    assert do("remove_of_user", "1") == [other.digest]
    assert do.storage.check() == []


def test_somebody_signs_in_and_is_known(place, authority):
    more = {"PREFIX": f"{fresh_digest()}:", "TIMEOUT": TIMEOUT}
    storage = {
        "BACKEND": "frontdesk.storages.redis.RedisStorage",
        "OPTIONS": {**place(authority.trusted), **more},
    }
    with ExitStack() as stack:
        users = stack.enter_context(places.sqlite())
        served = stack.enter_context(serve(places.settings(users, storage), workers=1))
        browser = Browser(served.port)
        assert browser.get("/login/?user=1").status == 200
        assert browser.get("/look/").page["user"] == 1
        assert browser.get("/logout/").status == 200
        assert browser.get("/look/").page["user"] is None


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_who_is_sent_elsewhere_by_a_cluster_speaks_tls_there_too(house, authority, mode):
    options = in_a_cluster(house)(authority.trusted)
    do = Caller(RedisStorage(**options, PREFIX=f"{fresh_digest()}:", TIMEOUT=TIMEOUT), mode)
    records = [insert(do) for _ in range(20)]
    servers = do.storage._servers
    known = sorted({*servers._map})
    assert known == sorted(("127.0.0.1", node.named) for node in house.primaries)
    # As if each server had the keys of the next one: all answer MOVED.
    servers._map = [known[(known.index(at) + 1) % len(known)] for at in servers._map]
    assert do("read", records[0].digest) == records[0]
    assert [do("read", record.digest) for record in records] == records
    one = records[0].digest
    with migrating(house, session(do, one)) as (moved, settled):
        for step in (lambda: None, moved, settled):  # ASK, and MOVED
            step()
            assert do("update", one, Changes(last_seen=clock.now())) is True
    at = servers._fleet._clients
    assert {port for _, port in at} == {node.named for node in house.primaries}
    pools = [clients.get().connection_pool for clients in at.values()]
    assert all(issubclass(pool.connection_class, redis.SSLConnection) for pool in pools)


def test_a_failover_with_sentinel_keeps_tls(authority):
    with redis_servers.with_sentinels(authority) as watched:
        options = behind_sentinel(watched)(authority.trusted)
        storage = RedisStorage(**options, TIMEOUT=1)
        record = insert(Caller(storage, "sync"))
        watched.replicated()
        watched.primary.kill()
        redis_servers.until(lambda: _read(storage, record) == record, 90)


def _read(storage, record):
    try:
        return storage.read(record.digest)
    except StorageUnavailable:
        return None


# --- whom we do not trust -------------------------------------------------------------------------------


def refused(options, mode, caplog):
    """Ask for a session, and be told that the server is not who it is to be; in the log as well."""
    storage = RedisStorage(**options, TIMEOUT=TIMEOUT)
    drive = run if mode == "sync" else async_to_sync(arun)
    began = time.monotonic()
    with pytest.raises(StorageUnavailable, match="certificate verify failed"):
        drive(asked(storage, "read", fresh_digest()))
    assert time.monotonic() - began < TIMEOUT
    with pytest.raises(StorageUnavailable, match="certificate verify failed"):
        Caller(storage, mode)("insert", a_record())
    errors = [line.getMessage() for line in caplog.records if line.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "certificate verify failed" in errors[0]
    assert len(errors[0]) < 1000, "options of the connections are of no use to who reads it"


@pytest.fixture(params=["sync", "async"])
def mode(request):
    return request.param


@pytest.mark.parametrize("whose", ["of another authority", "of none that the machine knows"])
def test_a_server_with_a_certificate_of_others_is_refused(place, stranger, whose, mode, caplog):
    options = place(stranger.trusted if whose == "of another authority" else {})
    refused(options, mode, caplog)


def test_a_sentinel_with_a_certificate_of_others_is_refused(
    watched, authority, stranger, mode, caplog
):
    options = behind_sentinel(watched)(authority.trusted, by_sentinels=stranger.trusted)
    refused(options, mode, caplog)


def test_a_server_that_a_trusted_sentinel_names_is_refused_all_the_same(
    watched, authority, stranger, mode, caplog
):
    options = behind_sentinel(watched)(stranger.trusted, by_sentinels=authority.trusted)
    refused(options, mode, caplog)


def test_a_certificate_that_names_another_host_is_refused(mode, caplog):
    with (
        tls.authority("DNS:elsewhere.example") as signer,
        redis_servers.with_tls(signer) as server,
    ):
        refused(one_server(server)(signer.trusted), mode, caplog)


def test_a_server_that_speaks_no_tls_is_not_spoken_to_without(server, authority, mode):
    """It waits for the end of a line, so this looks like a server that hangs."""
    url = f"rediss://127.0.0.1:{server.port}"
    do = Caller(RedisStorage(URL=url, CONNECTION=authority.trusted, TIMEOUT=0.4), mode)
    with pytest.raises(StorageUnavailable, match=r"(?i)time"):
        do("read", fresh_digest())


# --- before a database ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_redis_before_the_database_speaks_tls(server, authority, monkeypatch):
    monkeypatch.setattr(trust, "TRUSTED", 60.0)
    storage = CachedDatabaseStorage(REDIS={**one_server(server)(authority.trusted), "TIMEOUT": 10})
    record = insert(Caller(storage, "sync"))
    assert storage.read(record.digest) == record
    with CaptureQueriesContext(connection) as made:
        assert storage.read(record.digest) == record
    assert len(made) == 0
    assert storage.front.links


@pytest.mark.django_db(transaction=True)
def test_a_redis_before_the_database_with_a_certificate_of_others_is_done_without(
    server, stranger, caplog
):
    storage = CachedDatabaseStorage(REDIS={**one_server(server)(stranger.trusted), "TIMEOUT": 10})
    record = insert(Caller(storage, "sync"))
    for _ in range(3):
        assert storage.read(record.digest) == record
    errors = [line for line in caplog.records if line.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "certificate verify failed" in errors[0].getMessage()
    assert storage.front.links == 0

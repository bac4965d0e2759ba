"""What the cache storage promises beyond the contract: which caches, their keys, servers and limits."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.test import override_settings

from frontdesk.core.flow import run
from frontdesk.core.record import FOREVER
from frontdesk.errors import FrontdeskError, InvalidSetting, StorageUnavailable
from frontdesk.storages.cache import CacheStorage
from tests import services
from tests.storages import places
from tests.storages.test_primitives import a_record, ids

EACH = [place for place in places.PLACES if not place.scans]
"""The places that are caches."""


@pytest.mark.parametrize(
    "backend",
    [
        "django.core.cache.backends.db.DatabaseCache",
        "django.core.cache.backends.filebased.FileBasedCache",
        "django.core.cache.backends.dummy.DummyCache",
    ],
)
def test_a_cache_that_cannot_compare_and_set_is_refused(backend):
    with (
        pytest.raises(InvalidSetting, match="LocMemCache") as raised,
        places.cache(backend, lambda: "somewhere")(),
    ):
        pass
    assert backend.rpartition(".")[2] in str(raised.value)


@pytest.mark.parametrize(
    ("options", "why"),
    [({"ALIAS": "nowhere"}, "nowhere"), ({"ALIS": "default"}, "Did you mean 'ALIAS'")],
)
def test_options_that_do_not_fit_are_refused(options, why):
    with pytest.raises(InvalidSetting, match=why):
        CacheStorage(**options)


def test_a_memcached_that_hides_its_faults_is_refused():
    opened = places.cache(places.MEMCACHED, lambda: "127.0.0.1:1", OPTIONS={"ignore_exc": True})
    with pytest.raises(InvalidSetting, match="ignore_exc"), opened():
        pass


@pytest.mark.needs("django-redis")
def test_a_client_of_django_redis_with_several_primaries_is_refused():
    options = {"CLIENT_CLASS": "django_redis.client.ShardClient"}
    opened = places.cache(places.DJANGO_REDIS, lambda: ["redis://h", "redis://i"], OPTIONS=options)
    with pytest.raises(InvalidSetting, match="DefaultClient"), opened():
        pass


def key_of_tenant(key, prefix, version) -> str:
    return f"{prefix}{TENANT[0]}:{version}:{key}"


TENANT = ["one"]


@pytest.mark.parametrize("place", places.each(EACH), indirect=True)
def test_the_keys_are_those_of_the_cache(storage):
    """A project may separate its tenants by KEY_FUNCTION, KEY_PREFIX and VERSION."""
    stored = a_record()
    run(storage.insert(stored))
    cache = caches["sessions"]
    cache.key_func = key_of_tenant
    assert storage.load([stored.id]) == []
    assert run(storage.insert(stored))
    TENANT[0] = "two"
    try:
        assert storage.load([stored.id]) == []
        assert storage.ids_of("1") == []
    finally:
        TENANT[0] = "one"
    assert storage.ids_of("1") == [stored.id]
    cache.version = 2
    assert storage.load([stored.id]) == []


@pytest.mark.parametrize("place", places.each(EACH), indirect=True)
def test_a_session_without_an_end_is_kept(storage):
    stored = a_record(idle=FOREVER, deadline=FOREVER)
    run(storage.insert(stored))
    assert ids(run(storage.of_user("1"))) == {stored.id}


def test_threads_share_the_memory_of_a_process(monkeypatch):
    get = LocMemCache.get

    def slow(self, *args, **options):
        found = get(self, *args, **options)
        time.sleep(0.001)  # another thread's turn
        return found

    monkeypatch.setattr(LocMemCache, "get", slow)
    with places.cache(places.LOCMEM)() as storage, ThreadPoolExecutor(4) as threads:
        stored = a_record(user_id=None)
        run(storage.insert(stored))
        second = replace(stored, version=2)
        done = threads.map(lambda _: storage.swap([(stored, second)]), range(8))
        assert sorted(done) == [[False]] * 7 + [[True]]


# memcached.


@pytest.mark.needs("memcached")
def test_a_value_too_large_for_memcached_is_no_outage():
    with places.cache(places.MEMCACHED, places.memcached)() as storage:
        stored = a_record(user_id=None)
        run(storage.insert(stored))
        large = a_record(user_id=None, values={"large": b"x" * 2_000_000})
        with pytest.raises(FrontdeskError, match="memcached does not store") as raised:
            run(storage.insert(large))
        assert not isinstance(raised.value, StorageUnavailable)
        assert not storage.outage.open
        assert run(storage.read(stored.id)) == stored


@pytest.mark.needs("memcached")
def test_a_session_is_never_looked_for_on_another_memcached():
    """Neither a sign-out while its server is down, nor an ended session when it is back."""
    (one, first), (two, second) = services.start_memcached(), services.start_memcached()
    try:
        with places.cache(places.MEMCACHED, lambda: [first, second])() as storage:
            caches["sessions"]._cache.retry_timeout = 0  # so that HashClient would give up soon
            stored = [a_record(user_id=None) for _ in range(16)]
            for each in stored:
                run(storage.insert(each))
            services.stop(one)
            outages = 0
            for each in stored * 5:
                try:
                    assert storage.load([each.id]) == [each]
                except StorageUnavailable:
                    outages += 1
            assert outages % 5 == 0
            assert 0 < outages < 80
    finally:
        services.stop(one)
        services.stop(two)


# What manage.py check says.


def said(backend, location="", **setting) -> list[str]:
    own = {"BACKEND": backend, "LOCATION": location, "KEY_PREFIX": secrets.token_hex(4), **setting}
    with override_settings(CACHES={"default": {"BACKEND": places.LOCMEM}, "sessions": own}):
        return [message.id for message in CacheStorage(ALIAS="sessions").check()]


def test_a_small_cache_is_w011():
    assert said(places.LOCMEM) == ["frontdesk.W011"]
    assert said(places.LOCMEM, OPTIONS={"MAX_ENTRIES": 100_000}) == []


def test_a_cache_that_waits_forever_is_w033():
    timeouts = {"connect_timeout": 1, "timeout": 1}
    assert said(places.MEMCACHED, "127.0.0.1:1") == ["frontdesk.W033"]
    assert said(places.MEMCACHED, "127.0.0.1:1", OPTIONS=timeouts) == []
    forever = {"socket_timeout": None, "socket_connect_timeout": 1}
    assert said(places.REDIS, "redis://127.0.0.1:1", OPTIONS=forever) == ["frontdesk.W033"]
    assert said(places.REDIS, "redis://127.0.0.1:1", OPTIONS={**forever, "socket_timeout": 1}) == []


@pytest.mark.needs("django-redis")
def test_the_timeouts_of_django_redis_are_known():
    forever = {"CONNECTION_POOL_KWARGS": {"socket_timeout": None, "socket_connect_timeout": None}}
    limits = {"SOCKET_TIMEOUT": 1, "SOCKET_CONNECT_TIMEOUT": 1}
    assert said(places.DJANGO_REDIS, "redis://127.0.0.1:1", OPTIONS=forever) == ["frontdesk.W033"]
    assert (
        said(places.DJANGO_REDIS, "redis://127.0.0.1:2", OPTIONS=limits) == []
    )  # it keeps a pool per URL


@pytest.mark.parametrize(("backend", "shared"), [(places.LOCMEM, False), (places.REDIS, True)])
def test_a_cache_in_one_process_says_so(backend, shared):
    with places.cache(backend, lambda: "redis://127.0.0.1:1")() as storage:
        assert storage.shared is shared
        assert [message.id for message in storage.check_deployed()] == (
            [] if shared else ["frontdesk.W010"]
        )

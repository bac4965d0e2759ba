"""The test tooling itself: each server is really reached, and each test lands where it says."""

import asyncio
import socket
import threading

import pytest
from django.contrib.auth.models import Group
from django.db import connections

from tests import services


@services.each_database()
def test_the_orm_uses_the_database_of_the_test(database):
    Group.objects.create(name="desk")
    assert Group.objects.using(database).count() == 1
    assert Group.objects.get().name == "desk"
    assert connections[database].settings_dict["NAME"].count(services.RUN) == 1


@services.each_database(transaction=True)
def test_threads_see_what_the_test_committed(database):
    Group.objects.create(name="desk")
    seen = []

    def look():
        seen.extend(Group.objects.values_list("name", flat=True))
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == ["desk"]


@services.each_database(transaction=True)
async def test_async_code_sees_what_it_committed(database):
    await Group.objects.acreate(name="desk")
    counts = await asyncio.gather(Group.objects.acount(), Group.objects.acount())
    assert counts == [1, 1]


def test_memcached_is_private_and_answers(memcached):
    from pymemcache import Client

    with socket.create_connection(memcached.split(":"), timeout=5):
        pass
    client = Client(memcached)
    client.set(services.RUN, b"badge")
    assert client.get(services.RUN) == b"badge"
    client.close()


def test_redis_answers(redis_url):
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.set(services.RUN + ":badge", "1", ex=60)
        assert client.get(services.RUN + ":badge") == b"1"


@pytest.mark.parametrize("required", [True, False])
def test_a_missing_service_skips_unless_it_is_required(monkeypatch, required):
    monkeypatch.setattr(services, "REQUIRED", required)
    monkeypatch.setattr(services, "missing", lambda service: "it is on holiday")
    monkeypatch.setattr(services, "skipped", {})
    outcome = pytest.fail.Exception if required else pytest.skip.Exception
    with pytest.raises(outcome, match="holiday"):
        services.require("redis")


def test_a_closed_port_is_named_in_the_reason(monkeypatch):
    port = services.free_port()
    monkeypatch.setattr(services, "REDIS", services.urlsplit(f"redis://127.0.0.1:{port}/0"))
    services.missing.cache_clear()
    assert f"127.0.0.1:{port} does not answer" in services.missing("redis")
    services.missing.cache_clear()

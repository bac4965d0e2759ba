"""What the Redis storage promises beyond the contract: options, connections, commands, checks."""

from __future__ import annotations

import asyncio
import gc
import secrets
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import takewhile

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff

from frontdesk.core import clock, record
from frontdesk.core.flow import arun, run
from frontdesk.errors import Contention, InvalidSetting
from frontdesk.storages import redis as module
from frontdesk.storages.redis import RedisStorage
from tests import services
from tests.storages import places
from tests.storages.conftest import Do
from tests.storages.cutting import cutting
from tests.storages.test_primitives import a_record, ids

pytestmark = pytest.mark.needs("redis", "redis-server")


@pytest.fixture(scope="module")
def port() -> int:
    """The port of a server of our own."""
    port = services.free_port()
    places.redis_server(port)
    return port


@pytest.fixture(params=["one", "cluster"])
def options(request, port) -> dict[str, object]:
    """The options of a storage on one server, and on a Cluster, which other tests do not use."""
    name = secrets.token_hex(8)
    usual = {"TIMEOUT": 20, "PREFIX": f"{name}:", "CONNECTION": {"client_name": name}}
    if request.param == "one":
        return {"URL": f"redis://127.0.0.1:{port}", **usual}
    return {"URL": places.cluster(), "CLUSTER": True, **usual}


@pytest.fixture
def one(port) -> dict[str, object]:
    return {"URL": f"redis://127.0.0.1:{port}", "PREFIX": f"{secrets.token_hex(8)}:", "TIMEOUT": 20}


@pytest.fixture
def servers(options):
    """Clients of the servers that ``options`` name."""
    urls = [options["URL"]] if isinstance(options["URL"], str) else options["URL"]
    clients = [redis.Redis.from_url(url) for url in urls]
    yield clients
    for client in clients:
        client.close()


def connections(servers, options) -> list[tuple[redis.Redis, str]]:
    """Return the connections of the storage, each with a client of its server."""
    name = options["CONNECTION"]["client_name"]
    return [
        (server, each["id"])
        for server in servers
        for each in server.client_list()
        if each["name"] == name
    ]


# Options.

PROBLEMS = {
    "nothing": ({}, "needs one of the options URL"),
    "both": (
        {"URL": "redis://h", "SENTINEL": {"hosts": [("h", 1)], "service": "s"}},
        "needs one of",
    ),
    "unknown": ({"URL": "redis://h", "POOLSIZE": 1}, "Did you mean 'POOL_SIZE'"),
    "scheme": ({"URL": "http://h"}, "schemes"),
    "type": ({"URL": 6379}, "int"),
    "several": ({"URL": ["redis://h", "redis://i"]}, "several servers"),
    "sentinel": ({"SENTINEL": {"service": "s"}}, "hosts"),
    "sentinels": (
        {"SENTINEL": {"hosts": [("h", 1)], "service": "s"}, "CLUSTER": True},
        "no sentinels",
    ),
    "database": ({"URL": "redis://h/1", "CLUSTER": True}, "db"),
    "timeout": ({"URL": "redis://h", "TIMEOUT": 0}, "greater than 0"),
    "connection": ({"URL": "redis://h", "CONNECTION": {"pasword": "x"}}, "pasword"),
    "tls": ({"URL": "redis://h", "CONNECTION": {"ssl_ca_certs": "/x"}}, "ssl_ca_certs"),
    "cluster": ({"URL": "redis://h", "CLUSTER": True, "CONNECTION": {"pasword": "x"}}, "pasword"),
    "retry": ({"URL": "redis://h", "CONNECTION": {"retry": None}}, "RETRY"),
    "text": ({"URL": "redis://h?decode_responses=yes"}, "decode_responses"),
    "class": ({"URL": "redis://h", "CLIENT_CLASS": "redis.RedisCluster"}, "not a subclass"),
    "async class": ({"URL": "redis://h", "ASYNC_CLIENT_CLASS": redis.Redis}, "not a subclass"),
    "missing class": ({"URL": "redis://h", "CLIENT_CLASS": "nowhere.Client"}, "nowhere"),
}


@pytest.mark.parametrize(("options", "said"), PROBLEMS.values(), ids=PROBLEMS)
def test_options_that_do_not_fit_are_refused(options, said):
    with pytest.raises(InvalidSetting, match=said) as raised:
        RedisStorage(**options)
    assert "\n" not in str(raised.value)


def test_without_redis_py_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(module, "MISSING", ImportError("No module named 'redis'"))
    with pytest.raises(InvalidSetting, match=r"django-frontdesk\[redis\]"):
        RedisStorage(URL="redis://h")


@pytest.mark.parametrize(
    "url", ["rediss://h", "unix:///run/redis.sock", "valkey://h", "valkeys://h"]
)
def test_every_scheme_is_known(url):
    RedisStorage(URL=url)


def test_a_valkey_url_reaches_its_server(one, mode):
    with Do(RedisStorage(**{**one, "URL": one["URL"].replace("redis:", "valkey:")}), mode) as do:
        assert do(do.storage.insert(a_record()))


def test_a_server_that_is_down_does_not_hide_a_cluster(mode):
    urls = [f"redis://127.0.0.1:{services.free_port()}", *places.cluster()]
    with Do(RedisStorage(URL=urls, CLUSTER=True, TIMEOUT=20), mode) as do:
        assert do.load(["0" * 15]) == []


class Counting(redis.Redis):
    commands = 0

    def pipeline(self, *args, **options):
        Counting.commands += 1
        return super().pipeline(*args, **options)


class CountingAsync(redis.asyncio.Redis):
    def pipeline(self, *args, **options):
        Counting.commands += 1
        return super().pipeline(*args, **options)


def test_a_client_class_of_the_project_is_used(one, mode):
    classes = {"CLIENT_CLASS": Counting, "ASYNC_CLIENT_CLASS": f"{__name__}.CountingAsync"}
    before = Counting.commands
    with Do(RedisStorage(**one, **classes), mode) as do:
        do.load(["0" * 15])
    assert Counting.commands == before + 1


@pytest.mark.parametrize(("given", "retries"), [({}, 0), ({"RETRY": (NoBackoff(), 2)}, 2)])
def test_a_command_is_sent_again_only_if_the_project_says_so(one, given, retries):
    storage = RedisStorage(**one, **given)
    assert storage._client.get_retry().get_retries() == retries

    async def of_loop():
        async with storage._aturn() as client:
            return client.get_retry().get_retries()

    assert asyncio.run(of_loop()) == retries


@pytest.fixture
def proxy(port):
    with cutting(port) as proxy:
        yield proxy


@pytest.fixture
def retrying(one, proxy, mode):
    """Runs flows on a storage that sends a command again, through a network that can lose an answer."""
    options = {**one, "URL": f"redis://127.0.0.1:{proxy.port}", "RETRY": (NoBackoff(), 1)}
    with Do(RedisStorage(**options), mode) as do:
        yield do


def test_a_change_that_was_sent_twice_is_made_once(retrying, proxy):
    """As for ``modify()``."""
    known, tries = a_record(values={"n": b"0"}), []

    def add_one(current):
        tries.append(current)
        return replace(current, values={"n": b"%d" % (int(current.values["n"]) + 1)})

    retrying(retrying.storage.insert(known))
    proxy.cut = True
    after = retrying(retrying.storage.change(known, add_one))
    assert (proxy.lost, len(tries), after.values) == (1, 1, {"n": b"1"})
    assert retrying(retrying.storage.read(known.id)) == after


def test_a_rotation_that_was_sent_twice_is_the_requests_own(retrying, proxy):
    """Its secret is the one that the response tells the browser."""

    def rotated(current):
        assert current.secret == known.secret
        return record.rotate(current, "f" * 64, clock.now(), "1")

    known = a_record()
    retrying(retrying.storage.insert(known))
    proxy.cut = True
    after = retrying(retrying.storage.change(known, rotated))
    assert (proxy.lost, after.secret) == (1, "f" * 64)


def test_an_end_that_was_sent_twice_is_reported_once(retrying, proxy):
    known = a_record()
    retrying(retrying.storage.insert(known))
    proxy.cut = True
    assert retrying(retrying.storage.end([known.id], known=[known])) == [known]
    assert proxy.lost == 1
    assert retrying(retrying.storage.end([known.id])) == []


def test_tls_is_a_scheme_and_options_of_the_connection(tmp_path, mode):
    services.require("openssl")
    new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out crt -days 2"
    names = ["-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *new.split(), *names], check=True, capture_output=True, cwd=tmp_path)
    plain, secure = services.free_port(), services.free_port()
    files = ["--tls-cert-file", f"{tmp_path}/crt", "--tls-key-file", f"{tmp_path}/key"]
    authority = ["--tls-ca-cert-file", f"{tmp_path}/crt", "--tls-auth-clients", "no"]
    places.redis_server(plain, "--tls-port", str(secure), *files, *authority)
    options = {
        "URL": f"rediss://127.0.0.1:{secure}",
        "CONNECTION": {"ssl_ca_certs": f"{tmp_path}/crt"},
    }
    with Do(RedisStorage(**options, TIMEOUT=20), mode) as do:
        assert do(do.storage.insert(a_record()))


@pytest.fixture(scope="module")
def sentinel(port, tmp_path_factory):
    """The port of a sentinel that watches the server."""
    own = services.free_port()
    file = tmp_path_factory.mktemp("sentinel") / "sentinel.conf"
    file.write_text(f"port {own}\nsentinel monitor sessions 127.0.0.1 {port} 1\n")
    places.start(["redis-server", str(file), "--sentinel"], own)
    return own


def test_sentinel_names_the_server(sentinel, port, mode):
    with redis.Redis(port=port) as client:
        before = client.info()["total_connections_received"]
        found = {"hosts": [("127.0.0.1", sentinel)], "service": "sessions"}
        with Do(RedisStorage(SENTINEL=found, TIMEOUT=20), mode) as do:
            stored = a_record()
            assert do(do.storage.insert(stored))
            assert do(do.storage.read(stored.id)) == stored
        assert do.storage.check_deployed() == []
        assert client.info()["total_connections_received"] > before


# Connections.


def test_an_event_loop_has_its_own_connections_and_closes_them(options, servers):
    storage = RedisStorage(**options)
    open_at_once = []
    together = threading.Barrier(3)

    async def visit():
        record = a_record()
        assert await arun(storage.insert(record))
        assert await arun(storage.read(record.id)) == record
        together.wait()
        open_at_once.append(len(connections(servers, options)))
        together.wait()

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(asyncio.run, visit()) for _ in range(3)]:
            done.result()
    assert min(open_at_once) >= 3
    places.until(lambda: not connections(servers, options))
    assert storage._of_loop == {}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_loop_that_just_closes_is_forgotten(options):
    storage = RedisStorage(**options)
    for _ in range(3):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(storage.aload(["0" * 15]))
        loop.close()
    asyncio.run(storage.aload(["0" * 15]))
    assert storage._of_loop == {}
    gc.collect()  # redis-py warns of the connections that such a loop leaves open, and is right


def test_a_storage_that_is_dropped_closes_its_connections(options, servers):
    storage = RedisStorage(**options)
    storage.load(["0" * 15])
    assert connections(servers, options)
    del storage
    places.until(lambda: not connections(servers, options))


def test_async_calls_use_no_thread(options):
    storage = RedisStorage(**options)

    async def visit():
        before = set(threading.enumerate())
        await arun(storage.insert(a_record()))
        await arun(storage.of_user("1"))
        return set(threading.enumerate()) - before

    assert asyncio.run(visit()) == set()


def test_calls_wait_for_a_connection(options, servers, mode):
    storage = RedisStorage(**options, POOL_SIZE=2)
    record = a_record()
    run(storage.insert(record))

    async def visits():
        found = await asyncio.gather(*(arun(storage.read(record.id)) for _ in range(40)))
        return found, len(connections(servers, options))

    if mode == "async":
        found, opened = asyncio.run(visits())
        opened -= len(servers)  # of the sync client
    else:
        with ThreadPoolExecutor(10) as threads:
            found = list(threads.map(lambda _: run(storage.read(record.id)), range(40)))
        opened = len(connections(servers, options))
    assert found == [record] * 40
    assert (
        opened <= 2 * len(servers) + 3
    )  # a client for a Cluster asks each server who belongs to it


def test_many_tasks_may_be_the_first(options):
    for _ in range(3):
        storage = RedisStorage(**options)
        stored = [a_record(user_id=None) for _ in range(20)]

        async def visits(storage=storage, stored=stored):
            return await asyncio.gather(*(arun(storage.insert(each)) for each in stored))

        assert asyncio.run(visits()) == [True] * 20


def test_a_call_does_not_wait_forever_for_a_connection(options):
    storage = RedisStorage(**{**options, "TIMEOUT": 0.05}, POOL_SIZE=1)
    with storage._turn(), pytest.raises(Contention, match="None of the 1 connections"):
        storage.load(["0" * 15])

    async def busy():
        async with storage._aturn():
            await storage.aload(["0" * 15])

    with pytest.raises(Contention, match="None of the 1 connections"):
        asyncio.run(busy())


def test_a_connection_that_the_server_has_closed_is_no_outage(options, servers, mode):
    with Do(RedisStorage(**options), mode) as do:
        stored = [a_record(user_id=str(number)) for number in range(6)]
        for each in stored:
            do(do.storage.insert(each))

        def close():
            for server, id in connections(servers, options):
                server.client_kill_filter(_id=id)
            do.idle()

        for number, each in enumerate(stored):
            close()
            assert do(do.storage.read(each.id)) == each
            close()
            assert do(do.storage.insert(a_record(user_id=str(number))))
            close()
            assert len(do(do.storage.of_user(str(number)))) == 2
            close()
            assert do(do.storage.change(each, lambda found: replace(found, ip="::1"))).ip == "::1"


def test_the_answer_to_a_cancelled_request_reaches_no_other(options, servers):
    """Another request would get the session of another user."""
    storage = RedisStorage(**options, POOL_SIZE=1)
    mine, yours = a_record(), a_record()

    async def visits():
        await arun(storage.insert(mine))
        await arun(storage.insert(yours))
        for turns in range(12):
            for server in servers:
                server.client_pause(30, all=True)
            read = asyncio.ensure_future(arun(storage.read(mine.id)))
            for _ in range(turns):
                await asyncio.sleep(0)
            read.cancel()
            await asyncio.wait([read])
            assert await arun(storage.read(yours.id)) == yours
            assert await arun(storage.read(mine.id)) == mine

    asyncio.run(visits())


# What reaches the server.


@pytest.fixture
def commands(one):
    """Return the commands that reach the server during a call."""

    def during(function):
        with (
            redis.Redis.from_url(one["URL"]) as client,
            redis.Redis.from_url(one["URL"]) as watcher,
        ):
            client.ping()
            with watcher.monitor() as monitor:
                function()
                client.echo("the end")
                lines = takewhile(lambda line: "the end" not in line["command"], monitor.listen())
                return [
                    line["command"].split()[0] for line in lines if line["client_type"] != "lua"
                ]

    return during


def test_each_step_is_one_command(one, mode, commands):
    with Do(RedisStorage(**one), mode) as do:
        stored, anonymous = a_record(), a_record(user_id=None)
        do.load([stored.id])
        storage = do.storage
        assert commands(lambda: do(storage.read(stored.id))) == ["GET"]
        assert commands(lambda: do(storage.insert(anonymous))) == ["EVAL"]
        assert commands(lambda: do(storage.insert(stored))) == ["EVAL", "GET", "EVAL", "EVAL"]
        assert commands(lambda: do(storage.change(stored, lambda found: found))) == ["EVAL"]
        assert commands(lambda: do(storage.of_user("1"))) == ["GET", "GET"]
        assert commands(lambda: do(storage.end([stored.id]))) == ["GET", "EVAL"]


def test_the_server_deletes_what_has_expired(one):
    storage = RedisStorage(**one)
    stored = a_record(idle=clock.MINUTE)
    run(storage.insert(stored))
    with redis.Redis.from_url(one["URL"]) as client:
        lasts = {
            key.decode().split(":")[1][0]: client.pttl(key)
            for key in client.keys(f"{one['PREFIX']}*")
        }
    assert 50_000 < lasts["s"] <= 60_000
    assert 86_400_000 < lasts["u"] <= 86_400_000 + 3_600_000


def test_a_session_without_an_end_is_kept(one):
    storage = RedisStorage(**one)
    stored = a_record(idle=record.FOREVER, deadline=record.FOREVER)
    run(storage.insert(stored))
    assert ids(run(storage.of_user("1"))) == {stored.id}


def test_a_prefix_is_no_pattern(options):
    own = RedisStorage(**{**options, "PREFIX": options["PREFIX"] + "*?[a]\\:"})
    other = RedisStorage(**{**options, "PREFIX": options["PREFIX"] + "xya\\:"})
    stored = a_record()
    run(own.insert(stored))
    run(other.insert(a_record()))
    assert ids(own.scan()) == {stored.id}


RIGHTS = "+get +set +eval +scan +info +command +cluster|slots"


def test_an_account_needs_few_rights(options, servers, mode):
    for server in servers:
        keys = f"~{options['PREFIX']}*"
        server.execute_command(
            "ACL", "SETUSER", "desk", "reset", "on", ">sesame", keys, *RIGHTS.split()
        )
    account = {"username": "desk", "password": "sesame"}
    with Do(RedisStorage(**{**options, "CONNECTION": account}), mode) as do:
        stored = a_record()
        assert do(do.storage.insert(stored))
        assert do(do.storage.read(stored.id)) == stored
        assert ids(do.storage.scan()) == {stored.id}
        assert do(do.storage.end([stored.id])) == [stored]
        assert do.storage.check_deployed() == []


# What manage.py check says.


def said(storage) -> list[str]:
    return [message.id for message in storage.check_deployed()]


def test_a_server_that_evicts_is_w030(options, servers):
    storage = RedisStorage(**options)
    assert said(storage) == []
    servers[-1].config_set("maxmemory", "100mb")
    servers[-1].config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert said(storage) == ["frontdesk.W030"]
    finally:
        servers[-1].config_set("maxmemory-policy", "noeviction")
        servers[-1].config_set("maxmemory", "0")


def test_a_server_of_the_other_kind_is_e031(options):
    urls = options["URL"]
    other = {"URL": urls, "CLUSTER": True} if isinstance(urls, str) else {"URL": urls[0]}
    assert said(RedisStorage(**other, TIMEOUT=20)) == ["frontdesk.E031"]


def test_a_server_that_is_down_does_not_stop_a_check():
    assert said(RedisStorage(URL=f"redis://127.0.0.1:{services.free_port()}")) == []

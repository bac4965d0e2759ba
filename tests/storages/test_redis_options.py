"""The options of the Redis storage: what is refused, and what is said of it."""

import subprocess
import sys

import pytest
import redis

from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages.redis import RedisStorage
from frontdesk.testing.conformance.ground import Caller, a_record, fresh_digest
from tests import services

pytestmark = pytest.mark.needs("redis")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "URL"),
        ({"URL": "redis://localhost", "SENTINEL": {}}, "SENTINEL"),
        ({"URL": "redis://localhost", "POOLSIZE": 3}, "Did you mean 'POOL_SIZE'"),
        ({"url": "redis://localhost"}, "Did you mean 'URL'"),
        ({"LOCATION": "redis://localhost"}, "CONNECTION"),
        ({"URL": "localhost:6379"}, "redis://"),
        ({"URL": "redis://localhost?decode_responses=true"}, "decode_responses"),
        ({"SENTINEL": {"hosts": ["localhost"]}}, "service"),
        ({"URL": "redis://localhost", "TIMEOUT": 0}, "TIMEOUT"),
        ({"URL": "redis://localhost", "POOL_SIZE": 0}, "POOL_SIZE"),
        ({"URL": "redis://localhost", "CONNECTION": {"ssl_ca_certs": "/ca"}}, "rediss://"),
        ({"URL": "rediss://localhost", "CONNECTION": {"ssl_ca": "/ca"}}, "'ssl_ca'"),
        ({"URL": "redis://localhost", "CLUSTER": True, "CONNECTION": {"sll": 1}}, "'sll'"),
        (
            {"SENTINEL": {"hosts": ["h"], "service": "s"}, "CONNECTION": {"ssl_ca_certs": "/ca"}},
            '"ssl": True',
        ),
        ({"SENTINEL": {"hosts": ["h"], "service": "s", "connection": {"sll": 1}}}, "'sll'"),
        (
            {"URL": "redis://localhost", "CLIENT_CLASS": "redis.Rediss"},
            "CLIENT_CLASS 'redis.Rediss'",
        ),
        (
            {"URL": "redis://localhost", "CLIENT_CLASS": "redis.asyncio.Redis"},
            "no subclass of redis",
        ),
        (
            {"URL": "redis://localhost", "ASYNC_CLIENT_CLASS": redis.Redis},
            "redis.asyncio.Redis",
        ),
        (
            {"URL": "redis://localhost", "CLUSTER": True, "CLIENT_CLASS": redis.Redis},
            "with CLUSTER",
        ),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_refused_with_what_to_write(options, said):
    with pytest.raises(InvalidSetting, match=said):
        RedisStorage(**options)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_of_sentinels_that_cannot_be_asked_it_is_said_which_and_why(mode):
    hosts = [f"127.0.0.1:{services.free_port()}" for _ in range(2)]
    storage = RedisStorage(SENTINEL={"hosts": hosts, "service": "sessions"}, TIMEOUT=20)
    with pytest.raises(StorageUnavailable) as caught:
        Caller(storage, mode)("read", fresh_digest())
    said = str(caught.value)
    assert all(f"sentinel {host} - Error" in said for host in hosts)
    assert said.count("refused") + said.count("Connect call failed") == len(hosts)
    assert len(said) < 500


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_a_valkey_is_named_by_its_own_scheme(redis_place, scheme):
    place = {**redis_place, "URL": redis_place["URL"].replace("redis://", f"{scheme}://")}
    assert RedisStorage(**place).read(fresh_digest()) is None


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_tls_is_asked_for_by_the_scheme(scheme):
    storage = RedisStorage(URL=f"{scheme}://127.0.0.1:1", CONNECTION={"ssl_ca_certs": "/ca.pem"})
    pool = storage._clients.get().connection_pool
    assert issubclass(pool.connection_class, redis.SSLConnection)
    assert pool.connection_kwargs["ssl_ca_certs"] == "/ca.pem"


WITHOUT = """
import sys
sys.modules["redis"] = None
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "frontdesk"])
django.setup()
from frontdesk.errors import InvalidSetting
from frontdesk.storages.redis import RedisStorage
try:
    RedisStorage(URL="redis://127.0.0.1")
except InvalidSetting as error:
    print(error)
"""


def test_without_the_package_it_is_said_what_to_install():
    command = [sys.executable, "-c", WITHOUT]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "pip install 'django-frontdesk[redis]'" in said


class Noting(redis.Redis):
    """Notes what goes through it."""

    seen = []

    def execute_command(self, *words, **options):
        self.seen.append(words[0])
        return super().execute_command(*words, **options)


class AsyncNoting(redis.asyncio.Redis):
    """The same for what is awaited."""

    async def execute_command(self, *words, **options):
        Noting.seen.append(words[0])
        return await super().execute_command(*words, **options)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("named", [lambda kind: kind, lambda kind: f"{__name__}.{kind.__name__}"])
def test_a_client_class_of_the_projects_gets_each_command(redis_place, mode, named):
    classes = {"CLIENT_CLASS": named(Noting), "ASYNC_CLIENT_CLASS": named(AsyncNoting)}
    do = Caller(RedisStorage(**redis_place, **classes), mode)
    Noting.seen.clear()
    record = a_record()
    assert do("insert", record)
    assert do("read", record.digest) == record
    assert Noting.seen[-1] == "HGETALL"
    assert set(Noting.seen) <= {"EVALSHA", "EVAL", "HGETALL"}
    assert "EVALSHA" in Noting.seen

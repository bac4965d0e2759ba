"""The way of a command past redis-py's client: who still sees it, and whose reply is whose."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from frontdesk.storages import redis_line
from frontdesk.storages.redis import RedisStorage
from frontdesk.testing.conformance.ground import a_record
from tests import services
from tests.storages.driving import Tool

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def storage(redis_place):
    return RedisStorage(**redis_place, POOL_SIZE=2)


@pytest.fixture
def line(storage):
    return storage._clients.line


@pytest.fixture
def through_client(monkeypatch):
    """The commands that go through redis-py's client, in words."""
    seen = []

    def execute_command(self, *words, **options):
        seen.append(words[0])
        return self._execute_command(*words, **options)

    monkeypatch.setattr(redis.Redis, "execute_command", execute_command)
    return seen


def connections_of(line):
    return line._pool._connections


def pinged(line):
    with line.client() as client:
        return client.pipeline(transaction=False).ping().execute()


def echoed(line):
    return line.ask("ECHO", "here")


# --- who still sees it --------------------------------------------------------------------------------


def test_nobody_watches_so_the_client_is_left_out(line, monkeypatch):
    def refused(*args, **options):
        raise AssertionError("it went through the client")

    monkeypatch.setattr(line._client, "execute_command", refused)
    assert line.ask("ECHO", "here") == b"here"


def test_a_method_of_the_client_that_was_replaced_is_called(line, through_client):
    assert line.ask("ECHO", "here") == b"here"
    assert through_client == ["ECHO"]


@pytest.mark.parametrize("name", redis_line.CLIENT)
def test_a_tool_before_a_method_of_the_client_sees_the_command(line, monkeypatch, name):
    assert line.ask("ECHO", "before") == b"before"
    tool = Tool(getattr(redis.Redis, name))
    monkeypatch.setattr(redis.Redis, name, tool)
    assert line.ask("ECHO", "here") == b"here"
    assert tool.calls == 1


def test_what_was_in_place_before_the_first_command_is_called_as_well(redis_place, through_client):
    line = RedisStorage(**redis_place)._clients.line
    assert line.ask("ECHO", "here") == b"here"
    assert through_client == ["ECHO"]


def test_what_redis_py_is_to_measure_goes_through_its_client(line, monkeypatch):
    seen = []
    monkeypatch.setattr(line._client, "execute_command", lambda *words: seen.append(words))
    monkeypatch.setattr(redis_line, "_is_measured", lambda: True)
    line.ask("ECHO", "here")
    assert seen == [("ECHO", "here")]


def test_the_setting_sends_everything_through_the_client(line, through_client, settings):
    through_client.clear()
    settings.FRONTDESK = {"DIRECT_ACCESS": False}
    line.ask("ECHO", "here")
    assert through_client == ["ECHO"]


class Traced(redis.Redis):
    """A project's own client, which puts a tool before a method of each instance."""

    def __init__(self, **options):
        super().__init__(**options)
        self.execute_command = Tool(self.execute_command)


def test_a_client_class_of_the_projects_is_never_left_out(redis_place):
    line = RedisStorage(**redis_place, CLIENT_CLASS=Traced)._clients.line
    assert line.ask("ECHO", "here") == b"here"
    assert line._client.execute_command.calls == 1


def test_who_wants_commands_to_be_tried_again_has_the_client_try(redis_place):
    again = {"retry": Retry(NoBackoff(), 3)}
    assert not RedisStorage(**redis_place, CONNECTION=again)._clients.line._is_plain


def test_a_tool_before_what_sends_sees_the_command(line, monkeypatch):
    assert line.ask("ECHO", "before") == b"before"
    tool = Tool(redis.Connection.send_command)
    monkeypatch.setattr(redis.connection.AbstractConnection, "send_command", tool)
    assert line.ask("ECHO", "here") == b"here"
    assert tool.calls == 1


def test_redis_py_is_asked_whether_it_measures():
    providers = pytest.importorskip("redis.observability.providers")
    assert redis_line._is_measured.__self__ is providers.get_observability_instance()


def test_a_pool_that_speaks_version_3_is_left_to_the_client(redis_place):
    storage = RedisStorage(**redis_place, CONNECTION={"protocol": 3})
    line = storage._clients.line
    record = a_record()
    assert storage.insert(record)
    assert storage.read(record.digest) == record
    assert line._at_hand == []


def test_what_asks_sentinels_is_left_to_the_client():
    sentinel = {"hosts": [("127.0.0.1", services.free_port())], "service": "mymaster"}
    assert not RedisStorage(SENTINEL=sentinel)._clients.line._is_plain


def test_without_hiredis_the_connection_puts_the_words_together(line, monkeypatch):
    monkeypatch.setattr(redis_line, "pack_command", None)
    assert line.ask("ECHO", "here") == b"here"


# --- whose reply is whose -----------------------------------------------------------------------------


def test_one_connection_serves_one_thread(line):
    assert [line.ask("ECHO", number) for number in range(20)] == [
        b"%d" % number for number in range(20)
    ]
    assert len(connections_of(line)) == 1


def test_a_refused_command_leaves_its_connection_of_use(line):
    mine = line.ask("CLIENT", "ID")
    with pytest.raises(ResponseError):
        line.ask("NO-SUCH-COMMAND")
    assert line.ask("CLIENT", "ID") == mine


def test_a_reply_that_was_left_unread_is_given_to_nobody(line):
    line.ask("ECHO", "mine")
    (connection,) = line._at_hand
    connection.send_command("ECHO", "somebody else's")
    while not connection.can_read(timeout=1):
        pass
    assert line.ask("ECHO", "mine") == b"mine"


@pytest.mark.parametrize("moment", ["send_packed_command", "read_response"])
def test_the_reply_of_a_command_that_was_interrupted_is_given_to_nobody(line, monkeypatch, moment):
    line.ask("ECHO", "before")
    (connection,) = line._at_hand
    done = getattr(connection, moment)

    def interrupted(*args, **options):
        if moment == "send_packed_command":
            done(*args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(connection, moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        line.ask("BLPOP", "frontdesk-nothing-there", 0.2)
    monkeypatch.undo()
    # The reply is not there yet, so a look at the connection does not show that one is to come.
    assert line.ask("ECHO", "after") == b"after"


def test_a_connection_that_the_server_has_closed_is_noticed_before_it_is_used(line):
    line.ask("ECHO", "before")
    mine = line.ask("CLIENT", "ID")
    with redis.Redis.from_url(services.REDIS.geturl()) as killer:
        assert killer.execute_command("CLIENT", "KILL", "ID", mine) == 1
    assert line.ask("ECHO", "after") == b"after"
    assert line.ask("CLIENT", "ID") != mine


def test_a_server_that_hangs_is_waited_for_once(line, monkeypatch):
    line.ask("ECHO", "before")
    line._pool.disconnect()
    tried = []

    def hangs(self):
        tried.append(True)
        raise redis.exceptions.TimeoutError("Timeout connecting to server")

    with monkeypatch.context() as patched:
        patched.setattr(redis.Connection, "connect_check_health", lambda self, **_: hangs(self))
        with pytest.raises(redis.exceptions.TimeoutError):
            line.ask("ECHO", "here")
    assert len(tried) == 1
    assert line.ask("ECHO", "after") == b"after"


def test_what_cannot_be_sent_gives_its_connection_back(line):
    for _ in range(5):  # more than the pool has
        with pytest.raises((TypeError, redis.exceptions.DataError)):
            line.ask("ECHO", object())
    assert line.ask("ECHO", "here") == b"here"


def test_a_server_that_is_away_takes_no_connection_with_it(line, monkeypatch):
    def away(self):
        raise OSError("away")

    with monkeypatch.context() as patched:
        patched.setattr(redis.Connection, "_connect", away)
        for _ in range(5):
            with pytest.raises(redis.exceptions.ConnectionError):
                line.ask("ECHO", "here")
    assert line.ask("ECHO", "here") == b"here"


# --- how many there are -------------------------------------------------------------------------------


def test_many_threads_share_the_connections_of_the_pool(line):
    def asked(number):
        return [line.ask("ECHO", f"{number}-{time}") for time in range(50)]

    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(asked, range(12)))
    assert found == [[b"%d-%d" % (number, time) for time in range(50)] for number in range(12)]
    assert len(connections_of(line)) <= 2


def test_whoever_takes_the_client_gets_what_is_at_hand(redis_place):
    line = RedisStorage(**{**redis_place, "POOL_SIZE": 1, "TIMEOUT": 0.5})._clients.line
    line.ask("ECHO", "before")
    assert pinged(line) == [True]
    assert line.ask("ECHO", "after") == b"after"


@pytest.mark.parametrize(("asks", "answer"), [(echoed, b"here"), (pinged, [True])])
def test_who_waits_gets_the_connection_that_is_given_at_that_moment(
    redis_place, monkeypatch, asks, answer
):
    line = RedisStorage(**{**redis_place, "POOL_SIZE": 1, "TIMEOUT": 5})._clients.line
    first = line._take()
    waits = threading.Event()
    get_connection = line._pool.get_connection

    def told():
        waits.set()
        return get_connection()

    monkeypatch.setattr(line._pool, "get_connection", told)
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(asks, line)
        assert waits.wait(5)
        line._give(first)
        assert other.result(2) == answer


def test_who_begins_to_wait_as_a_connection_is_given_gets_it(redis_place):
    """The giver has looked for those who wait, and found nobody, before this one says that it waits."""
    line = RedisStorage(**{**redis_place, "POOL_SIZE": 1, "TIMEOUT": 0.5})._clients.line
    line.ask("ECHO", "before")
    assert len(line._at_hand) == 1
    assert line._wait() is not None


def test_a_process_that_was_forked_leaves_what_is_at_hand_to_the_other(line):
    line.ask("ECHO", "before")
    mine = line.ask("CLIENT", "ID")
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            os.write(writing, b"%d" % line.ask("CLIENT", "ID"))
        finally:
            os._exit(0)
    os.wait()
    assert int(os.read(reading, 20)) != mine
    assert line.ask("CLIENT", "ID") == mine
    os.close(reading)
    os.close(writing)


def test_a_process_that_was_forked_can_take_the_client_first(redis_place):
    line = RedisStorage(**{**redis_place, "POOL_SIZE": 1})._clients.line
    line.ask("ECHO", "before")
    pid = os.fork()
    if pid == 0:
        os._exit(0 if pinged(line) == [True] and echoed(line) == b"here" else 1)
    assert os.waitpid(pid, 0)[1] == 0

"""The way of a command past redis-py's client, to a connection of its pool, where nobody watches that client.

For one short command, redis-py's work in its client and its pool takes longer than the server and the way
to it. What is left out counts and measures for those who ask for it, and repeats what failed, which the
client here is told not to do. Wherever somebody asks for it, or has put something else in place of the
client's methods, the command goes through them as any other.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter, is_
from typing import Any, Final
from weakref import WeakSet

from frontdesk.conf import options
from frontdesk.origin import is_from

try:  # the extra "redis"
    import redis
    from redis.exceptions import ConnectionError, ResponseError  # noqa: A004 (redis-py's own)
except ImportError:
    pass  # redis_clients says so
try:
    from hiredis import pack_command
except ImportError:
    pack_command = None
try:  # redis-py 7.2 and later
    from redis.observability.providers import get_observability_instance
except ImportError:
    get_observability_instance = None

_is_measured: Callable[[], bool] = (
    get_observability_instance().is_enabled if get_observability_instance else bool
)
"""Whether redis-py is to count and time what goes through its client."""

CLIENT: Final = (
    "execute_command",
    "_execute_command",
    "_send_command_parse_response",
    "parse_response",
)
"""The methods of redis-py's client that a command goes through."""

_methods = attrgetter(*CLIENT)
_lines: WeakSet["Line"] = WeakSet()


class Line:
    """The way to the server of ``client``, which makes no second try and has replies as bytes.

    Connections that are not in use are kept at hand. For the pool they are in use, so whoever would have
    to wait for one of the pool's is given what is at hand first.
    """

    def __init__(self, client: Any) -> None:
        self._client, self._pool = client, client.connection_pool
        # Compared by identity: what a tool puts in the place of a method may say that it equals that.
        self._usual = [_own(each) for each in self._watchable()]
        # A client of the project's is for its own sake. A pool that asks sentinels, or that has a cache of
        # its own, decides anew each time.
        wanted = self._pool.connection_kwargs
        self._is_plain = (
            type(client) is redis.Redis
            and type(self._pool) is redis.BlockingConnectionPool
            and self._pool.cache is None
            and wanted.get("protocol") == 2
            and wanted["retry"].get_retries() == 0
        )
        self.forget()
        _lines.add(self)

    def forget(self) -> None:
        """Begin anew, as in a process that was forked: what is at hand is the other one's."""
        self._at_hand: list[Any] = []
        self._waiting: list[None] = []

    def ask(self, *words: Any) -> Any:
        """Send a command and return the reply; raises what redis-py raises.

        The fields of a hash may come as a dictionary, or one after the other.
        """
        if not self._is_plain:
            return self._client.execute_command(*words)
        if self._is_watched():
            with self.client() as client:
                return client.execute_command(*words)
        connection = self._take()
        try:
            if pack_command is None:
                connection.send_command(*words)
            else:
                connection.send_packed_command((pack_command(words),))
            reply = connection.read_response()
        except ResponseError:
            self._give(connection)
            raise
        except BaseException:
            # Nobody may ever get a reply that was not read.
            connection.disconnect()
            self._pool.release(connection)
            raise
        self._give(connection)
        return reply

    def _is_watched(self) -> bool:
        """Whether anybody would miss a command that does not go through the client."""
        return (
            not options().direct_access
            or not all(map(is_, self._watchable(), self._usual))
            or _is_measured()
        )

    def _watchable(self) -> tuple[Any, ...]:
        return (*_methods(type(self._client)), self._pool.connection_class.send_command)

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Give the client itself, for what is more than a command. Meanwhile nothing is kept at hand."""
        with self._waits():
            while self._at_hand:
                self._release_one()
            yield self._client

    def _take(self) -> Any:
        """Return a connection on which nothing is left to be read."""
        try:
            connection = self._at_hand.pop()
        except IndexError:
            return self._wait()
        try:
            if not connection.can_read():
                return connection
        except (ConnectionError, OSError):
            pass  # the server has closed it
        except BaseException:  # a server that hangs, as it was closed here and is opened anew
            self._pool.release(connection)
            raise
        connection.disconnect()
        self._pool.release(connection)
        return self._wait()

    def _wait(self) -> Any:
        # Who waits says so before a last look at what is at hand, and who gives looks for them afterwards:
        # one of the two sees the other.
        with self._waits():
            self._release_one()
            return self._pool.get_connection()

    @contextmanager
    def _waits(self) -> Iterator[None]:
        """Have connections go to the pool as soon as they are given."""
        waiting = self._waiting
        waiting.append(None)
        try:
            yield
        finally:
            waiting.pop()

    def _give(self, connection: Any) -> None:
        self._at_hand.append(connection)
        if self._waiting:
            self._release_one()

    def _release_one(self) -> None:
        try:
            connection = self._at_hand.pop()
        except IndexError:
            return
        self._pool.release(connection)


def _own(function: Any) -> Any:
    """Return ``function`` if it is redis-py's; else nothing, which is identical to no function."""
    return function if is_from(redis, function) else None


def _forget_all() -> None:
    # The pools start afresh by themselves.
    for line in list(_lines):
        line.forget()


if hasattr(os, "register_at_fork"):  # where there are no forks there is no need
    os.register_at_fork(after_in_child=_forget_all)

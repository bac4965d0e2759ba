"""The connections to the servers of a Cluster: the only place that sends something to several at once."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from frontdesk.errors import InvalidSetting
from frontdesk.storages import redis_clients
from frontdesk.storages.redis_clients import Clients, Place, as_redis
from frontdesk.storages.redis_commands import Word

if redis_clients.MISSING is None:
    from redis.exceptions import RedisError, ResponseError

Address = tuple[str, int]


class Sent(NamedTuple):
    """A command, and whether it is for a server to which its key is just moving."""

    words: tuple[Word, ...]
    asking: bool = False


Batch = tuple[Address, Sequence[Sent]]
"""What goes to one server."""


class Fleet:
    """The clients of each server, as :mod:`frontdesk.storages.redis_clients` makes them for one."""

    def __init__(self, urls: Sequence[str], place: Place) -> None:
        if not urls:
            raise InvalidSetting("The option URL of the Redis storage is to name a server.")
        parts = [urlsplit(as_redis(url)) for url in urls]
        for part in parts:
            if part.scheme not in {"redis", "rediss"} or part.path.strip("/0"):
                raise InvalidSetting(
                    "The servers of a Cluster are redis:// or rediss://, without a database's number."
                )
        self.seeds = [(part.hostname or "127.0.0.1", part.port or 6379) for part in parts]
        self._pattern, self._place = parts[0], place
        self._clients: dict[Address, Clients] = {}
        self._of(self.seeds[0])  # says now what is wrong with the options

    def keep(self, addresses: Collection[Address]) -> None:
        """Let go of servers that are no longer there."""
        for address in self._clients.keys() - addresses - {*self.seeds}:
            self._clients.pop(address, None)

    def _of(self, address: Address) -> Clients:
        clients = self._clients.get(address)
        if clients is None:
            url = _with(self._pattern, address)
            made = Clients(self._place._replace(url=url))
            clients = self._clients.setdefault(address, made)
        return clients

    def send(self, batches: Sequence[Batch]) -> list[list[Any]]:
        """Return the replies, errors among them: all is sent before the first one is waited for."""
        talks = [_Talk(self._of(address).get().connection_pool, sent) for address, sent in batches]
        try:
            for talk in talks:
                talk.say()
            return [talk.replies() for talk in talks]
        finally:
            for talk in talks:
                talk.close()

    async def asend(self, batches: Sequence[Batch]) -> list[list[Any]]:
        """See :meth:`send`."""
        if len(batches) == 1:
            return [await self._atalk(*batches[0])]
        return await asyncio.gather(*(self._atalk(*batch) for batch in batches))

    async def _atalk(self, address: Address, sent: Sequence[Sent]) -> list[Any]:
        pool = (await self._of(address).aget()).connection_pool
        try:
            connection = await pool.get_connection()
        except (RedisError, OSError) as error:
            return [error] * len(sent)
        replies: list[Any] = []
        commands = _commands(sent)
        try:
            await connection.send_packed_command(connection.pack_commands(commands))
            for _ in commands:
                try:
                    replies.append(await connection.read_response())
                except ResponseError as error:
                    replies.append(error)
        except (RedisError, OSError) as error:
            replies += [error] * (len(commands) - len(replies))
        finally:
            if len(replies) < len(commands) or _is_broken(replies):
                await connection.disconnect(nowait=True)
            await pool.release(connection)
        return _without_asking(sent, replies)


class _Talk:
    """What is said to one server, and what it answers."""

    def __init__(self, pool: Any, sent: Sequence[Sent]) -> None:
        self._pool, self._sent = pool, sent
        self._commands = _commands(sent)
        self._replies: list[Any] = []
        self._connection: Any = None

    def say(self) -> None:
        try:
            self._connection = self._pool.get_connection()
            packed = self._connection.pack_commands(self._commands)
            self._connection.send_packed_command(packed)
        except (RedisError, OSError) as error:
            self._replies = [error] * len(self._commands)

    def replies(self) -> list[Any]:
        try:
            while len(self._replies) < len(self._commands):
                try:
                    self._replies.append(self._connection.read_response())
                except ResponseError as error:
                    self._replies.append(error)
        except (RedisError, OSError) as error:
            self._replies += [error] * (len(self._commands) - len(self._replies))
        return _without_asking(self._sent, self._replies)

    def close(self) -> None:
        if self._connection is not None:
            # Nobody may ever get an answer that was not read.
            if len(self._replies) < len(self._commands) or _is_broken(self._replies):
                self._connection.disconnect()
            self._pool.release(self._connection)


def _commands(sent: Sequence[Sent]) -> list[tuple[Word, ...]]:
    commands: list[tuple[Word, ...]] = []
    for each in sent:
        commands += [("ASKING",), each.words] if each.asking else [each.words]
    return commands


def _without_asking(sent: Sequence[Sent], replies: list[Any]) -> list[Any]:
    found = iter(replies)
    answers = []
    for each in sent:
        if each.asking:
            next(found)
        answers.append(next(found))
    return answers


def _is_broken(replies: Sequence[Any]) -> bool:
    return any(
        isinstance(reply, Exception) and not isinstance(reply, ResponseError) for reply in replies
    )


def _with(pattern: SplitResult, address: Address) -> str:
    """Return the URL of another server of the same kind."""
    user, at, _ = pattern.netloc.rpartition("@")
    host, port = address
    name = f"[{host}]" if ":" in host else host
    return pattern._replace(netloc=f"{user}{at}{name}:{port}").geturl()

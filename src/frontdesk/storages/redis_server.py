"""Brings a verb to one server: each is one command there, and one round trip."""

from typing import Any

from frontdesk.errors import StorageUnavailable, UndecodableRecord
from frontdesk.storages import redis_clients
from frontdesk.storages.redis_clients import Clients
from frontdesk.storages.redis_commands import Command

if redis_clients.MISSING is None:
    from redis.exceptions import NoScriptError, RedisError


class OneServer:
    """The server that ``clients`` know."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def send(self, command: Command | None, nothing: Any) -> Any:
        """Return what a verb answers; ``nothing`` if there is nothing to ask for."""
        if command is None:
            return nothing
        ask = self._clients.line.ask
        try:
            try:
                reply = ask(*_first(command))
            except NoScriptError:  # it has not run there yet, and so has done nothing
                reply = ask(*_again(command))
        except (RedisError, OSError) as error:
            raise _fault(command, error) from error
        return command.answer(reply)

    def infos(self) -> list[dict[str, Any]]:
        """Return what the server says about itself. Raises ``StorageUnavailable``."""
        try:
            with self._clients.line.client() as client:
                return [{**client.info("memory"), **client.info("cluster")}]
        except (RedisError, OSError) as error:
            raise StorageUnavailable(f"the Redis of the sessions: {error}") from error

    async def asend(self, command: Command | None, nothing: Any) -> Any:
        """See :meth:`send`."""
        if command is None:
            return nothing
        try:
            client = await self._clients.aget()
            try:
                reply = await client.execute_command(*_first(command))
            except NoScriptError:
                reply = await client.execute_command(*_again(command))
        except (RedisError, OSError) as error:
            raise _fault(command, error) from error
        return command.answer(reply)


def _first(command: Command) -> tuple[Any, ...]:
    if command.script is None:
        return command.words
    return ("EVALSHA", command.script.sha, 0, *command.words)


def _again(command: Command) -> tuple[Any, ...]:
    assert command.script is not None  # noqa: S101 (only a script can be unknown)
    return ("EVAL", command.script.text, 0, *command.words)


def _fault(command: Command, error: Exception) -> Exception:
    """Return ours for a fault of the server or of the way to it.

    A server that is loading, has become a replica, or is out of memory says so with an error of its own.
    """
    if command.script is None and str(error).startswith("WRONGTYPE"):
        return UndecodableRecord(f"The record of {command.about} is damaged: {error}")
    return StorageUnavailable(f"the Redis of the sessions: {error}")

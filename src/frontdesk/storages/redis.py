"""Sessions in Redis or Valkey: one server, or those behind Sentinel. The rules are in ``redis_scripts``."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core import checks

from frontdesk.errors import InvalidSetting, StorageUnavailable, UndecodableRecord
from frontdesk.storages import redis_clients
from frontdesk.storages.base import Storage
from frontdesk.storages.record import Changes, Ended, Purged, Record
from frontdesk.storages.redis_clients import Clients, Place
from frontdesk.storages.redis_commands import Command, Commands
from frontdesk.tokens import Digest

if redis_clients.MISSING is None:
    from redis.exceptions import NoScriptError, RedisError

OPTIONS = ("URL", "SENTINEL", "PREFIX", "TIMEOUT", "POOL_SIZE", "CONNECTION")


class RedisStorage(Storage):
    """Sessions in a Redis or Valkey server.

    ``URL`` is ``redis://``, ``rediss://`` (TLS) or ``unix://``; instead of it, ``SENTINEL`` is
    ``{"hosts": [("10.0.0.1", 26379), ...], "service": "mymaster"}``. ``TIMEOUT`` is in seconds, for
    connecting, for each answer, and for waiting until one of the ``POOL_SIZE`` connections is free.
    ``CONNECTION`` is handed to redis-py's connections: ``username``, ``password``, ``ssl_ca_certs``, ...

    Both colours are native: each event loop has connections of its own.
    """

    thread_sensitive = False

    def __init__(  # noqa: PLR0913 (options)
        self,
        *,
        URL: str | None = None,  # noqa: N803
        SENTINEL: Mapping[str, Any] | None = None,  # noqa: N803
        PREFIX: str = "frontdesk:",  # noqa: N803
        TIMEOUT: float = 1.0,  # noqa: N803
        POOL_SIZE: int = 50,  # noqa: N803
        CONNECTION: Mapping[str, Any] | None = None,  # noqa: N803
        **unknown: Any,
    ) -> None:
        super().__init__()
        if redis_clients.MISSING is not None:
            raise InvalidSetting(
                "The Redis storage needs the package redis, which is not installed: "
                "pip install 'django-frontdesk[redis]'."
            ) from redis_clients.MISSING
        for name in unknown:
            raise InvalidSetting(f"The Redis storage has no option {name!r}. {_nearest(name)}")
        if (URL is None) == (SENTINEL is None):
            raise InvalidSetting(
                "The Redis storage needs one of the options URL, for example "
                '"redis://127.0.0.1:6379/0", and SENTINEL.'
            )
        for name, value in (("TIMEOUT", TIMEOUT), ("POOL_SIZE", POOL_SIZE)):
            if not value > 0:
                raise InvalidSetting(
                    f"The option {name} of the Redis storage is to be more than 0."
                )
        self._commands = Commands(PREFIX)
        try:
            self._clients = Clients(Place(URL, SENTINEL, TIMEOUT, POOL_SIZE, CONNECTION or {}))
        except (KeyError, ValueError, AttributeError) as error:
            raise InvalidSetting(
                f"The options of the Redis storage are not usable: {error!r}"
            ) from error

    def read(self, digest: Digest) -> Record | Ended | None:
        return self._sent(self._commands.read(digest), None)  # type: ignore[no-any-return]

    async def aread(self, digest: Digest) -> Record | Ended | None:
        return await self._asent(self._commands.read(digest), None)  # type: ignore[no-any-return]

    def insert(self, record: Record) -> bool:
        return self._sent(self._commands.insert(record), False)  # type: ignore[no-any-return]

    async def ainsert(self, record: Record) -> bool:
        return await self._asent(self._commands.insert(record), False)  # type: ignore[no-any-return]

    def update(self, digest: Digest, changes: Changes) -> bool:
        return self._sent(self._commands.change(digest, None, changes), False)  # type: ignore[no-any-return]

    async def aupdate(self, digest: Digest, changes: Changes) -> bool:
        return await self._asent(self._commands.change(digest, None, changes), False)  # type: ignore[no-any-return]

    def rotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        return self._sent(self._commands.change(old, new, changes), False)  # type: ignore[no-any-return]

    async def arotate(self, old: Digest, new: Digest, changes: Changes) -> bool:
        return await self._asent(self._commands.change(old, new, changes), False)  # type: ignore[no-any-return]

    def remove(self, digests: Collection[Digest], user_id: str | None = None) -> list[Digest]:
        return self._sent(self._commands.remove(digests, user_id), [])  # type: ignore[no-any-return]

    async def aremove(
        self, digests: Collection[Digest], user_id: str | None = None
    ) -> list[Digest]:
        return await self._asent(self._commands.remove(digests, user_id), [])  # type: ignore[no-any-return]

    def of_user(self, user_id: str) -> list[Record]:
        return self._sent(self._commands.of_user(user_id), [])  # type: ignore[no-any-return]

    async def aof_user(self, user_id: str) -> list[Record]:
        return await self._asent(self._commands.of_user(user_id), [])  # type: ignore[no-any-return]

    def remove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        return self._sent(self._commands.remove_of_user(user_id, keep), [])  # type: ignore[no-any-return]

    async def aremove_of_user(self, user_id: str, keep: Collection[Digest] = ()) -> list[Digest]:
        return await self._asent(self._commands.remove_of_user(user_id, keep), [])  # type: ignore[no-any-return]

    def remove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        return self._sent(self._commands.remove_beyond(user_id, limit, among), [])  # type: ignore[no-any-return]

    async def aremove_beyond(
        self, user_id: str, limit: int, among: Collection[Digest] | None = None
    ) -> list[Digest]:
        return await self._asent(self._commands.remove_beyond(user_id, limit, among), [])  # type: ignore[no-any-return]

    def purge(self, now: int, limit: int) -> Purged:
        # What the server has dropped by itself was never seen to expire, so nothing is said of it.
        return Purged(0, ())

    async def apurge(self, now: int, limit: int) -> Purged:
        return self.purge(now, limit)

    def check(self) -> list[checks.CheckMessage]:
        try:
            client = self._clients.get()
            memory, cluster = client.info("memory"), client.info("cluster")
        except (RedisError, OSError):
            return []  # a site can be checked, and built, where its server cannot be reached
        if cluster.get("cluster_enabled"):
            return [
                checks.Error(
                    "The Redis of the sessions is part of a Cluster, where a session and the index of "
                    "its user are on different servers, so that no script can change both.",
                    hint="Use one server, or several behind Sentinel.",
                    id="frontdesk.E031",
                )
            ]
        policy = memory.get("maxmemory_policy", "noeviction")
        if not memory.get("maxmemory") or policy == "noeviction":
            return []
        return [
            checks.Warning(
                "The Redis of the sessions throws out what it holds when its memory is full, which signs "
                f"people out. Its maxmemory-policy is {policy}.",
                hint="Set maxmemory-policy to noeviction there, or use a server that holds nothing but "
                "sessions and is large enough.",
                id="frontdesk.W030",
            )
        ]

    def _sent(self, command: Command | None, nothing: Any) -> Any:
        if command is None:
            return nothing
        with _available(command):
            client = self._clients.get()
            try:
                reply = client.execute_command(*_first(command))
            except NoScriptError:  # it has not run there yet, and so has done nothing
                reply = client.execute_command(*_again(command))
        return command.answer(reply)

    async def _asent(self, command: Command | None, nothing: Any) -> Any:
        if command is None:
            return nothing
        with _available(command):
            client = await self._clients.aget()
            try:
                reply = await client.execute_command(*_first(command))
            except NoScriptError:
                reply = await client.execute_command(*_again(command))
        return command.answer(reply)


def _first(command: Command) -> tuple[Any, ...]:
    if command.script is None:
        return command.words
    return ("EVALSHA", command.script.sha, 0, *command.words)


def _again(command: Command) -> tuple[Any, ...]:
    assert command.script is not None  # noqa: S101 (only a script can be unknown)
    return ("EVAL", command.script.text, 0, *command.words)


@contextmanager
def _available(command: Command) -> Iterator[None]:
    """Turn the faults of the server and of the way to it into ours.

    A server that is loading, has become a replica, or is out of memory says so with an error of its own.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        if command.script is None and str(error).startswith("WRONGTYPE"):
            raise UndecodableRecord(f"The record of {command.about} is damaged: {error}") from error
        raise StorageUnavailable(f"the Redis of the sessions: {error}") from error


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.upper(), OPTIONS, n=1, cutoff=0.4)
    return f"Did you mean {near[0]!r}?" if near else f"The options are: {', '.join(OPTIONS)}."

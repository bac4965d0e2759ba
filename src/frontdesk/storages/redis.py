"""Sessions in Redis or Valkey: one server, those behind Sentinel, or a Cluster.

On one server each verb is one script, see ``redis_scripts``; on a Cluster it is a few steps, see
``redis_cluster_verbs``.
"""

from collections.abc import Collection
from typing import Any

from django.core import checks

from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages import redis_checks
from frontdesk.storages.base import Storage
from frontdesk.storages.record import Changes, Ended, Purged, Record
from frontdesk.storages.redis_clients import Clients
from frontdesk.storages.redis_cluster import Cluster
from frontdesk.storages.redis_cluster_verbs import ClusterVerbs
from frontdesk.storages.redis_commands import Commands
from frontdesk.storages.redis_options import named
from frontdesk.storages.redis_server import OneServer
from frontdesk.tokens import Digest


class RedisStorage(Storage):
    """Sessions in a Redis or Valkey server, or several.

    ``URL`` is ``redis://``, ``rediss://`` (TLS) or ``unix://``. With ``CLUSTER`` it is that of any server
    of the Cluster, or a list of some. Instead of it, ``SENTINEL`` is ``{"hosts": [("10.0.0.1", 26379),
    ...], "service": "mymaster"}``. ``TIMEOUT`` is in seconds, for connecting, for each answer, and for
    waiting until one of the ``POOL_SIZE`` connections is free. ``CONNECTION`` is handed to redis-py's
    connections: ``username``, ``password``, ``ssl_ca_certs``, ...

    ``PREFIX`` begins all keys. Both colours are native: each event loop has connections of its own.
    The defaults are in :mod:`frontdesk.storages.redis_options`.
    """

    thread_sensitive = False

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._named = named(options, "The Redis storage")
        try:
            self._connect()
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            raise InvalidSetting(
                f"The options of the Redis storage are not usable: {error!r}"
            ) from error

    def _connect(self) -> None:
        self._servers: Cluster | OneServer
        self._commands: Any
        urls, is_cluster, place, prefix = self._named
        if is_cluster:
            self._servers = cluster = Cluster(urls, place)
            self._commands = ClusterVerbs(prefix, cluster)
        else:
            self._clients = Clients(place)
            self._servers = OneServer(self._clients)
            self._commands = Commands(prefix)
        self._sent, self._asent = self._servers.send, self._servers.asend

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
            return redis_checks.of_servers(self._servers.infos(), cluster=self._named.cluster)
        except StorageUnavailable:
            return []  # a site can be checked, and built, where its server cannot be reached

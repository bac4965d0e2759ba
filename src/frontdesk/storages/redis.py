"""Sessions in Redis or Valkey: one server, those behind Sentinel, or a Cluster.

On one server each verb is one script, see ``redis_scripts``; on a Cluster it is a few steps, see
``redis_cluster_verbs``.
"""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.core import checks

from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages import redis_checks, redis_clients
from frontdesk.storages.base import Storage
from frontdesk.storages.record import Changes, Ended, Purged, Record
from frontdesk.storages.redis_clients import Clients, Place
from frontdesk.storages.redis_cluster import Cluster
from frontdesk.storages.redis_cluster_verbs import ClusterVerbs
from frontdesk.storages.redis_commands import Commands
from frontdesk.storages.redis_server import OneServer
from frontdesk.tokens import Digest

OPTIONS = ("URL", "CLUSTER", "SENTINEL", "PREFIX", "TIMEOUT", "POOL_SIZE", "CONNECTION")


class RedisStorage(Storage):
    """Sessions in a Redis or Valkey server, or several.

    ``URL`` is ``redis://``, ``rediss://`` (TLS) or ``unix://``. With ``CLUSTER`` it is that of any server
    of the Cluster, or a list of some. Instead of it, ``SENTINEL`` is ``{"hosts": [("10.0.0.1", 26379),
    ...], "service": "mymaster"}``. ``TIMEOUT`` is in seconds, for connecting, for each answer, and for
    waiting until one of the ``POOL_SIZE`` connections is free. ``CONNECTION`` is handed to redis-py's
    connections: ``username``, ``password``, ``ssl_ca_certs``, ...

    Both colours are native: each event loop has connections of its own.
    """

    thread_sensitive = False

    def __init__(  # noqa: PLR0913 (options)
        self,
        *,
        URL: str | Sequence[str] | None = None,  # noqa: N803
        CLUSTER: bool = False,  # noqa: N803
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
        if CLUSTER is not True and CLUSTER is not False:
            raise InvalidSetting(
                "The option CLUSTER of the Redis storage is True or False; its servers are named by URL."
            )
        if CLUSTER and SENTINEL is not None:
            raise InvalidSetting(
                "A Cluster has no sentinels: the Redis storage takes CLUSTER or SENTINEL, not both."
            )
        if not CLUSTER and not isinstance(URL, str | None):
            raise InvalidSetting(
                "The option URL of the Redis storage names several servers, which only a Cluster has: "
                'add "CLUSTER": True, or name one.'
            )
        self._is_cluster = CLUSTER
        urls = [URL] if isinstance(URL, str) else list(URL or ())
        place = Place(None, SENTINEL, TIMEOUT, POOL_SIZE, CONNECTION or {})
        try:
            self._connect(urls, place, PREFIX)
        except (KeyError, ValueError, AttributeError) as error:
            raise InvalidSetting(
                f"The options of the Redis storage are not usable: {error!r}"
            ) from error

    def _connect(self, urls: Sequence[str], place: Place, prefix: str) -> None:
        self._servers: Cluster | OneServer
        self._commands: Any
        if self._is_cluster:
            self._servers = cluster = Cluster(urls, place)
            self._commands = ClusterVerbs(prefix, cluster)
        else:
            self._clients = Clients(place._replace(url=urls[0] if urls else None))
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
            return redis_checks.of_servers(self._servers.infos(), cluster=self._is_cluster)
        except StorageUnavailable:
            return []  # a site can be checked, and built, where its server cannot be reached


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.upper(), OPTIONS, n=1, cutoff=0.4)
    return f"Did you mean {near[0]!r}?" if near else f"The options are: {', '.join(OPTIONS)}."

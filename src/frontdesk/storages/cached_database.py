"""Sessions in the database, with copies of them in a cache. The rules are in ``fronted`` and ``trust``."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.core import checks
from django.core.cache.backends.redis import RedisCache
from django.db.models import QuerySet

from frontdesk.conf import unknown_option
from frontdesk.errors import InvalidSetting
from frontdesk.models import Session
from frontdesk.storages import front_redis
from frontdesk.storages.database import DatabaseStorage
from frontdesk.storages.fence import DatabaseFence
from frontdesk.storages.front import CacheFront, Front, cache_of
from frontdesk.storages.fronted import FrontedStorage
from frontdesk.storages.record import Record

OPTIONS = ("CACHE", "REDIS", "LIFE")

LIFE = timedelta(minutes=5)


class CachedDatabaseStorage(FrontedStorage):
    """Sessions as rows of the database, and for ``LIFE`` as copies in a cache.

    ``CACHE`` is an alias of ``settings.CACHES``, for Memcached or Redis. Instead of it, ``REDIS`` is the
    URL of a Redis or Valkey, or the options of :class:`~frontdesk.storages.redis.RedisStorage`. In both
    ways Redis is native in both colours.
    """

    def __init__(
        self,
        *,
        CACHE: str | None = None,  # noqa: N803 (an option)
        REDIS: str | Mapping[str, Any] | None = None,  # noqa: N803
        LIFE: Any = LIFE,  # noqa: N803
        **unknown: Any,
    ) -> None:
        for name in unknown:
            raise unknown_option("The cached database storage", name, OPTIONS)
        if (CACHE is None) == (REDIS is None):
            raise InvalidSetting(
                "The cached database storage needs one of the options CACHE, an alias of "
                'settings.CACHES, and REDIS, for example "redis://127.0.0.1:6379/0".'
            )
        seconds = LIFE.total_seconds() if isinstance(LIFE, timedelta) else 0
        if seconds < 1:
            raise InvalidSetting(
                "The option LIFE of the cached database storage is to be a timedelta of a second or "
                f"more, for example timedelta(minutes=5), and is {LIFE!r}."
            )
        # Fences of caches with different names are apart; the server is looked at in any case.
        name, front = (
            ("redis", _redis(REDIS)) if CACHE is None else (f"cache {CACHE}", _cache(CACHE))
        )
        self.database = DatabaseStorage()
        super().__init__(self.database, front, DatabaseFence(name[:200]), int(seconds))

    def live_rows(self) -> AbstractContextManager[QuerySet[Session]]:
        """See :class:`~frontdesk.storages.base.HasTable`."""
        return self.database.live_rows()

    def scan(self, after: str = "") -> Iterator[Record]:
        """See :class:`~frontdesk.storages.base.Scans`."""
        return self.database.scan(after)

    def count_expired(self, now: int) -> int:
        """See :class:`~frontdesk.storages.base.CountsExpired`."""
        return self.database.count_expired(now)

    def check(self) -> list[checks.CheckMessage]:
        return [*self.database.check(), *self.front.check()]

    def check_deployed(self) -> list[checks.CheckMessage]:
        if self.front.shared:
            return []
        return [
            checks.Warning(
                "The cache before the database of the sessions is the memory of one process: with several, "
                "it is hardly ever used, and every ten seconds or so a change of a session waits for a "
                "second.",
                hint="Let the option CACHE name a cache in Memcached or Redis, or keep sessions in the "
                "database alone.",
                id="frontdesk.W032",
            )
        ]


def _cache(alias: str) -> Front:
    cache = cache_of(alias)
    return front_redis.of_cache(cache) if isinstance(cache, RedisCache) else CacheFront(alias)


def _redis(options: str | Mapping[str, Any] | None) -> Front:
    return front_redis.RedisFront({"URL": options} if isinstance(options, str) else options or {})

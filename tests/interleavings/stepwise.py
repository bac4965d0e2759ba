"""Level two for the Redis storage on a Cluster: each command to a server is a primitive.

The commands of a round reach their servers at the same time, so in any order: they are run one by one,
from the first to the last or the other way round, and whatever another verb does may come between them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from redis.exceptions import NoScriptError

from frontdesk.drive import Flow
from frontdesk.storages import redis_cluster_scripts
from frontdesk.storages.redis import RedisStorage
from frontdesk.storages.redis_clients import Place
from frontdesk.storages.redis_cluster_steps import Step
from frontdesk.storages.redis_cluster_verbs import ClusterVerbs
from frontdesk.storages.redis_fleet import Fleet, Sent
from tests import services
from tests.interleavings.slots import wait_for_turn

_numbers = itertools.count(1)


class Stepwise(RedisStorage):
    """A storage whose servers are one, and whose commands reach it one by one, each when it is its turn."""

    def __init__(self, servers: Servers) -> None:
        prefix = f"{services.RUN}:{next(_numbers)}:"
        super().__init__(URL=servers.url, CLUSTER=True, PREFIX=prefix)
        self._commands = ClusterVerbs(prefix, servers)
        self.servers = servers

    @contextmanager
    def dying_before(self, script: Any) -> Iterator[None]:
        """Let the process die before it sends ``script``."""
        self.servers.dies_before = script
        try:
            with pytest.raises(KeyboardInterrupt):
                yield
        finally:
            self.servers.dies_before = None

    def dying_before_it_settles(self, new: str) -> AbstractContextManager[None]:
        """Let the process die when it has rotated, but has not told the new key."""
        return self.dying_before(redis_cluster_scripts.settle)


class Servers:
    """Stands for those of a Cluster: a step touches one key, wherever that is."""

    def __init__(self, *, backwards: bool) -> None:
        self.url = f"redis://{services.REDIS.netloc}"
        self.dies_before: Any = None
        self._backwards = backwards
        self._fleet = Fleet([self.url], Place(None, None, 20, 10, {}))
        self._used: set[bytes] = set()

    def round(self, steps: Sequence[Step]) -> Flow[list[Any]]:
        replies: list[Any] = [None] * len(steps)
        indexes = range(len(steps))
        for index in reversed(indexes) if self._backwards else indexes:
            wait_for_turn()
            replies[index] = self._reply(steps[index])
        return replies
        yield

    def _reply(self, step: Step) -> Any:
        if step.script is not None and step.script is self.dies_before:
            raise KeyboardInterrupt
        self._used.add(step.key)
        reply = self._sent(step.sent())
        if isinstance(reply, NoScriptError):
            reply = self._sent(step.sent(whole=True))
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _sent(self, words: tuple[Any, ...]) -> Any:
        ((reply,),) = self._fleet.send([(self._fleet.seeds[0], [Sent(words)])])
        return reply

    def sweep(self) -> None:
        """Delete what was used since the last time."""
        if self._used:
            self._sent(("UNLINK", *self._used))
            self._used.clear()


@contextmanager
def stepwise(*, backwards: bool = False) -> Iterator[Callable[[], Stepwise]]:
    """Give what makes empty storages, one after the other."""
    servers = Servers(backwards=backwards)

    def make() -> Stepwise:
        servers.sweep()
        return Stepwise(servers)

    try:
        yield make
    finally:
        servers.sweep()

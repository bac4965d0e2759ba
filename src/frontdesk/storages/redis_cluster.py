"""Brings steps to the servers of a Cluster: which key is where, and what to do when it has gone elsewhere.

redis-py has a client for Clusters, which is not used: it sends a command again when its answer is lost, it
asks one server after the other where everything is before it tells of a failure, so that the time to answer
has no bound, and its asynchronous half does not wait for a connection. Here each server has the connections
that a single one would have, and nothing is sent twice but what a server has refused.
"""

import random
import time
from collections.abc import Sequence
from typing import Any, Final

from frontdesk.drive import Call, Flow, arun, run
from frontdesk.errors import StorageUnavailable, UndecodableRecord
from frontdesk.outage import STORAGE, Incident
from frontdesk.storages import redis_clients
from frontdesk.storages.redis_clients import Place
from frontdesk.storages.redis_cluster_steps import Step
from frontdesk.storages.redis_fleet import Address, Fleet, Sent

if redis_clients.MISSING is None:
    from redis.crc import key_slot
    from redis.exceptions import AskError, MovedError, NoScriptError, RedisError

SLOTS: Final = 16_384

HOPS: Final = 8
"""How often a command follows where servers say that its key is."""

PAUSE: Final = 0.1
"""Seconds between two questions where everything is."""

AVOIDED: Final = 5.0
"""Seconds for which a server that has failed is spared what is optional."""


class _Partial(StorageUnavailable):
    """One server of several."""

    partial = True


class Cluster:
    """The servers of a Cluster, for all threads and event loops of a process."""

    def __init__(self, urls: Sequence[str], place: Place) -> None:
        self._fleet = Fleet(urls, place)
        self._timeout = place.timeout
        self._map: list[Address | None] = []
        self._others: list[Address] = []
        self._stale = True
        self._asked = 0.0
        self._failed: dict[Address, float] = {}
        self._incidents: dict[Address, Incident] = {}

    def send(self, flow: Flow[Any], nothing: Any = None) -> Any:
        """Return what a verb answers."""
        return run(flow)

    async def asend(self, flow: Flow[Any], nothing: Any = None) -> Any:
        """See :meth:`send`."""
        return await arun(flow)

    def infos(self) -> list[dict[str, str]]:
        """Return what each server that holds keys says about itself. Raises ``StorageUnavailable``."""
        return run(self._infos())

    def _infos(self) -> Flow[list[dict[str, str]]]:
        try:
            yield from self._learned()
            addresses = sorted({address for address in self._map if address})
        except StorageUnavailable:
            # A server that is no Cluster knows nothing of slots, and can be asked all the same.
            addresses = self._fleet.seeds[:1]
        batches = [(address, [Sent(("INFO",))]) for address in addresses]
        answers = yield Call(self._fleet, "send", (batches,))
        return [_lines(_raised(reply)) for (reply,) in answers]

    def round(self, steps: Sequence[Step]) -> Flow[list[Any]]:
        """Send steps to their servers at once, and return their replies in their order.

        Raises ``StorageUnavailable`` if one of them has none. An optional one has the error as its reply,
        and one that found something else than a session ``UndecodableRecord``.
        """
        replies: list[Any] = [None] * len(steps)
        todo = {index: Sent(step.sent()) for index, step in enumerate(steps)}
        to: dict[int, Address] = {}
        for _ in range(HOPS):
            if not self._map or self._stale:
                yield from self._learned()
            batches = self._batched(steps, todo, to, replies)
            began = time.monotonic()
            answers = yield Call(
                self._fleet,
                "send",
                ([(at, [todo[i] for i in each]) for at, each in batches.items()],),
            )
            todo_next = {}
            for (address, indexes), answered in zip(batches.items(), answers, strict=True):
                for index, reply in zip(indexes, answered, strict=True):
                    replies[index] = reply
                    again = self._again(steps[index], todo[index], address, reply, began)
                    if again is not None:
                        todo_next[index], to[index] = again
            todo = todo_next
            if not todo:
                break
        return [self._judged(step, reply) for step, reply in zip(steps, replies, strict=True)]

    def _batched(
        self,
        steps: Sequence[Step],
        todo: dict[int, Sent],
        to: dict[int, Address],
        replies: list[Any],
    ) -> dict[Address, list[int]]:
        """Return which steps go to which server; what goes to none has its reply now."""
        batches: dict[Address, list[int]] = {}
        for index in todo:
            address = to.get(index) or self._map[key_slot(steps[index].key)]
            if address is None:
                self._stale = True
                replies[index] = _Partial("no server of the Cluster serves that key")
            elif address in batches or not self._is_spared(address, steps[index]):
                batches.setdefault(address, []).append(index)
            else:
                self._stale = True
                replies[index] = _Partial(
                    "a server of the Cluster hangs, and is not asked again yet"
                )
        # In one order for all, so that no two wait for each other's connections.
        return dict(sorted(batches.items()))

    def _is_spared(self, address: Address, step: Step) -> bool:
        """Whether a server that has failed is not asked now."""
        now = time.monotonic()
        if step.optional:
            return now - self._failed.get(address, now - AVOIDED) < AVOIDED
        incident = self._incidents.get(address)
        if incident is not None and incident.open:
            try:
                incident.asks(now)
            except StorageUnavailable:
                return True
        return False

    def _again(
        self, step: Step, sent: Sent, address: Address, reply: Any, began: float
    ) -> tuple[Sent, Address] | None:
        """Return what to send instead, and where, if the server has refused ``sent`` without doing it."""
        if not isinstance(reply, Exception) or isinstance(reply, NoScriptError | AskError):
            incident = self._incidents.get(address)
            if incident is not None and incident.open:
                incident.answered(began)
                self._failed.pop(address, None)
        if not isinstance(reply, Exception):
            return None
        if isinstance(reply, NoScriptError):
            return Sent(step.sent(whole=True), asking=sent.asking), address
        if isinstance(reply, AskError):  # a MovedError is one, too
            there = (reply.host or address[0], reply.port)
            moved = isinstance(reply, MovedError)
            if moved:
                self._stale = True
                self._map[reply.slot_id] = there
            return Sent(sent.words, asking=not moved), there
        if not str(reply).startswith("WRONGTYPE"):
            self._stale = True
            self._failed[address] = time.monotonic()
            self._incident(address).failed(reply, began)
        return None

    def _incident(self, address: Address) -> Incident:
        host, port = address
        name = f"The server {host}:{port} of the session storage"
        return self._incidents.setdefault(address, Incident((name, STORAGE[1])))

    def _judged(self, step: Step, reply: Any) -> Any:
        if not isinstance(reply, Exception):
            return reply
        if step.script is None and str(reply).startswith("WRONGTYPE"):
            return UndecodableRecord(f"The record of {step.about} is damaged: {reply}")
        return reply if step.optional else _raised(reply, _Partial)

    # Where everything is.

    def _learned(self) -> Flow[None]:
        """Ask where everything is, unless that was done a moment ago. Raises ``StorageUnavailable``."""
        began = time.monotonic()
        if self._map and began - self._asked < PAUSE:
            return
        self._asked = began
        known = {*filter(None, self._map), *self._others}
        candidates = random.sample(list(known), len(known)) + self._fleet.seeds
        candidates.sort(key=lambda address: self._failed.get(address, 0.0))
        reply: Any = None
        for address in dict.fromkeys(candidates):
            ((reply,),) = yield Call(
                self._fleet, "send", ([(address, [Sent(("CLUSTER", "SLOTS"))])],)
            )
            if isinstance(reply, list) and reply:
                self._note(address, reply)
                return
            if isinstance(reply, Exception):
                self._failed[address] = time.monotonic()
            if time.monotonic() - began > self._timeout:
                break
        if not self._map:
            _raised(reply or StorageUnavailable("the Cluster has not been given its slots yet"))

    def _note(self, asked: Address, ranges: Sequence[Any]) -> None:
        """Take over an answer to ``CLUSTER SLOTS``: first and last slot, the primary, its replicas."""
        slots: list[Address | None] = [None] * SLOTS
        others = []
        for first, last, *servers in ranges:
            primary, *replicas = [_address(server, asked) for server in servers]
            slots[first : last + 1] = [primary] * (last + 1 - first)
            others += replicas
        self._map, self._others, self._stale = slots, others, False
        self._fleet.keep({*filter(None, slots), *others})


def _address(server: Sequence[Any], asked: Address) -> Address:
    host, port = server[:2]
    name = host.decode() if host else ""
    # Nothing, or a question mark, stands for the address under which the server was reached.
    return (asked[0] if name in {"", "?"} else name), int(port)


def _lines(info: bytes) -> dict[str, str]:
    """Return an answer to ``INFO`` by names."""
    pairs = (line.partition(":") for line in info.decode().splitlines())
    return {name: value for name, colon, value in pairs if colon}


def _raised(reply: Any, kind: type[StorageUnavailable] = StorageUnavailable) -> Any:
    """Return ``reply``; raise it if it is an error, as ours."""
    if isinstance(reply, StorageUnavailable):
        raise reply
    if isinstance(reply, (RedisError, OSError)):
        raise kind(f"the Redis of the sessions: {reply}") from reply
    return reply

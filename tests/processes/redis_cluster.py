"""A Redis Cluster on loopback: primaries, each with a share of the keys, and replicas if they are wanted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from tests import services
from tests.processes.redis_servers import Server, answers, program, until
from tests.processes.servers import folder
from tests.processes.tls import Authority

SLOTS = 16_384


class Node(Server):
    """A server of a Cluster."""

    def __init__(self, place: Path, authority: Authority | None, *options: str) -> None:
        place.mkdir()
        port, self.bus = services.free_port(), services.free_port()
        command = [program(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(place)]
        command += ["--cluster-enabled", "yes", "--cluster-port", str(self.bus), "--save", ""]
        super().__init__([*command, *options], port, authority)
        self.url = f"{'rediss' if authority else 'redis'}://127.0.0.1:{self.named}"

    def ask(self, *words: Any) -> Any:
        """Send a command to this server, wherever the key belongs."""
        with redis.Redis(port=self.port, decode_responses=True, protocol=2) as client:
            return client.execute_command(*words)

    def ask_raw(self, *words: Any) -> Any:
        """Send a command whose words or answer are no text."""
        with redis.Redis(port=self.port, protocol=2) as client:
            return client.execute_command(*words)

    def told(self, *words: str) -> dict[str, str]:
        """Return an answer of lines by their names."""
        answer = self.ask(*words)
        if isinstance(answer, dict):  # redis-py has taken it apart
            return answer
        return dict(line.split(":", 1) for line in answer.splitlines() if ":" in line)

    @property
    def id(self) -> str:
        return str(self.ask("CLUSTER", "MYID"))

    def is_up(self) -> bool:
        return answers(self.port)


class House:
    """The servers of a Cluster."""

    def __init__(self, primaries: list[Node], replicas: list[Node]) -> None:
        self.primaries, self.replicas = primaries, replicas

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.primaries]

    def owner(self, key: bytes) -> Node:
        """Return the server on which a key is."""
        return self.primaries[key_slot(key) * len(self.primaries) // SLOTS]

    def replicated(self) -> None:
        """Wait until each replica has all that its primary has."""
        for node in self.primaries:
            node.ask("WAIT", 1, 10_000)

    def agrees(self) -> bool:
        """Whether all servers know of each other, and of all slots."""
        nodes = [*self.primaries, *self.replicas]
        for node in nodes:
            info = node.told("CLUSTER", "INFO")
            if info["cluster_state"] != "ok" or int(info["cluster_known_nodes"]) != len(nodes):
                return False
            if len(node.ask("CLUSTER", "SLOTS")) != len(self.primaries):
                return False
        return True

    def has_replicas(self) -> bool:
        """Whether each primary has a replica that has all of its keys."""
        states = [node.told("INFO", "replication") for node in self.replicas]
        shown = [
            len(servers)
            for node in self.primaries
            for _, _, *servers in node.ask("CLUSTER", "SLOTS")
        ]
        return all(state.get("master_link_status") == "up" for state in states) and set(shown) == {
            2
        }


@contextmanager
def cluster(
    *,
    primaries: int = 3,
    replicated: bool = False,
    patience: int = 5000,
    authority: Authority | None = None,
) -> Iterator[House]:
    """Start a Cluster, and end it; after ``patience`` milliseconds its servers give up one of them.

    With an ``authority``, they speak TLS to each other, and tell who speaks TLS to them where to do so.
    """
    options = ["--cluster-node-timeout", str(patience), "--cluster-require-full-coverage", "no"]
    options += ["--repl-diskless-sync-delay", "0"]
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        count = primaries * (2 if replicated else 1)
        nodes = [Node(place / str(number), authority, *options) for number in range(count)]
        for node in nodes:
            stack.callback(node.kill)
            node.start(node.is_up)
        house = House(nodes[:primaries], nodes[primaries:])
        for number, node in enumerate(house.primaries):
            first, last = (SLOTS * n // primaries for n in (number, number + 1))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
        for node, other in itertools.combinations(nodes, 2):
            node.ask("CLUSTER", "MEET", "127.0.0.1", other.named, other.bus)
        until(house.agrees)
        for node, primary in zip(house.replicas, house.primaries, strict=False):
            node.ask("CLUSTER", "REPLICATE", primary.id)
        if replicated:
            until(house.has_replicas)
        yield house

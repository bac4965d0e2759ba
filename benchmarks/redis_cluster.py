"""A Redis Cluster on loopback: three primaries, and a replica of each if they are wanted."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from tests import services
from tests.processes.redis_servers import answers, program, until
from tests.processes.servers import Victim, folder

SLOTS = 16_384
PRIMARIES = 3
PATIENCE = 5000
"""Milliseconds after which the servers give up one of them."""

OPTIONS = [
    *("--cluster-enabled", "yes", "--cluster-node-timeout", str(PATIENCE), "--save", ""),
    *("--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"),
]


class Node(Victim):
    """A server of a Cluster."""

    def __init__(self, place: Path) -> None:
        place.mkdir()
        port, self.bus = services.free_port(), services.free_port()
        command = [program(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(place)]
        super().__init__([*command, "--cluster-port", str(self.bus), *OPTIONS], port)

    def ask(self, *words: Any) -> Any:
        """Send a command to this server, wherever the key belongs."""
        with redis.Redis(port=self.port, decode_responses=True, protocol=2) as client:
            return client.execute_command(*words)

    def told(self, *words: str) -> dict[str, str]:
        """Return a response of lines by their names."""
        answer = self.ask(*words)
        if isinstance(answer, dict):  # redis-py has parsed it
            return answer
        return dict(line.split(":", 1) for line in answer.splitlines() if ":" in line)


class Cluster:
    """The servers of a Cluster."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.primaries, self.replicas = nodes[:PRIMARIES], nodes[PRIMARIES:]
        self.urls = [f"redis://127.0.0.1:{node.port}" for node in self.primaries]

    def replicated(self) -> None:
        """Wait until each replica has all that its primary has."""
        for node in self.primaries:
            node.ask("WAIT", 1, 10_000)

    def has_failed_over(self) -> bool:
        """Return whether a replica has replaced a primary, and the Cluster is whole."""
        roles = [node.told("INFO", "replication")["role"] for node in self.replicas]
        states = [node.told("CLUSTER", "INFO")["cluster_state"] for node in self.replicas]
        return "master" in roles and set(states) == {"ok"}

    def agrees(self) -> bool:
        """Return whether all servers know of each other, and of all slots."""
        infos = [node.told("CLUSTER", "INFO") for node in self.nodes]
        known = {(info["cluster_state"], int(info["cluster_known_nodes"])) for info in infos}
        shares = {len(node.ask("CLUSTER", "SLOTS")) for node in self.nodes}
        return known == {("ok", len(self.nodes))} and shares == {PRIMARIES}

    def has_replicas(self) -> bool:
        """Return whether each replica has all keys of its primary, and all primaries know it."""
        states = [node.told("INFO", "replication") for node in self.replicas]
        slots = [each for node in self.primaries for each in node.ask("CLUSTER", "SLOTS")]
        is_up = all(state.get("master_link_status") == "up" for state in states)
        return is_up and all(len(servers) == 2 for _, _, *servers in slots)


@contextmanager
def cluster(*, replicated: bool = False) -> Iterator[Cluster]:
    """Start a Cluster, and end it."""
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        count = PRIMARIES * (2 if replicated else 1)
        made = Cluster([Node(place / str(number)) for number in range(count)])
        for node in made.nodes:
            stack.callback(node.kill)
            node.start(lambda port=node.port: answers(port))
        for number, node in enumerate(made.primaries):
            first, last = (SLOTS * n // PRIMARIES for n in (number, number + 1))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
        for node, other in itertools.combinations(made.nodes, 2):
            node.ask("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus)
        until(made.agrees)
        for node, primary in zip(made.replicas, made.primaries, strict=False):
            node.ask("CLUSTER", "REPLICATE", primary.ask("CLUSTER", "MYID"))
        if replicated:
            until(made.has_replicas)
        yield made

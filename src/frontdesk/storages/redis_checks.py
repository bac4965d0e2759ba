"""What ``manage.py check`` says of the servers of the Redis storage, by what they say of themselves."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core import checks


def of_servers(infos: Iterable[Mapping[str, Any]], *, cluster: bool) -> list[checks.CheckMessage]:
    """Return what is wrong with the servers whose ``INFO`` these are, a thing once."""
    messages: dict[str, checks.CheckMessage] = {}
    for info in infos:
        for message in (_of_kind(info, cluster=cluster), _of_memory(info)):
            if message is not None:
                messages.setdefault(str(message.id), message)
    return list(messages.values())


def _of_kind(info: Mapping[str, Any], *, cluster: bool) -> checks.CheckMessage | None:
    is_cluster = bool(int(info.get("cluster_enabled", 0)))
    if is_cluster == cluster:
        return None
    if is_cluster:
        said = "is part of a Cluster, of which the storage has not been told."
        hint = 'Add "CLUSTER": True to FRONTDESK["STORAGE"]["OPTIONS"].'
    else:
        said = "is no Cluster, but the option CLUSTER says so."
        hint = 'Remove "CLUSTER" from FRONTDESK["STORAGE"]["OPTIONS"].'
    return checks.Error(f"The Redis of the sessions {said}", hint=hint, id="frontdesk.E031")


def _of_memory(info: Mapping[str, Any]) -> checks.CheckMessage | None:
    policy = info.get("maxmemory_policy", "noeviction")
    if not int(info.get("maxmemory", 0)) or policy == "noeviction":
        return None
    return checks.Warning(
        "The Redis of the sessions throws out what it holds when its memory is full, which signs "
        f"people out. Its maxmemory-policy is {policy}.",
        hint="Set maxmemory-policy to noeviction there, or use a server that holds nothing but "
        "sessions and is large enough.",
        id="frontdesk.W030",
    )

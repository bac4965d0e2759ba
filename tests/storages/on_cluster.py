"""What the tests of the Redis storage on a Cluster share."""

from contextlib import contextmanager


def session(do, digest):
    return do.storage._commands.steps.session(bytes.fromhex(digest))


def place(do, user="1"):
    return do.storage._commands.steps.place(user.encode())


@contextmanager
def migrating(house, key):
    """Move the slot of a key to another server, step by step; yields what goes on with the next one."""
    source = house.owner(key)
    target = next(node for node in house.primaries if node is not source)
    slot = source.ask("CLUSTER", "KEYSLOT", key)

    def moved():
        for name in source.ask_raw("CLUSTER", "GETKEYSINSLOT", slot, 1000):
            source.ask_raw("MIGRATE", "127.0.0.1", target.named, name, 0, 5000)

    def settled(owner):
        for node in [owner, *(each for each in house.primaries if each is not owner)]:
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", owner.id)

    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
    try:
        yield moved, lambda: settled(target)
    finally:
        moved()
        settled(target)
        source, target = target, source
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        moved()
        settled(target)

"""Two verbs that meet at two storages, step by step in every order, while a session is still to move.

What they answer and leave is what some order of whole verbs on a single storage would.
"""

import itertools

import pytest

from frontdesk import clock
from frontdesk.drive import Call, run
from frontdesk.storages.memory import MemoryStorage
from frontdesk.storages.moving import MovingStorage
from frontdesk.storages.record import Changes, Record
from frontdesk.testing.conformance.ground import a_record, fresh_digest
from tests.interleavings.explorer import Scene, Violation, explored

BEGAN = clock.now()
ANNA = a_record(user_id="1", values={"a": b"0"}, created=BEGAN, last_seen=BEGAN)
OWN, NEW, OTHER = ANNA.digest, fresh_digest(), fresh_digest()

VERBS = {
    "read": ("read", OWN),
    "save": ("update", OWN, Changes(values={"a": b"1"})),
    "save another key": ("update", OWN, Changes(values={"b": b"1"})),
    "rotate": ("rotate", OWN, NEW, Changes(values={"c": b"1"})),
    "rotate to another": ("rotate", OWN, OTHER, Changes()),
    "remove": ("remove", [OWN], None),
    "remove her own": ("remove", [OWN], "1"),
    "remove of user": ("remove_of_user", "1", ()),
    "of user": ("of_user", "1"),
    "limit": ("remove_beyond", "1", 1, None),
}
FLOWS = {
    "read": "_read",
    "update": "_update",
    "rotate": "_rotate",
    "of_user": "_of_user",
    "remove_beyond": "_remove_beyond",
}


def flow_of(storage: MovingStorage, verb: str, *args):
    if verb in {"remove", "remove_of_user"}:
        return storage._in_both(verb, *args)
    return getattr(storage, FLOWS[verb])(*args)


def plain(answer):
    """An answer without what differs from run to run: versions, and until when an end is remembered."""
    if isinstance(answer, list):
        return tuple(plain(one) for one in answer)
    if isinstance(answer, Record):
        return answer.digest, answer.user_id, tuple(sorted(answer.values.items()))
    return type(answer).__name__ if hasattr(answer, "until") else answer


def as_answered(name, answer):
    """Of what was ended, whether it was; of a list, who is in it, be it under an earlier name too."""
    if name.startswith(("remove", "limit")):
        return bool(answer)
    if name == "of user":
        return {record.user_id for record in answer}
    return plain(answer)


def left_in(storage) -> tuple:
    return tuple(
        plain(found)
        for name in (OWN, NEW, OTHER)
        if isinstance(found := storage.read(name), Record)
    )


class Meeting:
    """What the explorer asks a world."""

    def __init__(self) -> None:
        self.storage = MovingStorage(MemoryStorage(), MemoryStorage())
        self.storage.old.insert(ANNA)
        self.answers: dict[str, object] = {}

    def act(self, name):
        answer = yield from flow_of(self.storage, *VERBS[name])
        self.answers[name] = as_answered(name, answer)

    def tick(self):
        pass

    def asked(self, call):
        pass

    def observed(self, call, answer):
        pass

    def looked(self):
        return iter(())


def outcomes(names):
    """What whole verbs on one storage come to."""
    for order in itertools.permutations(names):
        storage = MemoryStorage()
        storage.insert(ANNA)
        answers = {}
        for name in order:
            verb, *args = VERBS[name]
            answers[name] = as_answered(name, getattr(storage, verb)(*args))
        yield answers, left_in(storage)
    if all(name.startswith("remove") for name in names):
        # One from where it came, the other one what bars its way: both may say that they ended it.
        yield dict.fromkeys(names, True), ()


@pytest.mark.parametrize("names", list(itertools.combinations(VERBS, 2)), ids=" and ".join)
def test_two_verbs_in_every_order_are_as_one_after_the_other(names):
    possible = list(outcomes(names))

    def begin():
        return Meeting()
        yield

    def finish(meeting):
        run(read_everything(meeting))
        found = meeting.answers, left_in(meeting.storage)
        if found not in possible:
            raise Violation("as one after the other", f"{found} is none of {possible}")
        if left_in(meeting.storage.new) and left_in(meeting.storage.old):
            raise Violation("nothing left behind", "both have it")
        return
        yield

    def actor(name):
        return name, lambda meeting: meeting.act(name)

    exploration = run(explored(Scene(str(names), begin, [actor(name) for name in names], finish)))
    assert not exploration.found, exploration.worst()
    assert exploration.orders > 1


def read_everything(meeting):
    for name in (OWN, NEW, OTHER):
        yield Call(meeting.storage, "read", (name,))

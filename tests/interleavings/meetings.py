"""Two verbs that meet, where verbs consist of several steps: how it begins, and who comes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from frontdesk import clock
from frontdesk.storages.record import FOREVER, Changes, Ended, Record
from frontdesk.tokens import Digest


def _digest(name):
    return Digest(hashlib.sha256(name.encode()).hexdigest())


KEY, NEXT, OTHER, FRESH = map(_digest, ("key", "next", "other", "fresh"))
KEYS = (KEY, NEXT, OTHER, FRESH)
USER = "7"
HOUR = 3600 * clock.SECOND


def a_record(digest=KEY, **more):
    now = clock.now()
    described = {"values": {"room": b"1"}, "user_id": USER, "created": now, "last_seen": now}
    return Record(digest=digest, **{**described, "idle": HOUR, "deadline": now + HOUR, **more})


def signed_in(make):
    storage = make()
    assert storage.insert(a_record())
    return storage


def anonymous(make):
    storage = make()
    assert storage.insert(a_record(user_id=None))
    return storage


def empty(make):
    return make()


def crowded(make):
    """Two sessions, of which KEY was seen longest ago, and so goes first."""
    storage = make()
    for digest, age in ((KEY, 2), (NEXT, 1)):
        assert storage.insert(a_record(digest, last_seen=clock.now() - age))
    return storage


def moved(make):
    """Rotated once, and left unsettled, as a crash between the last two steps leaves it."""
    storage = signed_in(make)
    with storage.dying_before_it_settles(NEXT):
        storage.rotate(KEY, NEXT, Changes())
    return storage


SIGN_IN = Changes(user_id=USER, authenticated=1, values={"_auth": b"7"})


def update(key, digest=KEY, **more):
    return lambda storage: storage.update(digest, Changes(values={key: b"2"}, **more))


def rotate(new=NEXT, old=KEY, changes=None):
    return lambda storage: storage.rotate(old, new, changes or Changes(values={new[:4]: b"3"}))


def end(digest=KEY):
    return lambda storage: storage.remove([digest])


def end_all(storage):
    return sorted(storage.remove_of_user(USER))


def insert(digest=FRESH):
    return lambda storage: storage.insert(a_record(digest, values={"room": digest[:4].encode()}))


def beyond(limit, *among):
    return lambda storage: storage.remove_beyond(USER, limit, list(among) or None)


def listed(storage):
    return sorted(record.digest for record in storage.of_user(USER))


MEETINGS = {
    "update/update of another key": (signed_in, update("a"), update("b")),
    "update/update of the same version": (
        signed_in,
        update("a", expected_version=1),
        update("b", expected_version=1),
    ),
    "update/end": (signed_in, update("a"), end()),
    "rotate/update": (signed_in, rotate(), update("a")),
    "rotate/update that moves the deadline": (signed_in, rotate(), update("a", deadline=FOREVER)),
    "rotate/end": (signed_in, rotate(), end()),
    "rotate/rotate": (signed_in, rotate(NEXT), rotate(OTHER)),
    "rotate/rotate to the same key": (signed_in, rotate(NEXT), rotate(NEXT)),
    "rotate/end of all": (signed_in, rotate(), end_all),
    "rotate/end of the new key": (signed_in, rotate(), end(NEXT)),
    "rotate/update of the new key": (signed_in, rotate(), update("a", NEXT)),
    "rotate/rotate of the new key": (signed_in, rotate(), rotate(OTHER, NEXT)),
    "rotate/insert of the new key": (signed_in, rotate(), insert(NEXT)),
    "insert/end of all": (signed_in, insert(), end_all),
    "insert/insert of the same key": (empty, insert(), insert()),
    "insert/insert of one user": (empty, insert(NEXT), insert(OTHER)),
    "sign-in/end of all": (anonymous, lambda s: s.update(KEY, SIGN_IN), end_all),
    "sign-in with rotation/end of all": (anonymous, rotate(changes=SIGN_IN), end_all),
    "update/end of all": (signed_in, update("a"), end_all),
    "end/end of all": (signed_in, end(), end_all),
    "end of all/end of all": (signed_in, end_all, end_all),
    "limit/limit": (crowded, beyond(1), beyond(1)),
    "limit/another limit": (crowded, beyond(1), beyond(0)),
    "limit/insert": (crowded, beyond(1), insert()),
    "limit/end": (crowded, beyond(1), end()),
    "limit/end of all": (crowded, beyond(1), end_all),
    "refusal/refusal": (crowded, beyond(1, KEY), beyond(1, NEXT)),
    "unsettled rotation: update/end": (moved, update("a", NEXT), end(NEXT)),
    "unsettled rotation: rotate/update": (moved, rotate(OTHER, NEXT), update("a", NEXT)),
    "unsettled rotation: rotate/end": (moved, rotate(OTHER, NEXT), end(NEXT)),
}

ON_A_CLUSTER = {
    "list/rotate": (signed_in, listed, rotate(FRESH)),
    "list/sign-in": (anonymous, listed, lambda storage: storage.update(KEY, SIGN_IN)),
    "limit/rotate": (signed_in, beyond(0), rotate(FRESH)),
    "limit/rotate of another": (crowded, beyond(1), rotate(FRESH, NEXT)),
    "limit/rotate within the limit": (signed_in, beyond(1), rotate(FRESH)),
}
"""There a list follows who moves while it is made."""


def outcome(storage, answers):
    """Return what anybody can tell of a storage afterwards: the answers, the records, the list.

    Of several ends that meet, each may end some: what they have ended together is compared.
    """
    seen = []
    for digest in KEYS:
        found = storage.read(digest)
        if isinstance(found, Record):
            found = replace(found, created=0, last_seen=0, deadline=found.deadline == FOREVER)
        seen.append("ended" if isinstance(found, Ended) else repr(found))
    listed = sorted(record.digest for record in storage.of_user(USER))
    if len(answers) == 2 and all(isinstance(answer, list) for answer in answers.values()):
        answers = {"together": sorted(answers[0] + answers[1])}
    return repr((sorted(answers.items()), seen, listed))

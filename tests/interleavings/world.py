"""One small world per order: a clock, two people, a storage, and the ledger of what was reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.signing import JSONSerializer
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase

from frontdesk.clock import SECOND
from frontdesk.drive import Call, Flow
from frontdesk.engine import SessionStore
from frontdesk.policy import Standing
from frontdesk.storages.base import Storage
from frontdesk.storages.record import UNCHANGED, Changes, Record
from frontdesk.tokens import Digest, digest_of_own
from tests.interleavings import oracles
from tests.interleavings.explorer import watched

ROOT = "the browser's session"
IDLE = 14 * 86_400 * SECOND
"""Django's default SESSION_COOKIE_AGE, which the tests leave alone."""


class Driven(SessionStore):
    """A session whose flows are driven by the explorer. I/O behind its back is refused."""

    def _hidden(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("This I/O is not a step of a flow, so no order of it can be tried.")

    load = save = create = exists = delete = flush = modify = cycle_key = _hidden
    aload = asave = acreate = aexists = adelete = aflush = amodify = acycle_key = _hidden


class Clock:
    """Stands still, but for a millisecond per step, until somebody lets it jump."""

    def __init__(self) -> None:
        self.instant = 0

    def now(self) -> int:
        return self.instant

    def advance(self, duration: int) -> None:
        self.instant += duration

    async def aadvance(self, duration: int) -> None:
        self.advance(duration)


@dataclass
class Report:
    """What a request did, as far as it can know itself."""

    name: str
    key: str | None
    writes: dict[str, Any] = field(default_factory=dict)
    """What it set; ``None`` where it removed."""
    adds: int = 0
    """Steps of the counter that modify() has returned for."""
    handed_out: str | None = None
    """The key in the answer's cookie."""
    stored: str | None = None
    """The key under which was stored what it changed."""
    took_back: bool = False
    """The answer clears the cookie."""
    signed_in: str | None = None
    signs_out: bool = False
    effective: bool = False
    """It reported that it did something, so a sequential order must contain it."""
    began: int = 0
    ended: int = -1


@dataclass
class Key:
    """What the ledger knows of one session key."""

    lineage: Digest
    """The first key of the same session."""
    owner: str | None
    gone: str = ""
    """Why it must never answer again."""
    pending: bool = False
    """Somebody is rotating to it, and has had no answer yet."""
    moved: bool = False
    """It is gone because another key took its place."""


class World:
    """See the module."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.storage = house.storage()
        self.people = house.people
        self.clock = house.clock
        self.clock.instant = time.time_ns() // 1000
        self.keys: dict[Digest, Key] = {}
        self.reports: list[Report] = []
        self.jar: str | None = None
        self.steps = 0
        self.anna: Any = None
        self.bob: Any = None
        self.root: str = ""
        self.sent: str = ""
        """The key that requests come with: the first one, so that all others are stragglers."""
        self.signed_in = False
        """Whether Anna was signed in in the browser's session from the beginning."""
        self.bystander: Digest = Digest("")
        self.bystander_values: Any = None
        self.seen: dict[Digest, Any] = {}

    # The beginning.

    def furnished(self, *, signed_in: bool) -> Flow[World]:
        """Let the browser have a session, and Bob one of his own elsewhere."""
        self.anna, self.bob = yield Call(self.people, "begin", ())
        self.signed_in = signed_in
        own = self.session()
        yield from own.opened()
        own["room"] = f"{self.name(self.anna) if signed_in else 'nobody'}:room"
        if signed_in:
            self.sign(own, self.anna)
        yield from watched(self, own.saved())
        self.root = self.sent = self.jar = own.session_key or ""
        others = self.session()
        yield from others.opened()
        self.sign(others, self.bob)
        others["room"] = f"{self.name(self.bob)}:room"
        yield from watched(self, others.saved())
        self.bystander = digest_of_own(others.session_key)
        self.bystander_values = dict(others.items())
        self.clock.advance(300 * SECOND)  # so that the next use of the session is worth recording
        return self

    def sign(self, session: Driven, user: Any) -> None:
        """Do what ``login()`` does to the values of a session."""
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = self.people.backend
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()

    def name(self, user: Any) -> str:
        return {self.anna.pk: "anna", self.bob.pk: "bob"}[user.pk]

    def name_of(self, user_id: str | None) -> str | None:
        if user_id is None:
            return None
        return {str(self.anna.pk): "anna", str(self.bob.pk): "bob"}.get(user_id, user_id)

    # The requests.

    def session(self, key: str | None = None) -> Driven:
        session = Driven(key)
        # A storage with a mistake may remember what each request has read.
        for_request: Callable[[], Storage] = getattr(
            self.storage, "for_request", lambda: self.storage
        )
        session.storage = for_request()
        return session

    def request(self, key: str | None) -> Any:
        """Return a request as the middlewares make it: nothing is read yet."""
        request = HttpRequest()
        if key is not None:
            request.COOKIES[settings.SESSION_COOKIE_NAME] = key
        request.session = self.session(key)
        request.session.meta = request.META
        request.session.with_user = True
        request._frontdesk_began = time.monotonic()
        return request

    def answered(self, report: Report, session: Any, response: HttpResponseBase) -> None:
        """Note what became of the session, and what an answer says to the browser."""
        if session.modified and session.standing is Standing.LIVE:
            report.stored = session.session_key
            report.effective = True
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value:
            report.handed_out = cookie.value
        report.took_back = cookie is not None and not cookie.value

    def received(self, response: HttpResponse) -> None:
        """Do what a browser does with an answer."""
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None:
            self.jar = cookie.value or None

    receive = received

    async def areceive(self, response: HttpResponse) -> None:
        self.receive(response)

    # The ledger.

    def tick(self) -> None:
        self.steps += 1
        self.clock.advance(1000)

    def asked(self, call: Call) -> None:
        """Note a key that may soon be there, of a verb in parts."""
        if call.name == "rotate":
            old, new, _ = call.args
            self.keys[new] = Key(self.keys[old].lineage, self.keys[old].owner, pending=True)

    def observed(self, call: Call, answer: Any) -> None:
        note = getattr(self, f"_after_{call.name}", None)
        if note is not None:
            note(answer, *call.args)

    def _after_insert(self, answer: bool, record: Record) -> None:
        if answer:
            if record.digest in self.keys:
                raise oracles.violated("nothing_revived", f"{record.digest} was inserted again")
            # Two weeks may pass between the making of a record and its way into the storage.
            late = "expired" if record.expires <= self.clock.now() else ""
            self.keys[record.digest] = Key(record.digest, record.user_id, late)

    def _after_update(self, answer: bool, digest: Digest, changes: Changes) -> None:
        if answer:
            key = self.keys[digest]
            if key.gone:
                raise oracles.violated("nothing_revived", f"a write to a key {key.gone} was taken")
            if changes.user_id is not UNCHANGED:
                key.owner = changes.user_id

    def _after_rotate(self, answer: bool, old: Digest, new: Digest, changes: Changes) -> None:
        if answer:
            key = self.keys[old]
            if key.gone:
                raise oracles.violated("nothing_revived", f"a key {key.gone} was rotated")
            owner = key.owner if changes.user_id is UNCHANGED else changes.user_id
            self.keys[new] = Key(key.lineage, owner)
            key.gone, key.moved = "rotated away", True

    def _after_remove(self, answer: list[Digest], digests: Iterable[Digest]) -> None:
        self._end(answer, "removed")

    def _after_remove_of_user(self, answer: list[Digest], user_id: str) -> None:
        self._end((digest for digest in answer if digest in self.keys), "ended with all others")
        for digest, key in self.keys.items():
            if key.owner == user_id and not key.gone:
                raise oracles.violated("nothing_revived", f"{digest} survived the end of all")

    def _after_advance(self, answer: None, duration: int) -> None:
        if duration > IDLE:
            self._end([digest for digest, key in self.keys.items() if not key.gone], "expired")

    def _end(self, digests: Iterable[Digest], why: str) -> None:
        for digest in digests:
            self.keys[digest].gone = why

    # The look around.

    def looked(self) -> Flow[None]:
        """Read every key that ever was, and ask the oracles."""
        for digest in self.keys:
            self.seen[digest] = yield Call(self.storage, "read", (digest,))
        for oracle in oracles.AT_EACH_STEP:
            oracle(self)

    def finished(self) -> Flow[None]:
        """Judge the end of an order."""
        yield from self.looked()
        for oracle in oracles.AT_THE_END:
            oracle(self)

    def live(self) -> dict[Digest, Record]:
        return {digest: found for digest, found in self.seen.items() if isinstance(found, Record)}

    def decoded(self, record: Record) -> dict[str, Any]:
        return {key: _loads(value) for key, value in record.values.items()}

    def ended(self, lineage: Digest) -> str:
        """Why the session is over, in whatever key it was; empty while it lives."""
        return next(
            (
                key.gone
                for key in self.keys.values()
                if key.lineage == lineage and key.gone and not key.moved
            ),
            "",
        )

    def state(self) -> tuple[Any, ...]:
        """Return what two orders with the same outcome have in common: no keys, no times.

        What nobody was signed in for when it was written, and the counter, may follow a browser into its
        next session; whether it does depends on who was first. They count in its first session only.
        """
        first = self.keys[digest_of_own(self.root)].lineage
        found = []
        for digest, record in self.live().items():
            if digest == self.bystander:
                continue
            is_first = self.keys[digest].lineage == first
            kept = {
                key: self.name_of(value) if key == SESSION_KEY else value
                for key, value in self.decoded(record).items()
                if key != BACKEND_SESSION_KEY
                and (is_first or not (key == "count" or str(value).startswith("nobody:")))
            }
            found.append((is_first, self.name_of(record.user_id), tuple(sorted(kept.items()))))
        return tuple(sorted(found, key=repr))


_loads = lru_cache(JSONSerializer().loads)


class House:
    """Where the worlds of one exploration get their storage from."""

    def __init__(self, storage: Callable[[], Storage], people: Any, clock: Clock) -> None:
        self.storage = storage
        self.people = people
        self.clock = clock

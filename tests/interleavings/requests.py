"""What requests do: flows of ``SessionStore``, closed by the decision of the middleware.

Each comes with the key that Ada's phone had at the beginning. So it is late in each order in which another
one has replaced that key, or ended the session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse

from frontdesk.core.flow import Call, Flow
from frontdesk.http import middleware
from frontdesk.http.session import SessionStore
from frontdesk.http.state import State
from tests.interleavings.operations import noting_ends
from tests.interleavings.promises import Operation, Result, Seen
from tests.interleavings.world import ADA, BOB, PHONE, World, a_session, key_of

View = Callable[[World, SessionStore], Flow[Any]]


def request(name: str, view: View, **promises: Any) -> Operation:
    """Return the operation of a browser that visits ``view``."""

    def flow(world: World) -> Flow[Result]:
        session, ended = SessionStore(key_of(PHONE)), set[str]()
        session.began = world.monotonic()
        counted = yield from noting_ends(view(world, session), ended)
        wrote = session.modified
        closing = middleware._close(HttpRequest(), session, HttpResponse())
        response = yield from noting_ends(closing, ended)
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        # A request that was overtaken may store a new session, of which the browser hears nothing.
        is_stored = wrote and session.state is State.LIVE and not session.overtaken
        stored = str(session.session_id) if is_stored else ""
        return Result(
            stored=stored,
            counted=counted or stored,
            refused=PHONE if session.state is State.INTERRUPTED else "",
            ended=frozenset(ended),
            key=cookie.value if cookie else "",
            cleared=cookie is not None and not cookie.value,
        )

    return Operation(name, flow, visits=True, **promises)


def put(**values: Any) -> View:
    def view(world: World, session: SessionStore) -> Flow[None]:
        yield from session.open()
        session.update(values)

    return view


def put_twice(world: World, session: SessionStore) -> Flow[None]:
    """A view that saves by itself, before the middleware does."""
    yield from session.open()
    session["c"] = 1
    try:
        yield from session.saving()
    except UpdateError:
        return
    session["d"] = 1


def take(world: World, session: SessionStore) -> Flow[None]:
    yield from session.open()
    session.pop("cart", None)


def count(world: World, session: SessionStore) -> Flow[str]:
    """Count, and return the id of the session in which that is stored at once."""
    yield from session._modify("n", lambda n: n + 1, 0)
    return str(session.session_id) if session.state is State.LIVE else ""


def count_and_put(world: World, session: SessionStore) -> Flow[str]:
    counted = yield from count(world, session)
    session["c"] = 1
    return counted


def look(world: World, session: SessionStore) -> Flow[None]:
    yield from session.open()


def look_at_user(world: World, session: SessionStore) -> Flow[None]:
    """Read ``request.user``, who may have another password by now, see ``user_of()``."""
    values = yield from session.open()
    current = yield Call(world.users, "get")
    if SESSION_KEY in values and values[HASH_SESSION_KEY] != current:
        yield from session.disown()


def log_in(user_id: str) -> View:
    """``django.contrib.auth.login()``, step by step."""

    def view(world: World, session: SessionStore) -> Flow[None]:
        values = yield from session.open()
        if SESSION_KEY in values:
            if values[SESSION_KEY] != user_id:
                yield from session.flushing()
        else:
            yield from session._cycle_key()
        session[SESSION_KEY] = user_id
        session[BACKEND_SESSION_KEY] = "backend"
        session[HASH_SESSION_KEY] = "old"

    return view


def log_out(world: World, session: SessionStore) -> Flow[None]:
    """``django.contrib.auth.logout()``, which looks at the user first."""
    yield from look_at_user(world, session)
    yield from session.flushing()


def change_password(world: World, session: SessionStore) -> Flow[None]:
    """A view that saves the user, and calls ``update_session_auth_hash()``."""
    values = yield from session.open()
    if SESSION_KEY not in values:
        return
    yield Call(world.users, "set", ("new",))
    yield from session._cycle_key()
    session[HASH_SESSION_KEY] = "new"


PUT_A = request("put a", put(a=1), writes={"a": b"1"})
PUT_B = request("put b", put(b=1), writes={"b": b"1"})
PUT_TWICE = request("put c and d", put_twice, writes={"c": b"1", "d": b"1"})
TAKE = request("take cart", take, writes={"cart": None})
COUNT = request("count", count, counts=1)
COUNT_AND_PUT = request("count and put c", count_and_put, counts=1, writes={"c": b"1"})
LOOK = request("look", look)
LOOK_AT_USER = request("look at the user", look_at_user)
LOG_IN = request("log in", log_in(ADA), writes={SESSION_KEY: b'"7"'})
LOG_IN_BOB = request("log in as Bob", log_in(BOB), writes={SESSION_KEY: b'"8"'})
LOG_OUT = request(
    "log out",
    log_out,
    ends=lambda live: {each.id for each in live if each == Seen(PHONE, ADA, key_of(PHONE).digest)},
    signs_out=True,
)
CHANGE_PASSWORD = request(
    "change the password",
    change_password,
    writes={HASH_SESSION_KEY: b'"new"'},
    sets_deadline=a_session(PHONE).deadline,
)

ALL = (
    *(PUT_A, PUT_B, PUT_TWICE, TAKE, COUNT, COUNT_AND_PUT, LOOK, LOOK_AT_USER),
    *(LOG_IN, LOG_IN_BOB, LOG_OUT, CHANGE_PASSWORD),
)

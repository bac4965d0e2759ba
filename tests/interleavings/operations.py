"""What requests do, as flows that are closed by the middleware's own decision.

Each is ``operation(world)``, comes with the key that the browser had at the beginning, and is therefore
a straggler in every order in which somebody else has already rotated or ended that key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.http.response import HttpResponse

from frontdesk.clock import SECOND
from frontdesk.drive import Call, Flow
from frontdesk.middleware import _closed
from frontdesk.users import user_of
from tests.interleavings.world import IDLE, Driven, Report, World

View = Callable[[World, Any, Report], Flow[None]]
Operation = Callable[[World], Flow[None]]

REQUESTS: dict[str, View] = {}
OPERATIONS: dict[str, Operation] = {}


def request(view: View) -> View:
    """Register a view; its name is the operation's."""
    name = view.__name__.replace("_", " ")
    REQUESTS[name] = view

    def operation(world: World) -> Flow[None]:
        yield from visited(world, name, view, world.sent)

    OPERATIONS[name] = operation
    return view


def visited(
    world: World, name: str, view: View, key: str | None, *, arriving: bool = False
) -> Flow[str | None]:
    """Go through a request from its cookie to its answer; return the key that the browser has then.

    With ``arriving``, that the answer reaches the browser is a step of its own.
    """
    report = Report(name, key, began=world.steps)
    world.reports.append(report)
    request, response = world.request(key), HttpResponse()
    yield from view(world, request, report)
    yield from _closed(request, request.session, response)
    world.answered(report, request.session, response)
    report.ended = world.steps
    if arriving:
        yield Call(world, "receive", (response,))
    else:
        world.received(response)
    return report.handed_out or key


def arriving(name: str) -> Operation:
    """Return the operation whose answer travels to the browser in a step of its own."""

    def operation(world: World) -> Flow[None]:
        yield from visited(world, name, REQUESTS[name], world.sent, arriving=True)

    return operation


def _wrote(world: World, session: Driven, report: Report, key: str, value: str) -> None:
    who = world.name_of(session.get(SESSION_KEY)) or "nobody"
    session[key] = report.writes[key] = f"{who}:{value}"


@request
def save(world: World, request: Any, report: Report) -> Flow[None]:
    yield from request.session.opened()
    _wrote(world, request.session, report, "a", "saved")


@request
def save_another_key(world: World, request: Any, report: Report) -> Flow[None]:
    yield from request.session.opened()
    _wrote(world, request.session, report, "b", "saved")


@request
def save_the_same_key(world: World, request: Any, report: Report) -> Flow[None]:
    yield from request.session.opened()
    _wrote(world, request.session, report, "a", "saved by the other")


@request
def read_then_later_write(world: World, request: Any, report: Report) -> Flow[None]:
    yield from request.session.opened()
    yield Call(world.clock, "advance", (SECOND,))
    _wrote(world, request.session, report, "late", "saved")


@request
def drop(world: World, request: Any, report: Report) -> Flow[None]:
    yield from request.session.opened()
    request.session.pop("room", None)
    report.writes["room"] = None


@request
def modify(world: World, request: Any, report: Report) -> Flow[None]:
    yield from request.session.modified_by("count", lambda count: count + 1, 0)
    report.adds = 1
    # Written at once, if there is something stored to write to. Otherwise it goes with the closing.
    record = request.session.record
    report.effective = record is not None and request.session.standing.name == "LIVE"


@request
def touch(world: World, request: Any, report: Report) -> Flow[None]:
    yield from request.session.opened()


@request
def ask_for_the_user(world: World, request: Any, report: Report) -> Flow[None]:
    user = yield from user_of(request.session)
    if user is not None:
        _wrote(world, request.session, report, "page", "seen")


def _signed_in(world: World, request: Any, report: Report, user: Any) -> Flow[None]:
    """``django.contrib.auth.login()``, step by step."""
    session = request.session
    values = yield from session.opened()
    if SESSION_KEY in values:
        known = values.get(HASH_SESSION_KEY, "")
        if values[SESSION_KEY] != str(user.pk) or known != user.get_session_auth_hash():
            yield from session.flushed()
    else:
        yield from session.cycled()
    world.sign(session, user)
    report.signed_in = world.name(user)


@request
def login(world: World, request: Any, report: Report) -> Flow[None]:
    """A first sign-in, or another one of the same user, according to the session it meets."""
    yield from _signed_in(world, request, report, world.anna)
    _wrote(world, request.session, report, "welcome", "back")


@request
def login_of_somebody_else(world: World, request: Any, report: Report) -> Flow[None]:
    yield from _signed_in(world, request, report, world.bob)
    _wrote(world, request.session, report, "welcome", "back")


@request
def logout(world: World, request: Any, report: Report) -> Flow[None]:
    """``django.contrib.auth.logout()``, which looks for the user first."""
    yield from user_of(request.session)
    report.signs_out = True
    yield from request.session.flushed()
    # Whoever signs out where somebody is signed in is signed out, whatever becomes of the key meanwhile.
    report.effective = world.signed_in


@request
def change_password(world: World, request: Any, report: Report) -> Flow[None]:
    """A password change view: ``user.save()``, then ``update_session_auth_hash()``."""
    user = yield from user_of(request.session)
    if user is None:
        return  # off to the login page
    yield Call(world.people, "set_password", (user, "new"))
    report.effective = True
    yield from request.session.cycled()
    request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()


def count(world: World) -> Flow[None]:
    """The step of modify() alone, so that three of them meet in a number of orders that can be tried."""
    report = Report("count", world.sent, adds=1, began=world.steps)
    world.reports.append(report)
    session = world.session(world.sent)
    yield from session.modified_by("count", lambda count: count + 1, 0)
    report.effective = session.standing.name == "LIVE"
    report.ended = world.steps


def login_then_save(world: World) -> Flow[None]:
    """A sign-in, and the browser's next request with the key that it got."""
    key = yield from visited(world, "login", login, world.sent)
    yield from visited(world, "save another key", save_another_key, key)


def end_all(world: World) -> Flow[None]:
    """What ``sessions.end_all()`` asks of the storage, from somewhere else."""
    report = _elsewhere(world, "end all")
    yield Call(world.storage, "remove_of_user", (str(world.anna.pk),))
    report.effective = True
    report.ended = world.steps


def expire_then_purge(world: World) -> Flow[None]:
    """Two weeks pass, and the nightly clean-up runs."""
    report = _elsewhere(world, "expire then purge")
    report.effective = True
    yield Call(world.clock, "advance", (IDLE + SECOND,))
    yield Call(world.storage, "purge", (world.clock.now(), 1_000_000))
    report.ended = world.steps


PAIRED = (*OPERATIONS, "login then save", "end all", "expire then purge")


def _elsewhere(world: World, name: str) -> Report:
    report = Report(name, None, began=world.steps)
    world.reports.append(report)
    return report


OPERATIONS["login then save"] = login_then_save
OPERATIONS["end all"] = end_all
OPERATIONS["expire then purge"] = expire_then_purge
OPERATIONS["count"] = count

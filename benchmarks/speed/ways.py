"""What each subject calls the sessions of a user: list them, end all but this one.

Imported once Django is set up, in the process of one subject, so that nobody else's code is loaded.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from django.apps import apps
from django.http import HttpRequest

Way = Callable[[HttpRequest], Any]


class Ways(NamedTuple):
    """How one subject does it; ``None`` if it cannot."""

    list: Way | None = None
    end_others: Way | None = None
    signed_in: Way | None = None
    """What else a sign-in takes."""


def _frontdesk() -> Ways:
    sessions = import_module("frontdesk.sessions")
    return Ways(lambda request: sessions.for_user(request.user), sessions.end_others)


def _qsessions() -> Ways:
    def others(request: HttpRequest) -> None:
        key = request.session.session_key
        request.user.session_set.exclude(session_key=key).delete()

    return Ways(lambda request: list(request.user.session_set.order_by("-updated_at")), others)


def _allauth() -> Ways:
    manager = import_module("allauth.usersessions.models").UserSession.objects
    flows = import_module("allauth.usersessions.internal.flows.sessions")
    signals = import_module("allauth.account.signals")

    def signed_in(request: HttpRequest) -> None:
        # Its own views for signing in send this; whoever calls Django's login() has to.
        signals.user_logged_in.send(sender=type(request.user), request=request, user=request.user)

    return Ways(
        lambda request: manager.purge_and_list(request.user),
        lambda request: flows.end_other_sessions(request, request.user),
        signed_in,
    )


KNOWN = {
    "frontdesk": _frontdesk,
    "qsessions": _qsessions,
    "allauth.usersessions": _allauth,
}


def ways() -> Ways:
    """Return the ways of the subject whose process this is."""
    return next((make() for app, make in KNOWN.items() if apps.is_installed(app)), Ways())

"""What a sign-in does beside Django's ``login()``, the same for pages and programs."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest

from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.errors import SessionLimitReached

Result = TypeVar("Result")


def sign_in(
    request: HttpRequest, login: Callable[[], Result], *, make_room: bool, remember: bool
) -> Result:
    """Sign in by ``login()``, and return what it returns.

    With ``make_room``, a user with too many sessions loses the least recently used one. Otherwise
    :exc:`~frontdesk.errors.SessionLimitReached` is raised. ``remember`` only counts with
    ``FRONTDESK["REMEMBER_ME"]``.
    """
    try:
        result = login()
    except SessionLimitReached as refusal:
        if not make_room:
            raise
        refusal.make_room()
        result = login()
    if options().remember_me:
        _remember(request.session, remember)
    return result


def _remember(session: Any, remember: bool) -> None:
    """Keep the session until the absolute timeout, or only until the browser is closed."""
    absolute = options().absolute_timeout
    if not remember:
        session.set_expiry(0)
    elif absolute is None:
        session.set_expiry(None)  # the idle timeout alone
    else:
        session.set_expiry(absolute // clock.SECOND)

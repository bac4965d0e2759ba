"""The request that this thread or task is serving."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from weakref import ref

from django.http import HttpRequest

# A weak reference, because tasks that outlive the request have a copy of its context.
_current: ContextVar["ref[HttpRequest] | None"] = ContextVar("frontdesk_request", default=None)


def current_request() -> HttpRequest | None:
    """Return the request that is being served; ``None`` in a script, and after the response.

    For receivers of signals that Django sends without the request.
    """
    known = _current.get()
    return None if known is None else known()


@contextmanager
def serving(request: HttpRequest) -> Iterator[None]:
    """Make ``request`` the current one inside the ``with`` block."""
    token = _current.set(ref(request))
    try:
        yield
    finally:
        _current.reset(token)

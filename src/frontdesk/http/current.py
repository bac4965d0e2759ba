"""The request that this thread or task is serving."""

from contextvars import ContextVar
from weakref import ref

from django.http import HttpRequest

# A weak reference, because tasks that outlive the request have a copy of its context.
serving: ContextVar["ref[HttpRequest] | None"] = ContextVar("frontdesk_request", default=None)
"""Set by the middleware until the response is ready."""


def current_request() -> HttpRequest | None:
    """Return the request that is being served; ``None`` in a script, and after the response.

    For receivers of signals that Django sends without the request.
    """
    known = serving.get()
    return None if known is None else known()

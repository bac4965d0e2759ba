"""The exceptions of frontdesk.

::

    FrontdeskError
    ├── StorageUnavailable     the storage cannot answer: a 503, and the cookie stays
    │   └── Contention         only this request could not be served: send it again
    ├── SessionLimitReached    the user has as many sessions as are allowed: a 403
    ├── ApiTokenLimitReached   the user has as many API tokens as are allowed: a 403
    ├── UndeclaredScope        an API token was to get a scope that is not in API_SCOPES
    ├── CarrierRefused         a session key in a header is not allowed here: a 403
    ├── UndecodableRecord      a stored session cannot be read; it is treated as ended
    └── InvalidSetting         a value in settings.FRONTDESK is wrong

Django's own CreateError, UpdateError and SessionInterrupted keep their meaning.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured, PermissionDenied


class FrontdeskError(Exception):
    """The base of all exceptions of frontdesk."""


class StorageUnavailable(FrontdeskError):
    """The storage cannot answer. The cause is in ``__cause__``."""


class Contention(StorageUnavailable):
    """The storage works, but concurrent requests kept this one from being served.

    For example a deadlock, a lock that was held too long, or a serialization failure inside the project's
    transaction. Nothing was changed, so the request can be sent again.
    """


class SessionLimitReached(FrontdeskError, PermissionDenied):
    """``login()`` has not signed the user in, who has ``MAX_SESSIONS_PER_USER`` sessions already.

    Django answers it with a 403. A view that catches it can ask the user and go on::

        try:
            login(request, user)
        except SessionLimitReached as refusal:
            if not confirmed:
                return ask(refusal.would_end)
            refusal.make_room()
            login(request, user)

    Call ``make_room()`` only for a user whose password has been checked.
    """

    def __init__(
        self,
        message: str,
        would_end: Sequence[Any],
        make_room: Callable[[], int],
        amake_room: Callable[[], Awaitable[int]],
    ) -> None:
        super().__init__(message)
        self.would_end = would_end
        """The sessions that ``make_room()`` ends, each a :class:`frontdesk.sessions.SessionInfo`."""
        self.make_room = make_room
        """End the least recently used sessions, so that there is room for one, and return how many."""
        self.amake_room = amake_room
        """The async twin of ``make_room``."""


class ApiTokenLimitReached(FrontdeskError, PermissionDenied):
    """The user has :data:`frontdesk.api_tokens.MAX_PER_USER` live API tokens. Django answers with a 403."""


class UndeclaredScope(FrontdeskError, ValueError):
    """An API token was to get a scope that ``FRONTDESK["API_SCOPES"]`` does not declare."""


class CarrierRefused(FrontdeskError, PermissionDenied):
    """``HEADER_CARRIER`` allows this client no session of the header carrier. Django answers with a 403."""


class UndecodableRecord(FrontdeskError):
    """Stored bytes cannot be turned back into a record or its values."""


class InvalidSetting(FrontdeskError, ImproperlyConfigured):
    """A value in ``settings.FRONTDESK`` is wrong. The message says which, and what to write."""

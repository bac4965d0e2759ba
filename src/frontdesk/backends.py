"""The authentication backend of the throttle, and what it says to views::

    AUTHENTICATION_BACKENDS = [
        "frontdesk.backends.ThrottleBackend",
        "django.contrib.auth.backends.ModelBackend",
    ]

Source: https://docs.djangoproject.com/en/stable/topics/auth/customizing/#specifying-authentication-backends
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.views.decorators.debug import sensitive_variables

from frontdesk.signin import throttle
from frontdesk.signin.names import name_in
from frontdesk.signin.throttle import retry_after

__all__ = ["ThrottleBackend", "retry_after"]


class ThrottleBackend:
    """Refuses a password before it is checked, if too many others have failed.

    It comes first in ``AUTHENTICATION_BACKENDS``, so it sees every password that is given to
    ``authenticate()``: from the pages, the admin, and other packages. It knows no user and grants no
    permission. Without ``get_user()``, Django never takes it for the backend of a session.
    """

    @sensitive_variables()
    def authenticate(self, request: Any, **credentials: Any) -> None:
        """Return ``None`` if the password may be checked. Raises ``PermissionDenied`` otherwise.

        Raises :exc:`~frontdesk.errors.StorageUnavailable` if the database cannot count.
        """
        if "password" in credentials and not throttle.admit(name_in(credentials)):
            throttle.refuse(request, name_in(credentials))
            raise PermissionDenied

    @sensitive_variables()
    async def aauthenticate(self, request: Any, **credentials: Any) -> None:
        """See :meth:`authenticate`."""
        if "password" in credentials and not await throttle.aadmit(name_in(credentials)):
            await throttle.arefuse(request, name_in(credentials))
            raise PermissionDenied

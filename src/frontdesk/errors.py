"""The exceptions of frontdesk.

FrontdeskError
├── StorageUnavailable     the storage cannot answer; the user keeps the cookie and gets a 503
│   └── Contention         only this request could not be served; sending it again is safe
├── SessionLimitReached    the user has as many sessions as are allowed (a PermissionDenied)
├── UndecodableRecord      a stored session cannot be read; it is treated as ended, and logged
└── InvalidSetting         a value in settings.FRONTDESK is wrong (an ImproperlyConfigured)

Django's own CreateError, UpdateError and SessionInterrupted keep their meaning.
"""

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
    """A sign-in was refused because of ``MAX_SESSIONS_PER_USER``.

    Django answers it with a 403. The sign-in page shows it in the form.
    """


class UndecodableRecord(FrontdeskError):
    """Stored bytes cannot be turned back into a record or its values."""


class InvalidSetting(FrontdeskError, ImproperlyConfigured):
    """A value in ``settings.FRONTDESK`` is wrong. The message says which, and what to write."""

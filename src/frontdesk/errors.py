"""Everything that frontdesk raises of its own.

FrontdeskError
├── StorageUnavailable     the storage cannot answer now; the visitor keeps the cookie, gets a 503
├── Conflict               a conditional update met a newer version; read again and retry
├── Contention             others were faster each of many times, so that a change could not be made
├── SessionLimitReached    the user has as many sessions as are allowed (a PermissionDenied)
├── UndecodableRecord      what is stored under a digest cannot be read; treated as ended, and logged
└── InvalidSetting         a value in settings.FRONTDESK is wrong (an ImproperlyConfigured)

Django's own CreateError, UpdateError and SessionInterrupted keep their meaning and their place.
"""

from django.core.exceptions import ImproperlyConfigured, PermissionDenied


class FrontdeskError(Exception):
    """The root of the tree above."""


class StorageUnavailable(FrontdeskError):
    """The storage cannot answer now. The cause is chained as ``__cause__``."""

    partial = False
    """Whether others may well be answered, as one of several servers is away, or one row is locked. Then
    nobody else is kept from asking."""


class Conflict(FrontdeskError):
    """The record is not at the version that the change was made for."""


class Contention(FrontdeskError):
    """Others changed the session each time that ``modify()`` or a storage tried to."""


class SessionLimitReached(FrontdeskError, PermissionDenied):
    """A sign-in was refused, as the user has as many sessions as ``MAX_SESSIONS_PER_USER`` allows.

    Django answers it with a 403; frontdesk's sign-in page says it in the form.
    """


class UndecodableRecord(FrontdeskError):
    """What is stored cannot be turned back into a record."""


class InvalidSetting(FrontdeskError, ImproperlyConfigured):
    """A value in ``settings.FRONTDESK`` is wrong; the message says which and what to write."""

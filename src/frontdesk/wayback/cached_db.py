"""Django's ``cached_db`` engine on the way back; see :mod:`frontdesk.wayback`."""

from django.contrib.sessions.backends import cached_db

from frontdesk.wayback.returning import Returning


class SessionStore(Returning, cached_db.SessionStore):
    """Finds what frontdesk has kept."""

"""Django's ``cache`` engine on the way back; see :mod:`frontdesk.wayback`."""

from django.contrib.sessions.backends import cache

from frontdesk.wayback.returning import Returning


class SessionStore(Returning, cache.SessionStore):
    """Finds what frontdesk has kept."""

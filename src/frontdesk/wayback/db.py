"""Django's ``db`` engine on the way back; see :mod:`frontdesk.wayback`."""

from django.contrib.sessions.backends import db

from frontdesk.wayback.returning import Returning


class SessionStore(Returning, db.SessionStore):
    """Finds what frontdesk has kept."""

"""Django's ``db`` engine on the way back."""

from django.contrib.sessions.backends import db

from frontdesk.migrate.to_django import WayBack


class SessionStore(WayBack, db.SessionStore):
    """See :class:`~frontdesk.migrate.to_django.WayBack`."""

"""Django's ``cached_db`` engine on the way back."""

from django.contrib.sessions.backends import cached_db

from frontdesk.migrate.to_django import WayBack


class SessionStore(WayBack, cached_db.SessionStore):
    """See :class:`~frontdesk.migrate.to_django.WayBack`."""

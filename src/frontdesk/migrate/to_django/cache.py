"""Django's ``cache`` engine on the way back."""

from django.contrib.sessions.backends import cache

from frontdesk.migrate.to_django import WayBack


class SessionStore(WayBack, cache.SessionStore):
    """See :class:`~frontdesk.migrate.to_django.WayBack`."""

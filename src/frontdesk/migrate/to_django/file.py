"""Django's ``file`` engine on the way back."""

from django.contrib.sessions.backends import file

from frontdesk.migrate.to_django import WayBack


class SessionStore(WayBack, file.SessionStore):
    """See :class:`~frontdesk.migrate.to_django.WayBack`."""

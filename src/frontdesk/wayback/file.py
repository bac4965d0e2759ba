"""Django's ``file`` engine on the way back; see :mod:`frontdesk.wayback`."""

from typing import Any

from django.contrib.sessions.backends import file

from frontdesk.drive import hop
from frontdesk.wayback.returning import Returning


class SessionStore(Returning, file.SessionStore):
    """Finds what frontdesk has kept.

    Django's engine calls its own plain methods from the event loop. Here they may ask a storage, so they
    run in a thread.
    """

    async def aload(self) -> dict[str, Any]:
        return await hop(self.load)

    async def adelete(self, session_key: str | None = None) -> None:
        await hop(self.delete, session_key)

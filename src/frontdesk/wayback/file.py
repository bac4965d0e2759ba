"""Django's ``file`` engine on the way back; see :mod:`frontdesk.wayback`."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import file

from frontdesk.wayback.returning import Returning


class SessionStore(Returning, file.SessionStore):
    """Finds what frontdesk has kept.

    Django's engine calls its own plain methods from the event loop. Here they may ask a storage, so they
    run in a thread.
    """

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)

"""A project's engine, which extends ``save()`` and its twin as Django's documentation shows."""

from typing import Any

from frontdesk.engine import SessionStore as FrontdeskStore

saved: list[str] = []


class SessionStore(FrontdeskStore):
    def save(self, must_create: bool = False) -> None:
        saved.append("save")
        super().save(must_create)

    async def asave(self, must_create: bool = False) -> Any:
        saved.append("asave")
        return await super().asave(must_create)

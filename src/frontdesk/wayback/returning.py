"""What the four engines add to Django's, in both colours."""

from typing import Any, cast

from django.contrib.sessions.backends.base import SessionBase

from frontdesk.drive import Flow, arun, run
from frontdesk.moving.departure import ended_everywhere, returned
from frontdesk.moving.places import place_at
from frontdesk.moving.stock import StockPlace
from frontdesk.storages import get_storage
from frontdesk.tokens import digest_of


class Returning(SessionBase):
    """Stands before an engine of Django's, or of the project's, and looks further where that finds nothing.

    ``class SessionStore(Returning, db.SessionStore)``. A storage that cannot answer raises
    :exc:`~frontdesk.errors.StorageUnavailable`, as nobody is to be signed out by that.
    """

    stock_engine: type[SessionBase]
    """The engine that this one stands before."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.stock_engine = next(
            kind
            for kind in cls.__mro__
            if issubclass(kind, SessionBase) and not issubclass(kind, Returning)
        )

    def load(self) -> dict[str, Any]:
        key = self.session_key
        found: dict[str, Any] = super().load()
        return run(self._returned(key)) if self._is_missing(key, found) else found

    async def aload(self) -> dict[str, Any]:
        key = self.session_key
        found: dict[str, Any] = await super().aload()
        return await arun(self._returned(key)) if self._is_missing(key, found) else found

    def delete(self, session_key: str | None = None) -> None:
        run(self._ended(session_key))
        super().delete(session_key)

    async def adelete(self, session_key: str | None = None) -> None:
        await arun(self._ended(session_key))
        await super().adelete(session_key)

    def _is_missing(self, key: str | None, found: dict[str, Any]) -> bool:
        # An engine that finds nothing forgets the key.
        return not found and self.session_key is None and digest_of(key) is not None

    def _returned(self, key: str | None) -> Flow[dict[str, Any]]:
        digest = digest_of(key)
        if key is None or digest is None:
            return {}
        self._session_key = key  # or the middleware would clear the cookie if the storage is down
        session = yield from returned(self._place, get_storage(), key, digest, self.serializer())
        if session is None:
            self._session_key = None
            return {}
        return session.values

    def _ended(self, session_key: str | None) -> Flow[None]:
        digest = digest_of(self.session_key if session_key is None else session_key)
        if digest is not None:
            yield from ended_everywhere(self._place, get_storage(), digest)

    @property
    def _place(self) -> StockPlace:
        return cast(StockPlace, place_at(self.stock_engine))

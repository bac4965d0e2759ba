"""Django's ``db`` and ``cached_db`` engines: rows of ``django_session``, or of a project's own model.

Where a cache stands before the table, the table is asked: every save writes it first.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, InterfaceError, models, router, transaction
from django.utils import timezone

from frontdesk import clock
from frontdesk.errors import StorageUnavailable, UndecodableRecord
from frontdesk.moving.stock import Entry, StockPlace, StockSession

FETCHED = 500
"""Rows that are in memory at once while all sessions are gone through."""


class Rows(StockPlace):
    """Sessions in the table of an engine that descends from Django's ``db``."""

    transactional = True

    def read(self, key: str) -> StockSession | None:
        with _available():
            row = self._rows.filter(session_key=key, expire_date__gt=timezone.now()).first()
        return None if row is None else self._session(row)

    def insert(self, key: str, session: StockSession) -> bool:
        store = self.engine(key)
        store._session_cache = session.values
        row = store.create_model_instance(session.values)
        row.expire_date = _date(session.expires)
        with _available():
            try:
                with transaction.atomic(using=self._alias):
                    row.save(force_insert=True, using=self._alias)
            except IntegrityError:
                return False
        return True

    def remove(self, key: str) -> bool:
        with _available():
            removed, _ = self._rows.filter(session_key=key).delete()
            if self.engine.delete is not SessionStore.delete:
                self.engine(key).delete(key)  # what else it keeps: the copy in the cache
        return removed > 0

    def entries(self) -> Iterator[Entry]:
        last = ""
        while True:
            with _available():
                following = self._rows.filter(session_key__gt=last).order_by("session_key")
                rows = list(following[:FETCHED])
            for row in rows:
                try:
                    expired = row.expire_date <= timezone.now()
                    yield row.session_key, None if expired else self._session(row)
                except UndecodableRecord as error:
                    yield row.session_key, error
            if not rows:
                return
            last = rows[-1].session_key

    def total(self) -> int:
        with _available():
            return self._rows.count()

    def after_commit(self, function: Callable[[], None]) -> None:
        transaction.on_commit(function, using=self._alias)

    def prove(self) -> None:
        super().prove()
        try:
            self._model  # noqa: B018 (imports it)
        except (ImportError, RuntimeError) as error:  # its app is not installed
            raise ImproperlyConfigured(str(error)) from error

    def _session(self, row: Any) -> StockSession:
        values = self._decoded(row.session_key, row.session_data)
        return StockSession(values, clock.from_datetime(row.expire_date))

    @property
    def _model(self) -> type[models.Model]:
        return self.engine.get_model_class()  # type: ignore[no-any-return]

    @property
    def _alias(self) -> str:
        return router.db_for_write(self._model)

    @property
    def _rows(self) -> models.QuerySet[Any]:
        # Reads too go where writes go: a replica may still show a session that has ended.
        return self._model._base_manager.using(self._alias)


def _date(instant: int) -> Any:
    moment = clock.to_datetime(instant)
    return moment if settings.USE_TZ else timezone.make_naive(moment)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise StorageUnavailable(f"the database of Django's sessions: {error}") from error

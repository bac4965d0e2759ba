"""A user by primary key, as ``ModelBackend.get_user`` finds one, without compiling that query each time.

For storages that cannot read the user along with the session.
"""

from typing import Any

from asgiref.sync import sync_to_async
from django.core.signals import setting_changed
from django.db import connections, router

from frontdesk.instances import Instances
from frontdesk.storages.one_row import OneRow
from frontdesk.user_ids import user_model


class _Lookup:
    """Finds users in one database. ``pk`` is any key: the statement is compiled with it."""

    def __init__(self, alias: str, pk: Any) -> None:
        self._alias = alias
        self._model: Any = user_model()
        self._row = OneRow(self._model._default_manager.using(alias).filter(pk=pk).order_by())
        self._instances = Instances(self._model, alias, list(self._row.places))

    def find(self, pk: Any) -> Any:
        connection = connections[self._alias]
        row = self._row.fetch(connection, self._model._meta.pk.get_db_prep_value(pk, connection))
        return None if row is None else self._instances.make(row)


_lookups: dict[str, _Lookup] = {}


class UserByKey:
    """``find`` and its twin; see :mod:`frontdesk.drive`."""

    def find(self, pk: Any) -> Any:
        """Return the user of this primary key, ``None`` if there is none; one query."""
        alias = router.db_for_read(user_model())
        if not _can_be(pk, alias):
            return None
        lookup = _lookups.get(alias)
        if lookup is None:
            lookup = _lookups[alias] = _Lookup(alias, pk)
        return lookup.find(pk)

    async def afind(self, pk: Any) -> Any:
        """See :meth:`find`."""
        return await sync_to_async(self.find)(pk)


def _can_be(pk: Any, alias: str) -> bool:
    """Whether the database could keep such a key; the ORM asks nothing for one that is too large."""
    if not isinstance(pk, int):
        return True
    kind = user_model()._meta.pk.get_internal_type()
    ops = connections[alias].ops
    low, high = ops.integer_field_range(kind) if kind in ops.integer_field_ranges else (None, None)
    return (low is None or low <= pk) and (high is None or pk <= high)


user_by_key = UserByKey()


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"AUTH_USER_MODEL", "DATABASES", "DATABASE_ROUTERS"}:
        _lookups.clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.lookup")

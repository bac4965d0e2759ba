"""A user by primary key, as ``ModelBackend.get_user`` finds one, without compiling that query each time.

For storages that cannot read the user along with the session.
"""

from typing import Any

from django.core.signals import setting_changed
from django.db import connections, router

from frontdesk.drive import hop
from frontdesk.instances import Instances
from frontdesk.storages.one_row import OneRow
from frontdesk.user_ids import user_model


class _Lookup:
    """Finds users in one database. ``pk`` is any key that a query could ask for."""

    def __init__(self, alias: str, pk: Any) -> None:
        self._alias = alias
        self._model: Any = user_model()
        users = self._model._default_manager.using(alias)
        self._row = OneRow(users.filter(pk=1 if isinstance(pk, int) else pk).order_by())
        self._instances = Instances(self._model, alias, list(self._row.places))
        self._prepared = self._model._meta.pk.get_db_prep_value
        ops, kind = connections[alias].ops, self._model._meta.pk.get_internal_type()
        known = kind in ops.integer_field_ranges
        low, high = ops.integer_field_range(kind) if known else (None, None)
        self._low, self._high = low, high

    def find(self, pk: Any) -> Any:
        if isinstance(pk, int) and not self._could_be_kept(pk):
            return None
        connection = connections[self._alias]
        row = self._row.fetch(connection, self._prepared(pk, connection))
        return None if row is None else self._instances.make(row)

    def _could_be_kept(self, pk: int) -> bool:
        """Whether the database could keep such a key; the ORM asks nothing for one that is too large."""
        return (self._low is None or self._low <= pk) and (self._high is None or pk <= self._high)


_lookups: dict[str, _Lookup] = {}


class UserByKey:
    """``find`` and its twin; see :mod:`frontdesk.drive`."""

    def find(self, pk: Any) -> Any:
        """Return the user of this primary key, ``None`` if there is none; one query."""
        alias = router.db_for_read(user_model())
        lookup = _lookups.get(alias)
        if lookup is None:
            lookup = _lookups[alias] = _Lookup(alias, pk)
        return lookup.find(pk)

    async def afind(self, pk: Any) -> Any:
        """See :meth:`find`."""
        return await hop(self.find, pk)


user_by_key = UserByKey()


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"AUTH_USER_MODEL", "DATABASES", "DATABASE_ROUTERS"}:
        _lookups.clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.lookup")

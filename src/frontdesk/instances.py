"""Instances of a model from rows, as ``Model.from_db`` makes them, but for what it does for others.

It is done only as long as nobody takes part in the making: no method of the model's own, no descriptor of a
field, no receiver of a signal. And it is tried out: what comes out has to be what ``from_db`` gives.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Model
from django.db.models.base import ModelState
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init

from frontdesk.origin import is_djangos

MAKING = ("__new__", "__init__", "__setattr__", "from_db")
"""The methods by which a model could take part."""

_init: Any = Model.__init__ if is_djangos(Model.__init__) else None


class Instances:
    """Makes instances of ``model`` of values from the database ``alias``, which are those of the attributes
    ``names``."""

    def __init__(self, model: Any, alias: str, names: Sequence[str]) -> None:
        self._model = model
        self._alias = alias
        self._names = list(names)
        self.make: Callable[[Sequence[Any]], Any] = (
            self._tried if self._is_plain() else self._ordinary
        )
        """Returns the instance that has these values, one for each name."""

    def _ordinary(self, values: Sequence[Any]) -> Any:
        return self._model.from_db(self._alias, self._names, values)

    def _quick(self, values: Sequence[Any]) -> Any:
        if pre_init.receivers or post_init.receivers or self._model.__init__ is not _init:
            return self._ordinary(values)
        instance = self._model.__new__(self._model)
        instance._state = state = ModelState()
        instance.__dict__.update(zip(self._names, values, strict=True))
        state.adding = False
        state.db = self._alias
        return instance

    def _tried(self, values: Sequence[Any]) -> Any:
        """Decide at the first row how it is done from then on."""
        ordinary = self._ordinary(values)
        same = _held(self._quick(values)) == _held(ordinary)
        self.make = self._quick if same else self._ordinary
        return ordinary

    def _is_plain(self) -> bool:
        fields = {field.attname: field for field in self._model._meta.concrete_fields}
        after = self._model.__mro__[self._model.__mro__.index(Model) + 1 : -1]
        return (
            all(_function(self._model, name) is _function(Model, name) for name in MAKING)
            and type(self._model).__call__ is type.__call__
            and not any("__init__" in vars(kind) for kind in after)
            and list(fields) == self._names
            and all(type(getattr(self._model, name)) is DeferredAttribute for name in fields)
        )


def _function(kind: Any, name: str) -> Any:
    method = getattr(kind, name)
    return getattr(method, "__func__", method)


def _held(instance: Any) -> dict[str, Any]:
    return {**vars(instance), "_state": dict(vars(instance._state))}

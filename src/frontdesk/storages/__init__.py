"""Where sessions live: the contract is in :mod:`frontdesk.storages.base`, a storage a module beside it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.apps import apps
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from frontdesk import conf
from frontdesk.errors import InvalidSetting
from frontdesk.storages.base import Storage
from frontdesk.storages.moving import MovingStorage


@cache
def get_storage() -> Storage:
    """Return the process's storage, as ``FRONTDESK["STORAGE"]`` describes it.

    While sessions move from another storage, it stands before both of them. Raises
    :exc:`~frontdesk.errors.InvalidSetting` when it cannot be made.
    """
    if not apps.is_installed("frontdesk"):
        raise InvalidSetting('SESSION_ENGINE is frontdesk\'s; add "frontdesk" to INSTALLED_APPS.')
    options = conf.options()
    storage = _made("STORAGE", options.storage_backend, options.storage_options)
    origin = options.migrate_from
    if origin is None or isinstance(origin, str):
        return storage
    old = _made("MIGRATE_FROM", origin["BACKEND"], origin.get("OPTIONS", {}))
    return MovingStorage(storage, old)


def _made(name: str, path: str, options: Mapping[str, Any]) -> Storage:
    try:
        storage = import_string(path)(**options)
    except ImportError as error:
        raise InvalidSetting(
            f"FRONTDESK[{name!r}]['BACKEND'] is {path!r}, which cannot be imported: {error}."
        ) from error
    except TypeError as error:
        raise InvalidSetting(
            f"FRONTDESK[{name!r}]['OPTIONS'] does not fit {path}: {error}."
        ) from error
    if not isinstance(storage, Storage):
        raise InvalidSetting(f"{path} is not a subclass of frontdesk.storages.base.Storage.")
    return storage


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"FRONTDESK", "CACHES", "DATABASES", "DATABASE_ROUTERS", "AUTH_USER_MODEL"}:
        get_storage.cache_clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.storages")

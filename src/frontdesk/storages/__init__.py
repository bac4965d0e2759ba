"""Where sessions live: the contract is in :mod:`frontdesk.storages.base`, a storage a module beside it."""

from functools import cache
from typing import Any

from django.apps import apps
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from frontdesk import conf
from frontdesk.errors import InvalidSetting
from frontdesk.storages.base import Storage


@cache
def get_storage() -> Storage:
    """Return the process's storage, as ``FRONTDESK["STORAGE"]`` describes it.

    Raises :exc:`~frontdesk.errors.InvalidSetting` when it cannot be made.
    """
    if not apps.is_installed("frontdesk"):
        raise InvalidSetting('SESSION_ENGINE is frontdesk\'s; add "frontdesk" to INSTALLED_APPS.')
    options = conf.options()
    path = options.storage_backend
    try:
        storage = import_string(path)(**options.storage_options)
    except ImportError as error:
        raise InvalidSetting(
            f"FRONTDESK['STORAGE']['BACKEND'] is {path!r}, which cannot be imported: {error}."
        ) from error
    except TypeError as error:
        raise InvalidSetting(
            f"FRONTDESK['STORAGE']['OPTIONS'] does not fit {path}: {error}."
        ) from error
    if not isinstance(storage, Storage):
        raise InvalidSetting(f"{path} is not a subclass of frontdesk.storages.base.Storage.")
    return storage


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"FRONTDESK", "CACHES", "DATABASES", "DATABASE_ROUTERS", "AUTH_USER_MODEL"}:
        get_storage.cache_clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.storages")

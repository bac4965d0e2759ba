"""Where sessions live. The contract is :class:`frontdesk.storages.base.Storage`."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from frontdesk import conf
from frontdesk.core import clock
from frontdesk.errors import InvalidSetting
from frontdesk.storages.base import Storage
from frontdesk.storages.moving import MovingStorage


@cache
def get_storage() -> Storage:
    """Return the storage that ``FRONTDESK["STORAGE"]`` describes.

    While sessions move from another storage, it is one that reads from both. Raises
    :exc:`~frontdesk.errors.InvalidSetting` if it cannot be made.
    """
    if not apps.is_installed("frontdesk"):
        raise InvalidSetting(
            'Add "frontdesk" to INSTALLED_APPS. SESSION_ENGINE is "frontdesk.engine".'
        )
    options = conf.options()
    storage = _made("STORAGE", options.storage)
    if isinstance(options.migrate_from, str):
        storage.linger = max(options.idle_timeout, settings.SESSION_COOKIE_AGE * clock.SECOND)
    if options.migrate_from is None or isinstance(options.migrate_from, str):
        return storage
    return MovingStorage(storage, _made("MIGRATE_FROM", options.migrate_from))


def _made(setting: str, spec: Mapping[str, Any]) -> Storage:
    path = spec["BACKEND"]
    try:
        kind = import_string(path)
    except ImportError as error:
        raise InvalidSetting(f"FRONTDESK[{setting!r}]['BACKEND'] is {path!r}: {error}.") from error
    if not (isinstance(kind, type) and issubclass(kind, Storage)):
        raise InvalidSetting(
            f"FRONTDESK[{setting!r}]['BACKEND'] is {path!r}, which is not a storage. Name a subclass of "
            "frontdesk.storages.base.Storage."
        )
    try:
        return kind(**spec.get("OPTIONS", {}))
    except TypeError as error:
        raise InvalidSetting(
            f"FRONTDESK[{setting!r}]['OPTIONS'] does not fit {path}. {error}"
        ) from error


def _forget(*, setting: str, **_: Any) -> None:
    named = {
        "FRONTDESK",
        "INSTALLED_APPS",
        "CACHES",
        "DATABASES",
        "DATABASE_ROUTERS",
        "AUTH_USER_MODEL",
    }
    if setting in named:
        get_storage.cache_clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.storages")

"""Where sessions live, and where they lived before."""

from collections.abc import Collection, Mapping
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.utils import timezone

from frontdesk import conf
from frontdesk.checks.engine import engine_is
from frontdesk.engine import SessionStore
from frontdesk.errors import InvalidSetting
from frontdesk.migrate.from_django import origin
from frontdesk.models import Session
from frontdesk.storages import get_storage


@register()
def check_storage(**_: Any) -> list[CheckMessage]:
    """E009: the storage cannot be made. And what the storage itself has to say."""
    if conf.problems():
        return []
    try:
        return get_storage().check()
    except InvalidSetting as error:
        return [Error(str(error), id="frontdesk.E009")]


@register(Tags.security, deploy=True)
def check_deployed_storage(**_: Any) -> list[CheckMessage]:
    """What the storage has to say about a server, such as W010: its processes share nothing."""
    try:
        return [] if conf.problems() else get_storage().check_deployed()
    except InvalidSetting:
        return []


@register()
def check_migrate_from(**_: Any) -> list[CheckMessage]:
    """E020: sessions cannot be moved from where ``MIGRATE_FROM`` says."""
    if conf.problems():
        return []
    options = conf.options()
    try:
        old = origin()
        if old is not None:
            old.engine()  # reads the engine's own settings
    except ImproperlyConfigured as error:
        return [Error(str(error), id="frontdesk.E020")]
    if isinstance(options.migrate_from, Mapping) and _same(options.migrate_from, options.storage):
        return [
            Error(
                "FRONTDESK['MIGRATE_FROM'] is the storage where sessions live now.",
                hint="Name the one where they lived before, or remove the setting.",
                id="frontdesk.E020",
            )
        ]
    return []


@register(Tags.database)
def check_live_sessions(databases: Collection[str] | None = None, **_: Any) -> list[CheckMessage]:
    """W024: the site is about to switch, and the switch would sign its users out.

    ``migrate`` asks, before it makes frontdesk's tables. Once they are there, the switch has been made.
    """
    if conf.problems() or conf.options().migrate_from:
        return []
    if not engine_is(SessionStore) or not apps.is_installed("django.contrib.sessions"):
        return []
    old: Any = apps.get_model("sessions", "Session")
    alias = router.db_for_read(old)
    if alias not in (databases or ()):
        return []
    tables = connections[alias].introspection.table_names()
    if old._meta.db_table not in tables or Session._meta.db_table in tables:
        return []
    if not old._default_manager.using(alias).filter(expire_date__gt=timezone.now()).exists():
        return []
    return [
        checks.Warning(
            "Users are signed in with Django's session engine, and FRONTDESK['MIGRATE_FROM'] is not set. The "
            "switch signs them out, and clears their cookies.",
            hint="Name the engine that the site has used, such as MIGRATE_FROM = "
            "'django.contrib.sessions.backends.db', before the site runs with frontdesk.",
            id="frontdesk.W024",
        )
    ]


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (one["BACKEND"], one.get("OPTIONS", {})) == (other["BACKEND"], other.get("OPTIONS", {}))

"""What ``manage.py check`` says about this middleware, this engine, this storage and this cookie.

Django's own checks look for Django's dotted paths, so they fall silent when these replace them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware as DjangoAuthentication
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSession
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from frontdesk import conf, places
from frontdesk.engine import SessionStore
from frontdesk.errors import InvalidSetting
from frontdesk.middleware import AuthenticationMiddleware, SessionMiddleware
from frontdesk.moving.places import old_place
from frontdesk.storages import get_storage
from frontdesk.storages.base import Storage

SESSION = "frontdesk.middleware.SessionMiddleware"
AUTHENTICATION = "frontdesk.middleware.AuthenticationMiddleware"


@register(Tags.security)
def check_engine(**_: Any) -> list[CheckMessage]:
    """E001: the middleware without the engine. W013: the engine without the middleware."""
    ours, replaced = _is_ours(settings.SESSION_ENGINE), bool(_places(SessionMiddleware))
    if ours and not replaced and _places(DjangoSession):
        return [
            checks.Warning(
                "SESSION_ENGINE is frontdesk's, but the session middleware is Django's: a session that "
                "ends during a request is a 400, an outage is a 500, and a late answer can sign people "
                "out.",
                hint=f"Replace it in MIDDLEWARE by {SESSION!r}.",
                id="frontdesk.W013",
            )
        ]
    if ours or not replaced:
        return []
    return [
        Error(
            f"{SESSION} is in MIDDLEWARE, but SESSION_ENGINE is {settings.SESSION_ENGINE!r}.",
            hint='Set SESSION_ENGINE = "frontdesk.engine".',
            id="frontdesk.E001",
        )
    ]


@register(Tags.security)
def check_middleware(**_: Any) -> list[CheckMessage]:
    """E002: the order of the two. W003: a stock one where ours would do more."""
    sessions, users = _places(DjangoSession), _places(DjangoAuthentication)
    found: list[CheckMessage] = []
    if users and not any(place < users[0] for place in sessions):
        found.append(
            Error(
                "The authentication middleware comes before any session middleware.",
                hint=f"Put {SESSION!r} before {AUTHENTICATION!r} in MIDDLEWARE.",
                id="frontdesk.E002",
            )
        )
    if len(sessions) > 1 or len(users) > 1:
        found.append(
            Error(
                "MIDDLEWARE has two session middlewares, or two authentication middlewares.",
                hint=f"Keep {SESSION!r} and {AUTHENTICATION!r}, and remove Django's own.",
                id="frontdesk.E002",
            )
        )
    elif (
        sessions
        and users
        and bool(_places(SessionMiddleware)) != bool(_places(AuthenticationMiddleware))
    ):
        found.append(
            checks.Warning(
                "Only one of the two middlewares is frontdesk's: the session and its user take two "
                "reads instead of one.",
                hint=f"Use both {SESSION!r} and {AUTHENTICATION!r}.",
                id="frontdesk.W003",
            )
        )
    return found


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """E004: unknown keys in ``FRONTDESK``. E005: values of the wrong type. W006: the two limits."""
    found: list[CheckMessage] = [
        Error(
            f"FRONTDESK has the unknown key {key!r}.",
            hint=f"Did you mean {near!r}?" if near else f"The keys are: {', '.join(_names())}.",
            id="frontdesk.E004",
        )
        for key, near in conf.unknown()
    ]
    wrong = conf.problems()
    found += [Error(problem, id="frontdesk.E005") for problem in wrong]
    if not wrong:
        options = conf.options()
        if options.absolute_timeout is not None and options.idle_timeout > options.absolute_timeout:
            found.append(
                checks.Warning(
                    "The idle limit of sessions is longer than the absolute one, so it never applies.",
                    hint="Raise FRONTDESK['ABSOLUTE_TIMEOUT'] (None for no limit), or lower "
                    "FRONTDESK['IDLE_TIMEOUT'] (SESSION_COOKIE_AGE when not given).",
                    id="frontdesk.W006",
                )
            )
    return found


@register()
def check_storage(**_: Any) -> list[CheckMessage]:
    """E009: the storage cannot be made. And what the storage itself has to say."""
    if conf.problems():
        return []
    try:
        return get_storage().check()
    except InvalidSetting as error:
        return [Error(str(error), id="frontdesk.E009")]


@register()
def check_migrate_from(**_: Any) -> list[CheckMessage]:
    """E020: sessions cannot be moved from where ``MIGRATE_FROM`` says."""
    if conf.problems():
        return []
    options, given = conf.options(), conf.options().migrate_from
    try:
        place = old_place()
        if place is not None:
            place.prove()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="frontdesk.E020")]
    own = (options.storage_backend, options.storage_options)
    if isinstance(given, Mapping) and (given["BACKEND"], given.get("OPTIONS", {})) == own:
        return [
            Error(
                "FRONTDESK['MIGRATE_FROM'] is the storage where sessions live now.",
                hint="Name the one where they lived before, or take the line away.",
                id="frontdesk.E020",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def check_deployed_storage(**_: Any) -> list[CheckMessage]:
    """W010, W032: what the storage has to say of a server, for example that processes share nothing."""
    storage = _storage()
    return [] if storage is None else storage.check_deployed()


@register(Tags.security, deploy=True)
def check_cookie(**_: Any) -> list[CheckMessage]:
    """W007, W008: the cookie travels over plain HTTP, or can be read by scripts (ASVS 3.3.1, 3.3.4)."""
    if not _places(SessionMiddleware):
        return []
    found: list[CheckMessage] = []
    if not settings.SESSION_COOKIE_SECURE:
        found.append(
            checks.Warning(
                "The session cookie is sent over plain HTTP too, where anybody on the way can take it.",
                hint="Set SESSION_COOKIE_SECURE = True.",
                id="frontdesk.W007",
            )
        )
    if not settings.SESSION_COOKIE_HTTPONLY:
        found.append(
            checks.Warning(
                "The session cookie can be read by scripts, so a single injected one can take it.",
                hint="Set SESSION_COOKIE_HTTPONLY = True.",
                id="frontdesk.W008",
            )
        )
    return found


@register()
def check_places(**_: Any) -> list[CheckMessage]:
    """W014: the project has a database of places that cannot be used."""
    problem = places.problem()
    if not problem:
        return []
    return [
        checks.Warning(
            f"GEOIP_PATH is set, but no place can be looked up: {problem}",
            hint="Let GEOIP_PATH lead to a City or Country database (.mmdb), or remove the setting. "
            "geoip2 comes with: pip install 'django-frontdesk[places]'.",
            id="frontdesk.W014",
        )
    ]


@register()
def check_new_device_mail(**_: Any) -> list[CheckMessage]:
    """W015, W016: mails about new devices are wanted, and nothing is kept that tells a new one."""
    if conf.problems() or not conf.options().new_device_mail:
        return []
    found: list[CheckMessage] = []
    if conf.options().client_info == "off":
        found.append(
            checks.Warning(
                "No mail is sent on a sign-in from a new device: nothing is kept of browsers, so each "
                "device looks like any other.",
                hint="Set FRONTDESK['CLIENT_INFO'] to 'masked' or 'full', or turn "
                "FRONTDESK['NEW_DEVICE_MAIL'] off.",
                id="frontdesk.W015",
            )
        )
    if conf.options().history_retention is None:
        found.append(
            checks.Warning(
                "No mail is sent on a sign-in from a new device: no history is kept, so nobody knows "
                "which devices are new.",
                hint="Set FRONTDESK['HISTORY_RETENTION'], for example to timedelta(days=90), or turn "
                "FRONTDESK['NEW_DEVICE_MAIL'] off.",
                id="frontdesk.W016",
            )
        )
    return found


def _places(kind: type) -> list[int]:
    """Return where in ``MIDDLEWARE`` classes of this kind stand."""
    return [place for place, middleware in enumerate(_middleware()) if _is(middleware, kind)]


def _middleware() -> Iterator[Any]:
    for path in settings.MIDDLEWARE:
        try:
            yield import_string(path)
        except ImportError:
            yield None  # Django says so when it starts


def _is(candidate: Any, kind: type) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, kind)


def _is_ours(engine: str) -> bool:
    try:
        return _is(import_string(f"{engine}.SessionStore"), SessionStore)
    except ImportError:
        return False


def _storage() -> Storage | None:
    try:
        return get_storage()
    except InvalidSetting:
        return None


def _names() -> list[str]:
    return [setting.name for setting in conf.SETTINGS]

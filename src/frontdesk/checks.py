"""What ``manage.py check`` says about the middleware, the engine, the storage and the cookie.

Django's own checks look for the dotted paths of Django's classes, so they say nothing about these.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware as DjangoAuthentication
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSession
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.module_loading import import_string

import frontdesk
from frontdesk import conf
from frontdesk.backends import ThrottleBackend
from frontdesk.engine import SessionStore
from frontdesk.errors import InvalidSetting
from frontdesk.middleware import AuthenticationMiddleware, SessionMiddleware
from frontdesk.migrate.from_django import origin
from frontdesk.migrate.to_django import WayBack
from frontdesk.models import Session
from frontdesk.pages.auth import PasswordResetView
from frontdesk.storages import get_storage
from frontdesk.words import places

SESSION = "frontdesk.middleware.SessionMiddleware"
AUTHENTICATION = "frontdesk.middleware.AuthenticationMiddleware"
THROTTLE = "frontdesk.backends.ThrottleBackend"

UNCALLED: Final = ("load", "create", "exists", "delete")
"""What Django's sessions call on themselves, and frontdesk's do not."""

CALLED: Final = ("save", "flush", "cycle_key")


@register(Tags.security)
def check_engine(**_: Any) -> list[CheckMessage]:
    """E001: the middleware without the engine. W013: the engine without the middleware."""
    ours = _is_engine(settings.SESSION_ENGINE, SessionStore)
    middleware = bool(_positions(SessionMiddleware))
    if ours and not middleware:
        found = "Django's" if _positions(DjangoSession) else "missing"
        return [
            checks.Warning(
                f"SESSION_ENGINE is frontdesk's, but the session middleware is {found}. With Django's, "
                "a session that ends during a request is a 400, an outage is a 500, and a late response "
                "can sign users out.",
                hint=f"Put {SESSION!r} into MIDDLEWARE, in place of Django's.",
                id="frontdesk.W013",
            )
        ]
    if ours or not middleware:
        return []
    return [
        Error(
            f"{SESSION} is in MIDDLEWARE, but SESSION_ENGINE is {settings.SESSION_ENGINE!r}.",
            hint='Set SESSION_ENGINE = "frontdesk.engine".',
            id="frontdesk.E001",
        )
    ]


@register(Tags.security)
def check_own_engine(**_: Any) -> list[CheckMessage]:
    """E019, W022: a project's engine replaces a method that is not called, or not in async code."""
    if not _is_engine(settings.SESSION_ENGINE, SessionStore):
        return []
    engine = import_string(f"{settings.SESSION_ENGINE}.SessionStore")

    def replaced(name: str) -> bool:
        return getattr(engine, name) is not getattr(SessionStore, name)

    found: list[CheckMessage] = [
        Error(
            f"{settings.SESSION_ENGINE}.SessionStore replaces {name}(), which frontdesk does not call.",
            hint="Extend save() and asave(), or receive the signals session_started and session_ended.",
            id="frontdesk.E019",
        )
        for name in (*UNCALLED, *(f"a{name}" for name in UNCALLED))
        if replaced(name)
    ]
    found += [
        checks.Warning(
            f"{settings.SESSION_ENGINE}.SessionStore replaces {name}() and not its twin a{name}(), or the "
            "other way round. Sync code calls the one, async code the other.",
            hint=f"Extend both {name}() and a{name}().",
            id="frontdesk.W022",
        )
        for name in CALLED
        if replaced(name) is not replaced(f"a{name}")
    ]
    return found


@register(Tags.security)
def check_middleware(**_: Any) -> list[CheckMessage]:
    """E002: the order of the two. W003: Django's own in place of one of ours."""
    sessions, users = _positions(DjangoSession), _positions(DjangoAuthentication)
    if users and not any(position < users[0] for position in sessions):
        return [
            Error(
                "The authentication middleware comes before any session middleware.",
                hint=f"Put {SESSION!r} before {AUTHENTICATION!r} in MIDDLEWARE.",
                id="frontdesk.E002",
            )
        ]
    # A subclass with a cookie of its own may stand beside ours, as that of djangosaml2 does.
    if _has_twice(SessionMiddleware, DjangoSession) or _has_twice(
        AuthenticationMiddleware, DjangoAuthentication
    ):
        return [
            Error(
                "MIDDLEWARE has Django's session or authentication middleware beside frontdesk's.",
                hint=f"Keep {SESSION!r} and {AUTHENTICATION!r}, and remove Django's own.",
                id="frontdesk.E002",
            )
        ]
    if users and bool(_positions(SessionMiddleware)) != bool(_positions(AuthenticationMiddleware)):
        return [
            checks.Warning(
                "Only one of the session and authentication middlewares is frontdesk's. The session and "
                "its user take two reads instead of one.",
                hint=f"Use both {SESSION!r} and {AUTHENTICATION!r}.",
                id="frontdesk.W003",
            )
        ]
    return []


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """E004: unknown keys in ``FRONTDESK``. E005: wrong types. W006, W035: durations that do not fit."""
    found: list[CheckMessage] = [
        Error(
            f"FRONTDESK has the unknown key {key!r}.",
            hint=f"Did you mean {near!r}?"
            if near
            else f"The keys are: {', '.join(conf.settings())}.",
            id="frontdesk.E004",
        )
        for key, near in conf.unknown()
    ]
    wrong = conf.problems()
    found += [Error(problem, id="frontdesk.E005") for problem in wrong]
    if wrong:
        return found
    options = conf.options()
    if options.absolute_timeout is not None and options.idle_timeout > options.absolute_timeout:
        found.append(
            checks.Warning(
                "The idle timeout of sessions is longer than the absolute one, so it never applies.",
                hint="Raise FRONTDESK['ABSOLUTE_TIMEOUT'] (None for no limit), or lower "
                "FRONTDESK['IDLE_TIMEOUT'] (SESSION_COOKIE_AGE when not given).",
                id="frontdesk.W006",
            )
        )
    if options.api_token_age > options.api_token_max_age:
        found.append(
            checks.Warning(
                "API tokens last longer by default than at most, so the default never applies.",
                hint="Raise FRONTDESK['API_TOKEN_MAX_AGE'], or lower FRONTDESK['API_TOKEN_AGE'].",
                id="frontdesk.W035",
            )
        )
    return found


@register()
def check_api_user(**_: Any) -> list[CheckMessage]:
    """E034: ``API_USER`` cannot be imported."""
    path = None if conf.problems() else conf.options().api_user
    if not isinstance(path, str):
        return []
    try:
        found = import_string(path)
    except ImportError as error:
        problem = str(error)
    else:
        problem = "" if callable(found) else "it is not a function."
    if not problem:
        return []
    return [
        Error(
            f"FRONTDESK['API_USER'] is {path!r}, which cannot be used: {problem}",
            hint="Give the dotted path of a function of the user that returns a dictionary.",
            id="frontdesk.E034",
        )
    ]


@register()
def check_reset_mail(**_: Any) -> list[CheckMessage]:
    """W036: the mail of the JSON API for a new password links to a page that is not there."""
    if not _has_url("frontdesk_api:password_reset") or _has_url("password_reset_confirm", "u", "t"):
        return []
    try:
        mail: Any = get_template(PasswordResetView.email_template_name)
    except TemplateDoesNotExist:
        return []
    if Path(frontdesk.__file__).parent not in Path(mail.origin.name).parents:
        return []  # the project has its own
    return [
        checks.Warning(
            "The mail of the JSON API for a new password links to the page named "
            "password_reset_confirm, which is not in the URLs. So asking for a mail fails, and only for "
            "addresses with an account.",
            hint="Include frontdesk.urls, or write a template of your own at "
            f"{PasswordResetView.email_template_name!r}.",
            id="frontdesk.W036",
        )
    ]


def _has_url(name: str, *args: str) -> bool:
    if not getattr(settings, "ROOT_URLCONF", None):
        return False  # as in the settings of a worker
    try:
        reverse(name, args=args)
    except NoReverseMatch:
        return False
    return True


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
    ours = _is_engine(settings.SESSION_ENGINE, SessionStore)
    if not ours or not apps.is_installed("django.contrib.sessions"):
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


@register()
def check_way_back(**_: Any) -> list[CheckMessage]:
    """W018: the engine is one for the way back to Django."""
    if not _is_engine(settings.SESSION_ENGINE, WayBack):
        return []
    return [
        checks.Warning(
            "SESSION_ENGINE is on the way back to Django. Sessions cannot be listed, and only the idle "
            "timeout of Django ends them.",
            hint="Set Django's own engine once FRONTDESK['IDLE_TIMEOUT'] has passed.",
            id="frontdesk.W018",
        )
    ]


@register(Tags.security)
def check_serializer(**_: Any) -> list[CheckMessage]:
    """W017: a serializer that runs code from what it reads."""
    if "pickle" not in settings.SESSION_SERIALIZER.lower():
        return []
    return [
        checks.Warning(
            f"SESSION_SERIALIZER is {settings.SESSION_SERIALIZER!r}. Values of a session are not signed, "
            "so an attacker who can write to the session storage can run code with a pickling serializer.",
            hint="Use django.contrib.sessions.serializers.JSONSerializer, or a serializer that verifies a "
            "signature before it unpickles.",
            id="frontdesk.W017",
        )
    ]


@register(Tags.security, deploy=True)
def check_cookie(**_: Any) -> list[CheckMessage]:
    """W007, W008: the cookie is sent over plain HTTP, or scripts can read it (ASVS 3.3.1, 3.3.4).

    Django reports the same as ``security.W010`` and ``security.W013``, but only with its app for sessions.
    """
    if "django.contrib.sessions" in settings.INSTALLED_APPS or not _positions(SessionMiddleware):
        return []
    found: list[CheckMessage] = []
    if not settings.SESSION_COOKIE_SECURE:
        found.append(
            checks.Warning(
                "The session cookie is also sent over plain HTTP, where it can be stolen.",
                hint="Set SESSION_COOKIE_SECURE = True.",
                id="frontdesk.W007",
            )
        )
    if not settings.SESSION_COOKIE_HTTPONLY:
        found.append(
            checks.Warning(
                "Scripts can read the session cookie, so an injected script can steal it.",
                hint="Set SESSION_COOKIE_HTTPONLY = True.",
                id="frontdesk.W008",
            )
        )
    return found


@register()
def check_places(**_: Any) -> list[CheckMessage]:
    """W014: the database of places cannot be used."""
    problem = places.problem()
    if not problem:
        return []
    return [
        checks.Warning(
            f"GEOIP_PATH is set, but no place can be looked up: {problem}",
            hint="Let GEOIP_PATH name a City or Country database (.mmdb), or remove the setting. "
            "For geoip2: pip install 'django-frontdesk[places]'.",
            id="frontdesk.W014",
        )
    ]


@register()
def check_new_device_mail(**_: Any) -> list[CheckMessage]:
    """W015, W016: mails about new devices are on, but nothing is kept that tells a new device."""
    if conf.problems() or not conf.options().new_device_mail:
        return []
    found: list[CheckMessage] = []
    if conf.options().client_info == "off":
        found.append(
            checks.Warning(
                "No mail is sent about new devices: without client information, all devices look alike.",
                hint="Set FRONTDESK['CLIENT_INFO'] to 'masked' or 'full', or turn "
                "FRONTDESK['NEW_DEVICE_MAIL'] off.",
                id="frontdesk.W015",
            )
        )
    if conf.options().history_retention is None:
        found.append(
            checks.Warning(
                "No mail is sent about new devices: without a history, every device looks known.",
                hint="Set FRONTDESK['HISTORY_RETENTION'], for example to timedelta(days=90), or turn "
                "FRONTDESK['NEW_DEVICE_MAIL'] off.",
                id="frontdesk.W016",
            )
        )
    return found


@register(Tags.security)
def check_throttle(**_: Any) -> list[CheckMessage]:
    """W023: passwords can be guessed, because the backend of the throttle is not the first, or idle."""
    if conf.problems():
        return []
    options = conf.options()
    if not (options.throttle_device or options.throttle_account or options.throttle_network):
        return []
    ours = [_is_backend(each, ThrottleBackend) for each in settings.AUTHENTICATION_BACKENDS]
    middleware = bool(_positions(SessionMiddleware))
    if any(ours) and not middleware:
        return [
            checks.Warning(
                "The sign-in throttle counts nothing without frontdesk's session middleware.",
                hint=f"Put {SESSION!r} into MIDDLEWARE, or remove {THROTTLE!r} from "
                "AUTHENTICATION_BACKENDS.",
                id="frontdesk.W023",
            )
        ]
    if not middleware or ours[:1] == [True]:
        return []
    return [
        checks.Warning(
            "The sign-in throttle is not the first authentication backend, so passwords can be guessed.",
            hint=f"Put {THROTTLE!r} first in AUTHENTICATION_BACKENDS. If another package limits sign-ins, "
            "set FRONTDESK['THROTTLE_DEVICE'], ['THROTTLE_ACCOUNT'] and ['THROTTLE_NETWORK'] to None.",
            id="frontdesk.W023",
        )
    ]


def _positions(kind: type) -> list[int]:
    """Return the positions in ``MIDDLEWARE`` of ``kind`` and its subclasses."""
    return [position for position, found in enumerate(_middleware()) if _is(found, kind)]


def _has_twice(ours: type, djangos: type) -> bool:
    found = list(_middleware())
    return (any(_is(each, ours) for each in found) and djangos in found) or found.count(ours) > 1


def _middleware() -> Iterator[Any]:
    for path in settings.MIDDLEWARE:
        try:
            yield import_string(path)
        except ImportError:
            yield None  # Django reports it when it starts


def _is(candidate: Any, kind: type) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, kind)


def _is_engine(engine: str, kind: type) -> bool:
    try:
        return _is(import_string(f"{engine}.SessionStore"), kind)
    except ImportError:
        return False


def _is_backend(path: str, kind: type) -> bool:
    try:
        return _is(import_string(path), kind)
    except ImportError:
        return False


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (one["BACKEND"], one.get("OPTIONS", {})) == (other["BACKEND"], other.get("OPTIONS", {}))

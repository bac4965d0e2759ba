"""The session engine, the two middlewares, and the cookie."""

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware as DjangoAuthentication
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSession
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.utils.module_loading import import_string

from frontdesk.engine import SessionStore
from frontdesk.middleware import AuthenticationMiddleware, SessionMiddleware
from frontdesk.migrate.to_django import WayBack

SESSION: Final = "frontdesk.middleware.SessionMiddleware"
AUTHENTICATION: Final = "frontdesk.middleware.AuthenticationMiddleware"

UNCALLED: Final = ("load", "create", "exists", "delete")
"""What Django's sessions call on themselves, and frontdesk's do not."""

CALLED: Final = ("save", "flush", "cycle_key")


def imported(path: str) -> Any:
    """Return what ``path`` names; ``None`` if it cannot be imported, which Django reports when it starts."""
    try:
        return import_string(path)
    except ImportError:
        return None


def is_a(found: Any, kind: type) -> bool:
    """Return whether ``found`` is ``kind`` or a subclass of it."""
    return isinstance(found, type) and issubclass(found, kind)


def engine_is(kind: type) -> bool:
    """Return whether ``SESSION_ENGINE`` has a ``SessionStore`` of this class or a subclass."""
    return is_a(imported(f"{settings.SESSION_ENGINE}.SessionStore"), kind)


def positions_of(kind: type) -> list[int]:
    """Return where ``MIDDLEWARE`` has ``kind`` or a subclass."""
    paths = enumerate(settings.MIDDLEWARE)
    return [position for position, path in paths if is_a(imported(path), kind)]


@register(Tags.security)
def check_engine(**_: Any) -> list[CheckMessage]:
    """E001: the middleware without the engine. W013: the engine without the middleware."""
    engine, middleware = engine_is(SessionStore), bool(positions_of(SessionMiddleware))
    if engine and not middleware:
        found = "Django's" if positions_of(DjangoSession) else "missing"
        return [
            checks.Warning(
                f"SESSION_ENGINE is frontdesk's, but the session middleware is {found}. With Django's, "
                "a session that ends during a request is a 400, an outage is a 500, and a late response "
                "can sign users out.",
                hint=f"Put {SESSION!r} into MIDDLEWARE, in place of Django's.",
                id="frontdesk.W013",
            )
        ]
    if middleware and not engine:
        return [
            Error(
                f"{SESSION} is in MIDDLEWARE, but SESSION_ENGINE is {settings.SESSION_ENGINE!r}.",
                hint='Set SESSION_ENGINE = "frontdesk.engine".',
                id="frontdesk.E001",
            )
        ]
    return []


@register(Tags.security)
def check_own_engine(**_: Any) -> list[CheckMessage]:
    """E019, W022: a project's engine replaces a method that is not called, or not in async code."""
    if not engine_is(SessionStore):
        return []
    engine = import_string(f"{settings.SESSION_ENGINE}.SessionStore")

    def replaced(name: str) -> bool:
        return getattr(engine, name) is not getattr(SessionStore, name)

    uncalled = [
        Error(
            f"{settings.SESSION_ENGINE}.SessionStore replaces {name}(), which frontdesk does not call.",
            hint="Extend save() and asave(), or receive the signals session_started and session_ended.",
            id="frontdesk.E019",
        )
        for name in (*UNCALLED, *(f"a{name}" for name in UNCALLED))
        if replaced(name)
    ]
    without_twin = [
        checks.Warning(
            f"{settings.SESSION_ENGINE}.SessionStore replaces {name}() and not its twin a{name}(), or the "
            "other way round. Sync code calls the one, async code the other.",
            hint=f"Extend both {name}() and a{name}().",
            id="frontdesk.W022",
        )
        for name in CALLED
        if replaced(name) is not replaced(f"a{name}")
    ]
    return [*uncalled, *without_twin]


@register()
def check_way_back(**_: Any) -> list[CheckMessage]:
    """W018: the engine is one for the way back to Django."""
    if not engine_is(WayBack):
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
def check_middleware(**_: Any) -> list[CheckMessage]:
    """E002: the order of the two. W003: Django's own in place of one of ours."""
    sessions, users = positions_of(DjangoSession), positions_of(DjangoAuthentication)
    if users and not any(position < users[0] for position in sessions):
        return [
            Error(
                "The authentication middleware comes before any session middleware.",
                hint=f"Put {SESSION!r} before {AUTHENTICATION!r} in MIDDLEWARE.",
                id="frontdesk.E002",
            )
        ]
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
    if users and bool(positions_of(SessionMiddleware)) != bool(
        positions_of(AuthenticationMiddleware)
    ):
        return [
            checks.Warning(
                "Only one of the session and authentication middlewares is frontdesk's. The session and "
                "its user take two reads instead of one.",
                hint=f"Use both {SESSION!r} and {AUTHENTICATION!r}.",
                id="frontdesk.W003",
            )
        ]
    return []


def _has_twice(ours: type, djangos: type) -> bool:
    """Return whether ours is there twice, or beside Django's.

    A subclass with a cookie of its own may stand beside ours, as that of djangosaml2 does.
    """
    found = [imported(path) for path in settings.MIDDLEWARE]
    return found.count(ours) > 1 or (djangos in found and bool(positions_of(ours)))


@register(Tags.security, deploy=True)
def check_cookie(**_: Any) -> list[CheckMessage]:
    """W007, W008: the cookie is sent over plain HTTP, or scripts can read it (ASVS 3.3.1, 3.3.4).

    Django reports the same as ``security.W010`` and ``security.W013``, but only with its app for sessions.
    """
    if "django.contrib.sessions" in settings.INSTALLED_APPS or not positions_of(SessionMiddleware):
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

"""Every setting of frontdesk, once: its name, default, what it may be, and help.

Checks, documentation and defaults all come from the table below. Nothing is read at import, and what
was read is dropped when a test overrides a setting.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed

from frontdesk import clock
from frontdesk.errors import InvalidSetting


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of ``settings.FRONTDESK``.

    ``problem`` says in words what a value should have been, or nothing when it is fine.
    """

    name: str
    default: Callable[[], Any]
    problem: Callable[[Any], str | None]
    help: str


def _duration(value: Any) -> str | None:
    if isinstance(value, timedelta) and value > timedelta(0):
        return None
    return "a positive datetime.timedelta, for example timedelta(days=14)"


def _duration_or_none(meaning: str) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        wanted = None if value is None else _duration(value)
        return wanted and f"{wanted}, or None {meaning}"

    return problem


def _duration_or_zero(value: Any) -> str | None:
    if value == timedelta(0):
        return None
    return _duration(value) and f"{_duration(value)}, or timedelta(0) to record every use"


def _storage(value: Any) -> str | None:
    wanted = 'a dictionary {"BACKEND": "dotted.path.to.Storage", "OPTIONS": {...}}'
    if not isinstance(value, Mapping) or not isinstance(value.get("BACKEND"), str):
        return wanted
    if not isinstance(value.get("OPTIONS", {}), Mapping):
        return wanted
    return wanted if set(value) - {"BACKEND", "OPTIONS"} else None


def _origin(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value) or not _storage(value):
        return None
    return 'the dotted path of a session engine, {"BACKEND": "path.to.Storage", "OPTIONS": {...}}, or None'


def _count(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return None
    return "a whole number, 0 or more"


def _one_of(*choices: str) -> Callable[[Any], str | None]:
    wanted = "one of " + ", ".join(repr(choice) for choice in choices)
    return lambda value: None if value in choices else wanted


def is_limit(value: Any) -> bool:
    """Whether ``value`` says how many sessions a user may have, or with ``None`` that it does not matter."""
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


def _limit(value: Any) -> str | None:
    if callable(value) or is_limit(value):
        return None
    return "a whole number, 1 or more, a function of the user that returns one or None, or None"


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "True or False"


SETTINGS = (
    Setting(
        "STORAGE",
        lambda: {"BACKEND": "frontdesk.storages.database.DatabaseStorage", "OPTIONS": {}},
        _storage,
        "Where sessions live: the class of the storage and its options.",
    ),
    Setting(
        "MIGRATE_FROM",
        lambda: None,
        _origin,
        "Where sessions lived before: a session engine of Django's, or another storage, to move them from.",
    ),
    Setting(
        "IDLE_TIMEOUT",
        lambda: timedelta(seconds=django_settings.SESSION_COOKIE_AGE),
        _duration,
        "How long a session may go unused before it ends. SESSION_COOKIE_AGE when not given.",
    ),
    Setting(
        "ABSOLUTE_TIMEOUT",
        lambda: timedelta(days=30),
        _duration_or_none("for no limit"),
        "How long after signing in a session ends for good, however active; None for no limit.",
    ),
    Setting(
        "ACTIVITY_INTERVAL",
        lambda: timedelta(seconds=60),
        _duration_or_zero,
        "Activity is recorded at most once in this time, so that reading does not mean writing.",
    ),
    Setting(
        "TRUSTED_PROXY_COUNT",
        lambda: 0,
        _count,
        "How many proxies of yours append to X-Forwarded-For; 0 means that the header is ignored.",
    ),
    Setting(
        "CLIENT_INFO",
        lambda: "full",
        _one_of("full", "masked", "off"),
        "What is kept of address and browser: all, a shortened address and the browser's family, nothing.",
    ),
    Setting(
        "REAUTH_AGE",
        lambda: timedelta(minutes=15),
        _duration,
        "How old a sign-in may be before ending sessions, and other delicate views, ask for the password.",
    ),
    Setting(
        "MAX_SESSIONS_PER_USER",
        lambda: None,
        _limit,
        "How many sessions a user may have at once: a number, or a function of the user; None for no limit.",
    ),
    Setting(
        "AT_MAX_SESSIONS",
        lambda: "end_oldest",
        _one_of("end_oldest", "refuse"),
        "What a sign-in does at that limit: it ends the least recently active session, or it is refused.",
    ),
    Setting(
        "HISTORY_RETENTION",
        lambda: timedelta(days=90),
        _duration_or_none("to keep none"),
        "How long sign-ins, failed tries, re-entries and endings are remembered; None to keep none.",
    ),
    Setting(
        "NEW_DEVICE_MAIL",
        lambda: False,
        _boolean,
        "Whether a sign-in from a device that the person has not used before sends them a mail.",
    ),
    Setting(
        "ADMIN_SHOWS_DATA",
        lambda: False,
        _boolean,
        "Whether staff see the values of a session in the admin. Keys are never shown.",
    ),
    Setting(
        "DIRECT_ACCESS",
        lambda: True,
        _boolean,
        "Whether what a request asks may go past Django's cursor and redis-py's client if nobody watches.",
    ),
)


@dataclass(frozen=True, slots=True)
class Options:
    """The settings as they hold now; durations in microseconds."""

    storage_backend: str
    storage_options: Mapping[str, Any]
    migrate_from: str | Mapping[str, Any] | None
    idle_timeout: int
    absolute_timeout: int | None
    activity_interval: int
    trusted_proxy_count: int
    client_info: str
    reauth_age: int
    max_sessions_per_user: int | Callable[[Any], int | None] | None
    at_max_sessions: str
    history_retention: int | None
    new_device_mail: bool
    admin_shows_data: bool
    direct_access: bool


def given() -> Mapping[str, Any]:
    """Return ``settings.FRONTDESK`` as the project wrote it."""
    return getattr(django_settings, "FRONTDESK", {})


def problems() -> list[str]:
    """Say what is wrong with the types of the values in ``settings.FRONTDESK``, a line each."""
    if not isinstance(given(), Mapping):
        return [f"FRONTDESK should be a dictionary, not {given()!r}."]
    found = []
    for setting in SETTINGS:
        if setting.name in given():
            value = given()[setting.name]
            if wanted := setting.problem(value):
                found.append(f"FRONTDESK[{setting.name!r}] should be {wanted}, not {value!r}.")
    return found


def unknown_option(who: str, name: str, names: Sequence[str]) -> InvalidSetting:
    """Return what to raise for an option of a storage that is none; it names the right one."""
    near = difflib.get_close_matches(name.upper(), names, n=1, cutoff=0.6)
    right = f"Did you mean {near[0]!r}?" if near else f"The options are: {', '.join(names)}."
    return InvalidSetting(f"{who} has no option {name!r}. {right}")


def unknown() -> list[tuple[str, str | None]]:
    """Return each unknown key in ``settings.FRONTDESK`` with the nearest right name, if one is near."""
    if not isinstance(given(), Mapping):
        return []
    names = [setting.name for setting in SETTINGS]
    strange = [str(key) for key in given() if key not in names]
    return [
        (key, next(iter(difflib.get_close_matches(key.upper(), names, n=1)), None))
        for key in strange
    ]


@cache
def options() -> Options:
    """Return the settings in force.

    Raises :exc:`~frontdesk.errors.InvalidSetting` when a value has the wrong type.
    """
    if wrong := problems():
        raise InvalidSetting(" ".join(wrong))
    value = {setting.name: given().get(setting.name, setting.default()) for setting in SETTINGS}
    absolute, retention = value["ABSOLUTE_TIMEOUT"], value["HISTORY_RETENTION"]
    return Options(
        storage_backend=value["STORAGE"]["BACKEND"],
        storage_options=value["STORAGE"].get("OPTIONS", {}),
        migrate_from=value["MIGRATE_FROM"],
        idle_timeout=clock.from_timedelta(value["IDLE_TIMEOUT"]),
        absolute_timeout=None if absolute is None else clock.from_timedelta(absolute),
        activity_interval=clock.from_timedelta(value["ACTIVITY_INTERVAL"]),
        trusted_proxy_count=value["TRUSTED_PROXY_COUNT"],
        client_info=value["CLIENT_INFO"],
        reauth_age=clock.from_timedelta(value["REAUTH_AGE"]),
        max_sessions_per_user=value["MAX_SESSIONS_PER_USER"],
        at_max_sessions=value["AT_MAX_SESSIONS"],
        history_retention=None if retention is None else clock.from_timedelta(retention),
        new_device_mail=value["NEW_DEVICE_MAIL"],
        admin_shows_data=value["ADMIN_SHOWS_DATA"],
        direct_access=value["DIRECT_ACCESS"],
    )


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"FRONTDESK", "SESSION_COOKIE_AGE"}:
        options.cache_clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.conf")

"""The settings of frontdesk: each one once, with its default, its check and its help.

They are read when they are first needed. A test that overrides one with ``override_settings`` gets the
new value.
"""

import dataclasses
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.utils.functional import Promise

from frontdesk.core import clock
from frontdesk.core.policy import Limits
from frontdesk.core.throttle import Limit
from frontdesk.errors import InvalidSetting

Problem = Callable[[Any], str | None]
"""Returns what a value should have been, in words, or ``None`` if it is fine."""


# What a value may be.


def _duration(value: Any) -> str | None:
    if isinstance(value, timedelta) and value > timedelta(0):
        return None
    return "a positive datetime.timedelta, for example timedelta(days=14)"


def _duration_or_none(meaning: str) -> Problem:
    def problem(value: Any) -> str | None:
        wanted = None if value is None else _duration(value)
        return wanted and f"{wanted}, or None {meaning}"

    return problem


def _duration_or_zero(value: Any) -> str | None:
    wanted = None if value == timedelta(0) else _duration(value)
    return wanted and f"{wanted}, or timedelta(0) to record every use"


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
    return (
        'the dotted path of a session engine, {"BACKEND": "path.to.Storage", "OPTIONS": {...}}, '
        "or None"
    )


def _count(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return None
    return "a whole number, 0 or more"


def _one_of(*choices: str) -> Problem:
    wanted = "one of " + ", ".join(repr(choice) for choice in choices)
    return lambda value: None if value in choices else wanted


def is_limit(value: Any) -> bool:
    """Return whether ``value`` is a number of sessions that a user may have, or ``None`` for no limit."""
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


def _limit(value: Any) -> str | None:
    if callable(value) or is_limit(value):
        return None
    return "a whole number, 1 or more, or None, or a function of the user and the request that returns one"


def _function(value: Any) -> str | None:
    if value is None or callable(value) or (isinstance(value, str) and "." in value):
        return None
    return "a function of the user that returns a dictionary, its dotted path, or None for id and username"


def _rate(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    count, window = value
    return not _count(count) and count > 0 and not _duration(window)


def _rate_or_none(meaning: str) -> Problem:
    wanted = f"a number and a time, for example (10, timedelta(minutes=15)), or None {meaning}"
    return lambda value: None if value is None or _rate(value) else wanted


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "True or False"


_is_scope = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")  # RFC 6749 section 3.3


def _scopes(value: Any) -> str | None:
    if isinstance(value, Mapping) and all(
        isinstance(scope, str) and _is_scope.fullmatch(scope) and isinstance(words, (str, Promise))
        for scope, words in value.items()
    ):
        return None
    return (
        'a dictionary of scopes, each with what it allows in words: {"orders:read": _("Read orders")}. '
        "A scope has up to 100 ASCII characters, and no space, quotation mark or backslash"
    )


# How a value is kept.


def _as_it_is(value: Any) -> Any:
    return value


def _microseconds(value: timedelta | None) -> int | None:
    return None if value is None else clock.from_timedelta(value)


def _limit_kept(value: Sequence[Any] | None) -> Limit | None:
    return None if value is None else Limit(value[0], clock.from_timedelta(value[1]))


def _setting(
    default: Any, problem: Problem, help: str, keep: Callable[[Any], Any] = _as_it_is
) -> Any:
    """Return the field of a setting. ``default`` is a value, or a function that returns it."""
    returns_default = default if callable(default) else lambda: default
    return dataclasses.field(
        metadata={"default": returns_default, "problem": problem, "help": help, "keep": keep}
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """The settings in force. Durations are in microseconds.

    The setting of a field is the key of its name in capitals in ``settings.FRONTDESK``.
    """

    storage: Mapping[str, Any] = _setting(
        {"BACKEND": "frontdesk.storages.database.DatabaseStorage", "OPTIONS": {}},
        _storage,
        "Where sessions live: the class of the storage and its options.",
    )
    migrate_from: str | Mapping[str, Any] | None = _setting(
        None,
        _origin,
        "Where sessions lived before: a session engine of Django's, or another storage.",
    )
    idle_timeout: int = _setting(
        lambda: timedelta(seconds=django_settings.SESSION_COOKIE_AGE),
        _duration,
        "How long a session may go unused. SESSION_COOKIE_AGE when not given.",
        _microseconds,
    )
    absolute_timeout: int | None = _setting(
        timedelta(days=30),
        _duration_or_none("for no limit"),
        "How long after signing in a session ends, however active. None for no limit.",
        _microseconds,
    )
    activity_interval: int = _setting(
        timedelta(seconds=60),
        _duration_or_zero,
        "Activity is recorded at most once in this time.",
        _microseconds,
    )
    header_carrier: str = _setting(
        "off",
        _one_of("off", "apps", "anyone"),
        "Whether programs may send a session key in the Authorization header instead of a cookie: "
        '"apps" refuses pages in browsers.',
    )
    trusted_proxy_count: int = _setting(
        0,
        _count,
        "How many of your proxies append to X-Forwarded-For. 0 means that the header is ignored.",
    )
    client_info: str = _setting(
        "full",
        _one_of("full", "masked", "off"),
        "What is kept of address and browser: all, the network and the browser's family, or nothing.",
    )
    reauth_age: int = _setting(
        timedelta(minutes=15),
        _duration,
        "How old a sign-in may be before sensitive views ask for the password again.",
        _microseconds,
    )
    max_sessions_per_user: int | Callable[[Any, Any], int | None] | None = _setting(
        100,
        _limit,
        "How many sessions a user may have: a number, a function of the user and the request that returns "
        "one, or None for no limit.",
    )
    at_max_sessions: str = _setting(
        "end_oldest",
        _one_of("end_oldest", "refuse"),
        "What a sign-in does at that limit: end the least recently used session, or be refused.",
    )
    remember_me: bool = _setting(
        False,
        _boolean,
        'Whether the sign-in page has a checkbox "Remember me". Ticked, the session lasts until the absolute '
        "timeout; otherwise it ends with the browser.",
    )
    throttle_device: Limit | None = _setting(
        (10, timedelta(minutes=15)),
        _rate_or_none("to know no devices"),
        "How many passwords for an account may fail from a browser in which its user has signed in before.",
        _limit_kept,
    )
    throttle_account: Limit | None = _setting(
        (10, timedelta(minutes=15)),
        _rate_or_none("for no limit"),
        "How many passwords for an account may fail from all other browsers together.",
        _limit_kept,
    )
    throttle_network: Limit | None = _setting(
        (100, timedelta(minutes=15)),
        _rate_or_none("for no limit"),
        "How many sign-ins may fail from a network: the first 24 bits of an IPv4 address, or 64 of an IPv6 "
        "address.",
        _limit_kept,
    )
    throttle_reset: Limit | None = _setting(
        (5, timedelta(hours=1)),
        _rate_or_none("for no limit"),
        "How many mails to set a new password may be asked for with the same address.",
        _limit_kept,
    )
    history_retention: int | None = _setting(
        timedelta(days=90),
        _duration_or_none("to keep none"),
        "How long the sign-in history is kept. None to keep none.",
        _microseconds,
    )
    new_device_mail: bool = _setting(
        False,
        _boolean,
        "Whether a sign-in from a new device sends the user a mail.",
    )
    api_user: Callable[[Any], Any] | str | None = _setting(
        None,
        _function,
        "What the JSON API tells of a user: a function of the user. None for id and username.",
    )
    api_scopes: Mapping[str, Any] = _setting(
        {},
        _scopes,
        "What an API token may be allowed: each scope with its words. A token has only those that it "
        "was given.",
    )
    api_token_age: int = _setting(
        timedelta(days=90),
        _duration,
        "How long an API token lasts if nothing else is asked for.",
        _microseconds,
    )
    api_token_max_age: int = _setting(
        timedelta(days=366),
        _duration,
        "How long an API token lasts at most.",
        _microseconds,
    )
    api_token_mail: bool = _setting(
        False,
        _boolean,
        "Whether users get a mail a week before one of their API tokens ends.",
    )
    admin_shows_data: bool = _setting(
        False,
        _boolean,
        "Whether the admin shows the values of a session. Keys are never shown.",
    )

    @cached_property
    def limits(self) -> Limits:
        """The limits of a session."""
        return Limits(self.idle_timeout, self.absolute_timeout, self.activity_interval)


def settings() -> dict[str, Mapping[str, Any]]:
    """Return ``default``, ``problem``, ``help`` and ``keep`` of each setting, by its name."""
    return {field.name.upper(): field.metadata for field in dataclasses.fields(Options)}


def given() -> Mapping[str, Any]:
    """Return ``settings.FRONTDESK`` as the project wrote it."""
    return getattr(django_settings, "FRONTDESK", {})


def problems() -> list[str]:
    """Return what is wrong with the types of the values in ``settings.FRONTDESK``, a line each."""
    if not isinstance(given(), Mapping):
        return [f"FRONTDESK should be a dictionary, not {given()!r}."]
    found = []
    for name, setting in settings().items():
        if name in given():
            value = given()[name]
            if wanted := setting["problem"](value):
                found.append(f"FRONTDESK[{name!r}] should be {wanted}, not {value!r}.")
    return found


def unknown() -> list[tuple[str, str | None]]:
    """Return each unknown key in ``settings.FRONTDESK`` with the most similar known one, if any is."""
    if not isinstance(given(), Mapping):
        return []
    names = list(settings())
    return [(str(key), _nearest(str(key), names)) for key in given() if key not in names]


def unknown_option(storage: str, name: str, names: Sequence[str]) -> InvalidSetting:
    """Return the error for an option ``name`` that ``storage`` does not have. Its options are ``names``."""
    near = _nearest(name, names)
    hint = f"Did you mean {near!r}? " if near else ""
    return InvalidSetting(
        f"{storage} has no option {name!r}. {hint}Its options are: {', '.join(names) or 'none'}."
    )


def _nearest(name: str, names: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name.upper(), names, n=1)), None)


@cache
def options() -> Options:
    """Return the settings in force.

    Raises :exc:`~frontdesk.errors.InvalidSetting` if a value has the wrong type.
    """
    if wrong := problems():
        raise InvalidSetting(" ".join(wrong))
    values = {
        name.lower(): setting["keep"](given().get(name, setting["default"]()))
        for name, setting in settings().items()
    }
    return Options(**values)


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"FRONTDESK", "SESSION_COOKIE_AGE"}:
        options.cache_clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.conf")

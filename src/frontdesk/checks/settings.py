"""The values in ``FRONTDESK``, the serializer, and the database of places."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.utils.module_loading import import_string

from frontdesk import conf
from frontdesk.words import places


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

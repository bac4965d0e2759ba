"""The options by which a Redis is named: that of the Redis storage, and the one before the database."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.module_loading import import_string

from frontdesk.conf import unknown_option
from frontdesk.errors import InvalidSetting
from frontdesk.storages import redis_clients
from frontdesk.storages.redis_clients import Place

DEFAULTS: Mapping[str, Any] = {
    "URL": None,
    "CLUSTER": False,
    "SENTINEL": None,
    "PREFIX": "frontdesk:",
    "TIMEOUT": 1.0,
    "POOL_SIZE": 50,
    "CONNECTION": None,
    "CLIENT_CLASS": None,
    "ASYNC_CLIENT_CLASS": None,
}


class Named(NamedTuple):
    """What options name."""

    urls: Sequence[str]
    cluster: bool
    place: Place
    """Of one server, or of those behind Sentinel; of a Cluster, how to speak to each of its servers."""
    prefix: str


def named(options: Mapping[str, Any], who: str) -> Named:
    """Return what ``options`` name; ``who`` has them, in words.

    Raises :exc:`~frontdesk.errors.InvalidSetting`.
    """
    if redis_clients.MISSING is not None:
        raise InvalidSetting(
            f"{who} needs the package redis, which is not installed: "
            "pip install 'django-frontdesk[redis]'."
        ) from redis_clients.MISSING
    for name in options.keys() - DEFAULTS.keys():
        raise unknown_option(who, name, list(DEFAULTS))
    given = {**DEFAULTS, **options}
    for problem in _problems(given):
        raise InvalidSetting(f"{who} {problem}")
    url = given["URL"]
    urls = [url] if isinstance(url, str) else list(url or ())
    place = Place(
        None if given["CLUSTER"] or not urls else urls[0],
        given["SENTINEL"],
        given["TIMEOUT"],
        given["POOL_SIZE"],
        given["CONNECTION"] or {},
        _client(given, who, "CLIENT_CLASS", "redis.Redis"),
        _client(given, who, "ASYNC_CLIENT_CLASS", "redis.asyncio.Redis"),
    )
    return Named(urls, given["CLUSTER"], place, given["PREFIX"])


def _problems(given: Mapping[str, Any]) -> Sequence[str]:
    url, cluster, sentinel = given["URL"], given["CLUSTER"], given["SENTINEL"]
    small = [name for name in ("TIMEOUT", "POOL_SIZE") if not given[name] > 0]
    problems = {
        'needs one of the options URL, for example "redis://127.0.0.1:6379/0", and SENTINEL.': (
            (url is None) == (sentinel is None)
        ),
        "takes no class of clients with CLUSTER: frontdesk speaks to a Cluster's servers by itself.": (
            bool(given["CLUSTER"] and (given["CLIENT_CLASS"] or given["ASYNC_CLIENT_CLASS"]))
        ),
        f"wants the option {' and '.join(small)} to be more than 0.": bool(small),
        "takes True or False as its option CLUSTER; its servers are named by URL.": (
            cluster is not True and cluster is not False
        ),
        "takes CLUSTER or SENTINEL, not both: a Cluster has no sentinels.": (
            bool(cluster) and sentinel is not None
        ),
        "was given several servers as its option URL, which only a Cluster has: add "
        '"CLUSTER": True, or name one.': not cluster and not isinstance(url, str | None),
    }
    return [problem for problem, is_there in problems.items() if is_there]


def _client(given: Mapping[str, Any], who: str, option: str, base: str) -> type:
    """Return the class that ``option`` names, or that at the path ``base``."""
    wanted = given[option] or base
    try:
        kind = import_string(wanted) if isinstance(wanted, str) else wanted
    except ImportError as error:
        raise InvalidSetting(
            f"{who} has {option} {wanted!r}, which is not there: {error}"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, import_string(base))):
        raise InvalidSetting(f"{who} has {option} {wanted!r}, which is no subclass of {base}.")
    return kind

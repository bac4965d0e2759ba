"""Where a request comes from, as much of it as the project wants to keep."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from frontdesk.conf import options


class Client(NamedTuple):
    """An address and a browser, both as text that is safe to store and to log."""

    ip: str
    user_agent: str


NOBODY = Client("", "")

USER_AGENT_LENGTH = 255

# The first that is found names the family, since browsers also name those that they descend from.
FAMILIES = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)


def client_of(meta: Mapping[str, Any]) -> Client:
    """Return the client behind a request's ``META``, to the extent of ``FRONTDESK["CLIENT_INFO"]``."""
    wanted = options().client_info
    if wanted == "off":
        return NOBODY
    ip, agent = _address(meta), printable(meta.get("HTTP_USER_AGENT", ""))
    return Client(_shortened(ip), family_of(agent)) if wanted == "masked" else Client(ip, agent)


def printable(text: str) -> str:
    """Return the first 255 printable characters of what a client calls itself."""
    return "".join(islice(filter(str.isprintable, text), USER_AGENT_LENGTH))


def family_of(agent: str) -> str:
    """Return the family of a browser, by the table above; empty if it is in none of them."""
    return next((family for mark, family in FAMILIES if mark in agent), "")


def _address(meta: Mapping[str, Any]) -> str:
    """Return the address that the outermost of the trusted proxies saw.

    Entries further left in X-Forwarded-For are the client's own words (RFC 7239 section 8.1).
    """
    count = options().trusted_proxy_count
    if count:
        seen = meta.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(seen) >= count and (address := _valid(seen[-count])):
            return address
    return _valid(meta.get("REMOTE_ADDR", ""))


@lru_cache(maxsize=1024)
def _valid(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip().partition("%")[0]))
    except ValueError:
        return ""


def _shortened(ip: str) -> str:
    """Return the network of an address: a household or an office rather than a device."""
    if not ip:
        return ""
    bits = 24 if ipaddress.ip_address(ip).version == 4 else 48
    return str(ipaddress.ip_network((ip, bits), strict=False).network_address)

"""The address and the browser of a request, as far as the project wants to keep them."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from frontdesk.conf import options
from frontdesk.words.devices import family_of, printable


class Client(NamedTuple):
    """An address and a user agent, both safe to store and to log. Empty if unknown."""

    ip: str
    user_agent: str


UNKNOWN: Final = Client("", "")


def client_of(meta: Mapping[str, Any]) -> Client:
    """Return the client of a request with this ``META``, to the extent of ``FRONTDESK["CLIENT_INFO"]``."""
    wanted = options().client_info
    if wanted == "off":
        return UNKNOWN
    ip = address_of(meta)
    agent = printable(meta.get("HTTP_USER_AGENT", ""))
    return Client(network_of(ip), family_of(agent)) if wanted == "masked" else Client(ip, agent)


def address_of(meta: Mapping[str, Any]) -> str:
    """Return the address that the outermost trusted proxy saw.

    Entries further left in X-Forwarded-For were sent by the client (RFC 7239 section 8.1).
    """
    count = options().trusted_proxy_count
    if count:
        forwarded = meta.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(forwarded) >= count and (address := _valid(forwarded[-count])):
            return address
    return _valid(meta.get("REMOTE_ADDR", ""))


@lru_cache(maxsize=1024)
def _valid(text: str) -> str:
    """Return the address in ``text`` in its usual form, or an empty text.

    Some proxies add a port: ``198.51.100.1:5678``, ``[2001:db8::1]:443``. A server that listens on IPv6 may
    write an IPv4 address as ``::ffff:198.51.100.1``.
    """
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def network_of(ip: str) -> str:
    """Return the network of an address: that of a household or an office. Empty for an empty one."""
    if not ip:
        return ""
    bits = 24 if ipaddress.ip_address(ip).version == 4 else 48
    return str(ipaddress.ip_network((ip, bits), strict=False).network_address)

"""Roughly where an address is, if the project has a GeoIP2 database to look it up in.

Nothing is asked over the network: the database is a file, the one of Django's ``GEOIP_PATH``.
"""

import logging
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.gis.geoip2 import GeoIP2  # needs neither GDAL nor GEOS
from django.core.signals import setting_changed

try:  # the extra "places"
    from geoip2.errors import AddressNotFoundError
except ImportError:
    HAS_GEOIP2 = False
else:
    HAS_GEOIP2 = True

logger = logging.getLogger("frontdesk")

REMEMBERED = 1024
"""So many addresses are looked up only once in a process."""


class Database(NamedTuple):
    """The project's database, or why there is none; neither if the project wants none."""

    reader: GeoIP2 | None
    problem: str


def place_of(ip: str) -> str:
    """Return the approximate place of an address, for example "Berlin, Germany".

    ``ip`` is any text. The answer is empty for what is no public address, for one that the database
    does not know, and where the project has no usable database: ``GEOIP_PATH`` is not set, geoip2 is
    not installed, or the file is damaged (``manage.py check`` tells: frontdesk.W014). A database of
    countries answers with countries. Names are in English. Never raises.

    The place of an address is a guess: that of the provider, or of a VPN, is often another than the
    person's.
    """
    address = _public(ip)
    return _place(address) if address else ""


def problem() -> str:
    """Return in words why ``GEOIP_PATH`` is of no use; empty if it is not set, or all is well."""
    return _database().problem


def _public(ip: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id:
            return None
        address = address.ipv4_mapped or address
    return address if address.is_global else None


@lru_cache(maxsize=REMEMBERED)
def _place(address: IPv4Address | IPv6Address) -> str:
    reader = _database().reader
    if reader is None:
        return ""
    try:
        found = _found(reader, address)
    except (AddressNotFoundError, ValueError):  # unknown, or IPv6 in a database of IPv4
        return ""
    except Exception as error:  # noqa: BLE001 (a damaged file makes its readers raise anything)
        logger.warning("The database of GEOIP_PATH cannot be read: %r", error)
        return ""
    names = (found.get("city"), found.get("country_name"))
    # Singapore is in Singapore.
    return ", ".join(dict.fromkeys(name for name in names if name and isinstance(name, str)))


def _found(reader: GeoIP2, address: IPv4Address | IPv6Address) -> dict[str, Any]:
    # An address, not its text: GeoIP2 takes text that is no address for a host, and asks the DNS.
    return {**(reader.city(address) if reader.is_city else reader.country(address))}


@cache
def _database() -> Database:
    """Open the database, once in a process.

    It is read as a file, by Python. The faster ways end the whole process on a bad day: the C extension
    can crash on a damaged file, and a file mapped into memory must not be cut short while it is open.
    """
    path = getattr(settings, "GEOIP_PATH", None)
    if not path:
        return Database(None, "")
    if not HAS_GEOIP2:
        return Database(None, "the package geoip2 is not installed.")
    try:
        return Database(GeoIP2(cache=GeoIP2.MODE_FILE), "")
    except Exception as error:  # noqa: BLE001 (a damaged file makes its readers raise anything)
        return Database(None, f"{path}: {str(error) or type(error).__name__}")


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"GEOIP_PATH", "GEOIP_CITY", "GEOIP_COUNTRY"}:
        _place.cache_clear()
        _database.cache_clear()


setting_changed.connect(_forget, dispatch_uid="frontdesk.places")

"""The approximate place of an IP address, if the project has a GeoIP2 database.

The database is a file, the one of Django's ``GEOIP_PATH``. Nothing is asked over the network.
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

logger: logging.Logger = logging.getLogger("frontdesk")


class Database(NamedTuple):
    """The database of the project, or the reason why it cannot be used. Both are empty without a setting."""

    reader: GeoIP2 | None
    problem: str


def place_of(ip: str) -> str:
    """Return the approximate place of an address, for example "Berlin, Germany".

    ``ip`` is any text. The place is empty if the text is not a public address, if the database does not
    know the address, and if there is no usable database: ``GEOIP_PATH`` is not set, geoip2 is not
    installed, or the file is damaged (``manage.py check`` reports that as frontdesk.W014). A database of
    countries gives countries. Names are in English. Never raises.

    The place is a guess. It is often the place of the internet provider or of a VPN.
    """
    address = _public(ip)
    return _place(address) if address else ""


def problem() -> str:
    """Return why ``GEOIP_PATH`` cannot be used; empty if it can, or is not set."""
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


@lru_cache(maxsize=1024)
def _place(address: IPv4Address | IPv6Address) -> str:
    reader = _database().reader
    if reader is None:
        return ""
    try:
        # GeoIP2 would look up text in the DNS if it is not an address. An object never goes there.
        found = reader.city(address) if reader.is_city else reader.country(address)
    except (AddressNotFoundError, ValueError):  # unknown, or IPv6 in a database of IPv4
        return ""
    except Exception as error:  # noqa: BLE001 (a damaged file makes its readers raise anything)
        logger.warning("The database of GEOIP_PATH cannot be read: %r", error)
        return ""
    names = (found.get("city"), found.get("country_name"))
    # "Singapore", not "Singapore, Singapore". A damaged file may hold anything for a name.
    return ", ".join(dict.fromkeys(name for name in names if name and isinstance(name, str)))


@cache
def _database() -> Database:
    """Open the database, once in a process.

    Pure Python reads it as a file, since the faster modes can end the whole process: the C extension can
    crash on a damaged file, and a file that is mapped into memory must not be cut short while it is open.
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


setting_changed.connect(_forget, dispatch_uid="frontdesk.words.places")

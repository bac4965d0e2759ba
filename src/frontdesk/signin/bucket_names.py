"""The buckets of the throttle: which ones an attempt counts in, with their names and limits.

A bucket is a row of :class:`~frontdesk.models.Throttle`. Its name has a keyed hash in place of the account
and, unless ``CLIENT_INFO`` is "full", in place of the network. This module does no I/O.
"""

import ipaddress
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from frontdesk.conf import options
from frontdesk.core.throttle import Limit
from frontdesk.http.client import address_of
from frontdesk.signin.device import Device
from frontdesk.signin.names import LONGEST, folded, keyed_hashes

SALT: Final = "frontdesk.throttle"


class Kind(StrEnum):
    """What a bucket counts for."""

    DEVICE = "device"
    """An account, on a device that is known for it."""
    ACCOUNT = "account"
    """An account, on all other devices together."""
    NETWORK = "network"
    RESET = "reset"
    """Mails to set a new password, with an address."""


class Bucket(NamedTuple):
    """A bucket, and how much it takes."""

    kind: Kind
    name: str
    limit: Limit


def for_password(meta: Mapping[str, Any], stored: Any, known: Device | None) -> list[Bucket]:
    """Return the buckets of a password, in the order in which all requests lock them.

    ``stored`` is the user name as it is stored. ``known`` is the device, if it is known for the account.
    """
    hashes = _hashes(stored)
    of_device, of_account = options().throttle_device, options().throttle_account
    if known is not None and of_device is not None:
        name = f"{Kind.DEVICE}:{hashes[0]}:{known.id}"
        return [Bucket(Kind.DEVICE, name, of_device._replace(grows=True))]
    buckets = _network_buckets(meta)
    if hashes and of_account is not None:
        name = f"{Kind.ACCOUNT}:{hashes[0]}"
        buckets.append(Bucket(Kind.ACCOUNT, name, of_account._replace(grows=True)))
    return buckets


def for_reset(meta: Mapping[str, Any], address: str) -> list[Bucket]:
    """Return the buckets of a mail to set a new password, for ``address`` and for the network."""
    buckets = _network_buckets(meta)
    limit, hashes = options().throttle_reset, _hashes(address)
    if limit is not None and hashes:
        buckets.append(Bucket(Kind.RESET, f"{Kind.RESET}:{hashes[0]}", limit))
    return buckets


def typed_hashes(name: Any) -> list[str]:
    """Return the hashes of a name as it was typed: with the current secret, and with former ones."""
    # Not folded: a database may have another user with a similar name, whose sign-in would make any number
    # of devices known for this account, each with attempts of its own.
    return keyed_hashes(SALT, str(name)[:LONGEST]) if name else []


# For staff.


def prefixes_of_account(name: str) -> list[str]:
    """Return with what the names of the buckets begin that count for this user name or e-mail address."""
    return [
        prefix
        for each in _hashes(name)
        for prefix in (f"{Kind.DEVICE}:{each}", f"{Kind.ACCOUNT}:{each}", f"{Kind.RESET}:{each}")
    ]


def names_of_network(address: str) -> list[str]:
    """Return the names of the buckets of the network of this address.

    ``address`` may also be the network itself: ``198.51.100.0/24``. Raises ``ValueError`` for other text.
    """
    network = _network_of(address.partition("/")[0])
    return [f"{Kind.NETWORK}:{each}" for each in (network, *keyed_hashes(SALT, network))]


# Their parts.


def _network_buckets(meta: Mapping[str, Any]) -> list[Bucket]:
    limit, address = options().throttle_network, address_of(meta)
    if limit is None or not address:
        return []
    network = _network_of(address)
    kept = network if options().client_info == "full" else keyed_hashes(SALT, network)[0]
    return [Bucket(Kind.NETWORK, f"{Kind.NETWORK}:{kept}", limit)]


def _network_of(address: str) -> str:
    bits = 24 if ipaddress.ip_address(address).version == 4 else 64
    return str(ipaddress.ip_network((address, bits), strict=False))


def _hashes(name: Any) -> list[str]:
    return keyed_hashes(SALT, folded(name)) if name else []

"""What staff see of the throttle, and how they clear it. The admin and ``manage.py frontdesk`` share this."""

from datetime import datetime
from typing import Final, NamedTuple

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.core.throttle import Limit
from frontdesk.models import Throttle, short_name
from frontdesk.signin import bucket_names, counting
from frontdesk.signin.bucket_names import Kind

KINDS: Final[dict[str, Promise]] = {
    Kind.DEVICE: _("Account, on a known device"),
    Kind.ACCOUNT: _("Account, on other devices"),
    Kind.NETWORK: _("Network"),
    Kind.RESET: _("Mails to set a new password"),
}


class Shown(NamedTuple):
    """A bucket as people see it."""

    kind: str
    in_words: str
    """What it counts for."""
    label: str
    """The network, or the first characters of the hashes."""
    attempts: int
    limit: Limit | None
    """``None`` if it is turned off."""
    until: datetime
    is_open: bool
    """Whether the window still counts."""

    @property
    def refuses(self) -> bool:
        """Whether attempts are refused until then."""
        return self.is_open and self.limit is not None and self.attempts >= self.limit.most

    @property
    def share(self) -> str:
        """The attempts and their limit, for example "3/10"."""
        return f"{self.attempts}/{'-' if self.limit is None else self.limit.most}"


def shown(row: Throttle) -> Shown:
    """Return ``row`` as people see it."""
    kind, _colon, label = short_name(row.bucket).partition(":")
    return Shown(
        kind=kind,
        in_words=str(KINDS.get(kind, kind)),
        label=label,
        attempts=row.attempts,
        limit=getattr(options(), f"throttle_{kind}", None),
        until=clock.to_datetime(row.until),
        is_open=row.until > clock.now(),
    )


def open_rows() -> QuerySet[Throttle]:
    """Return the rows whose windows still count failures, those with the most first."""
    rows = counting.rows().filter(until__gt=clock.now(), attempts__gt=0)
    return rows.order_by("-attempts", "bucket")


def matching(text: str) -> Q:
    """Return what selects the rows of a user name, an e-mail address or a network: exact text."""
    found = of_account(text)
    try:
        return found | of_network(text)
    except ValueError:
        return found


def of_account(name: str) -> Q:
    """Return what selects the rows of a user name or an e-mail address."""
    found = Q(pk__in=[])
    for prefix in bucket_names.prefixes_of_account(name):
        found |= Q(pk__startswith=prefix)
    return found


def of_network(address: str) -> Q:
    """Return what selects the rows of the network of an address. Raises ``ValueError`` for other text."""
    return Q(pk__in=bucket_names.names_of_network(address))

"""What may be seen of an API token."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.models import ApiToken
from frontdesk.storages.rows import id_of_pk, pk_of_id
from frontdesk.words.devices import device_in_words
from frontdesk.words.places import place_of


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What users, staff and programs may see of an API token: not its text. Times are aware, in UTC."""

    id: str
    """The public id: the first 15 characters after the prefix."""
    user_id: str
    """The id of the user as text."""
    name: str
    """The name that the user gave it, of 1 to 100 characters."""
    scopes: tuple[str, ...]
    """What it allows, sorted. Scopes that ``API_SCOPES`` does not declare any more are left out."""
    created: datetime
    """When it was created."""
    expires: datetime
    """When it ends. No use makes it longer."""
    last_used: datetime | None
    """When it was last used before now, at most a minute off; ``None`` if it was not."""
    ip: str
    """The address of that use; empty if unknown."""
    user_agent: str
    """The ``User-Agent`` header of that use; empty if unknown."""
    user: Any = field(default=None, repr=False, compare=False)
    """The user, where it was given or read: not in lists of all users' tokens."""

    def allows(self, *scopes: str) -> bool:
        """Return whether the token has all of these scopes."""
        return set(scopes) <= set(self.scopes)

    @property
    def scopes_in_words(self) -> list[str]:
        """What it allows, in the active language."""
        return [str(options().api_scopes[scope]) for scope in self.scopes]

    @property
    def device(self) -> str:
        """The program and its system in words, such as "curl"; empty if the token was not used."""
        return device_in_words(self.user_agent) if self.user_agent else ""

    @property
    def place(self) -> str:
        """The approximate place of the address; empty if unknown."""
        return place_of(self.ip)


def info_of(row: ApiToken, user: Any = None) -> TokenInfo:
    """Return what may be seen of ``row``."""
    return TokenInfo(
        id=row.id,
        user_id=user_id_in(row),
        name=row.name,
        scopes=declared(row.scopes.split()),
        created=clock.to_datetime(row.created),
        expires=clock.to_datetime(row.expires),
        last_used=None if row.last_used is None else clock.to_datetime(row.last_used),
        ip=row.ip,
        user_agent=row.user_agent,
        user=user,
    )


def declared(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``scopes`` that ``API_SCOPES`` declares, sorted."""
    return tuple(sorted(set(scopes) & set(options().api_scopes)))


def user_id_in(row: ApiToken) -> str:
    """Return the id of the user of ``row``, as :mod:`frontdesk.storages.rows` writes it."""
    return id_of_pk(row.user_id, user_field().target_field)


def pk_for(user_id: str) -> Any:
    """Return what the column of the user holds for the user with this id; ``None`` if no user can have it."""
    return pk_of_id(user_id, user_field().target_field)


def user_field() -> Any:
    """Return the field of a token's user."""
    return ApiToken._meta.get_field("user")

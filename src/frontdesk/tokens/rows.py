"""The rows of API tokens, in the database that the routers choose.

Reads go where writes go, because a replica may still show a token that has ended.
"""

from collections.abc import Callable, Collection, Iterable
from functools import cache, partial
from typing import Any, Final, ParamSpec, TypeVar

from django.db import connections, router, transaction
from django.db.models import QuerySet

from frontdesk.core import clock
from frontdesk.core.flow import Flow, blocking
from frontdesk.core.record import UNCHANGED
from frontdesk.http.client import Client, network_of
from frontdesk.models import ApiToken
from frontdesk.signals import (
    Reason,
    api_token_created,
    api_token_ended,
    api_token_used_from_new_network,
)
from frontdesk.storages.rows import OneRow, execute
from frontdesk.tokens.info import info_of, pk_for, user_field

P = ParamSpec("P")
Result = TypeVar("Result")

USE_INTERVAL: Final = clock.MINUTE
"""The last use is written at most once in this time."""

NETWORKS: Final = 50
"""How many networks of a token are remembered. Uses from further ones are not reported any more."""


def in_database(function: Callable[..., Result], *args: Any) -> Flow[Result]:
    """Call ``function``, which uses the ORM; async callers by one hop to a thread.

    Raises :exc:`~frontdesk.errors.StorageUnavailable` if the database cannot answer.
    """

    result: Result = yield blocking(_execute, function, *args)
    return result


def _execute(function: Callable[..., Result], *args: Any) -> Result:
    return execute(lambda _: function(*args), alias(), "the database of the API tokens")


def alias() -> str:
    """Return the database of the tokens."""
    return router.db_for_write(ApiToken)


def all_rows() -> QuerySet[ApiToken]:
    """Return all rows, expired ones included."""
    return ApiToken.objects.using(alias())


def live_rows() -> QuerySet[ApiToken]:
    """Return the rows that have not expired."""
    return all_rows().filter(expires__gt=clock.now())


def of_users(user_ids: Collection[str]) -> QuerySet[ApiToken]:
    """Return the rows of these users, expired ones included."""
    pks = [pk for each in user_ids if (pk := pk_for(each)) is not None]
    return all_rows().filter(user_id__in=pks)


# Finding one, with its user.


@cache
def _select(alias: str, users: Any) -> OneRow:
    """Return the compiled SELECT of one token, with its user if ``users``, the user model, is given."""
    rows = ApiToken.objects.using(alias).filter(pk="id")
    return OneRow(rows.select_related("user") if users else rows)


def find(id: str) -> tuple[ApiToken | None, Any]:
    """Return the token with this id and its user in one query.

    The user is ``None`` if it is gone, and ``UNCHANGED`` if it cannot be joined.
    """
    where, users = alias(), user_field().joinable_users
    if users is not None and router.db_for_write(users) != where:
        users = None
    select = _select(where, users)
    row = select.fetch(id)
    if row is None:
        return None, UNCHANGED
    token = select.instance(ApiToken, row, select.columns)
    return token, select.instance(users, row, select.related[0]) if users else UNCHANGED


# Writing. What is reported is reported after the commit.


def insert(row: ApiToken, user: Any, most: int) -> bool:
    """Store ``row``, unless its user has ``most`` live tokens.

    It is inserted first and counted then, so that concurrent calls cannot exceed the limit. Those in
    transactions do not see each other, so they count again after the commit, and the newest tokens end.
    """
    row.save(using=alias(), force_insert=True)
    if live_rows().filter(user_id=row.user_id).count() > most:
        all_rows().filter(pk=row.pk).delete()
        return False
    _after_commit(partial(api_token_created.send_robust, ApiToken, token=info_of(row, user)))
    if connections[alias()].in_atomic_block:
        surplus = live_rows().filter(user_id=row.user_id).order_by("created", "pk")[most:]
        _after_commit(partial(end, surplus, Reason.LIMIT, user))
    return True


def end(rows: Iterable[ApiToken], reason: Reason, user: Any = None) -> int:
    """Delete ``rows``, and return how many of them this call has ended.

    One by one, because a single DELETE does not tell which rows it found.
    """
    ended = 0
    for row in rows:
        if all_rows().filter(pk=row.pk).delete()[0]:
            ended += 1
            facts = {"token": info_of(row, user), "reason": reason}
            _after_commit(partial(api_token_ended.send_robust, ApiToken, **facts))
    return ended


def end_all_of(user_id: str, reason: Reason, user: Any = None) -> int:
    """End the live tokens of a user, and return how many.

    In a transaction, once more after the commit: it may not see those that were made since it began.
    """
    tokens = live_rows().filter(user_id=pk_for(user_id))
    if connections[alias()].in_atomic_block:
        _after_commit(partial(end, tokens.all(), reason, user))
    return end(tokens, reason, user)


def is_worth_noting(row: ApiToken, client: Client, now: int) -> bool:
    """Return whether a use is to be written: at most once a minute, or if the network is a new one."""
    # The clocks of servers differ, so the last use may lie ahead.
    due = row.last_used is None or abs(now - row.last_used) >= USE_INTERVAL
    return due or _is_new(row, network_of(client.ip))


def note_use(row: ApiToken, user: Any, client: Client, now: int) -> None:
    """Write when and from where the token is used."""
    changes = {"last_used": now, **client._asdict()}
    # Not inside the view's transaction, since concurrent uses would wait for its end.
    if _is_new(row, network := network_of(client.ip)):
        _after_commit(partial(_note_network, row, user, network, changes))
    else:
        # Of concurrent uses, one still finds what all of them have read.
        same = all_rows().filter(pk=row.pk, last_used=row.last_used)
        _after_commit(partial(same.update, **changes))


def _is_new(row: ApiToken, network: str) -> bool:
    known = row.networks.split()
    return bool(network) and network not in known and len(known) < NETWORKS


def _note_network(row: ApiToken, user: Any, network: str, changes: dict[str, Any]) -> None:
    rows, known = all_rows().filter(pk=row.pk), row.networks
    while not rows.filter(networks=known).update(networks=f"{known} {network}".strip(), **changes):
        # Another request has noted a network meanwhile, perhaps this one.
        found = rows.values_list("networks", flat=True).first()
        if found is None or network in found.split():
            return
        known = found
    client = {"ip": changes["ip"], "user_agent": changes["user_agent"]}
    api_token_used_from_new_network.send_robust(ApiToken, token=info_of(row, user), **client)


def _after_commit(function: Callable[[], Any]) -> None:
    """Call ``function`` after the commit. A failure is logged: what it is about has happened already."""

    def call() -> None:  # a partial() has no name for the log in Django 5.2
        function()

    transaction.on_commit(call, using=alias(), robust=True)

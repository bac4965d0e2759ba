"""``manage.py frontdesk tokens``: list, end and create API tokens."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.core.management import CommandError
from django.db.models import Q, QuerySet

from frontdesk import api_tokens
from frontdesk.core import clock
from frontdesk.errors import ApiTokenLimitReached
from frontdesk.models import ApiToken
from frontdesk.signals import Reason
from frontdesk.staff import operations
from frontdesk.staff.commands.arguments import (
    NAMED,
    SHOWN,
    add_choice_of_ends,
    add_group,
    add_subcommand,
    add_user,
    chosen_ids,
    chosen_user,
    duration,
    number,
)
from frontdesk.staff.commands.output import Output, counted, times_as_json
from frontdesk.tokens import rows as token_rows
from frontdesk.tokens.info import TokenInfo, info_of, pk_for
from frontdesk.words.times import ago_in_words, exact_time


def add_subcommands(subcommands: Any) -> None:
    """Add ``tokens list``, ``tokens end`` and ``tokens create``."""
    group = add_group(subcommands, "tokens", "List, end and create API tokens.")

    added = add_subcommand(group, "list", list_tokens, "List live API tokens, newest first.")
    add_user(added.add_mutually_exclusive_group())
    added.add_argument("--limit", type=number, default=SHOWN, help="At most so many.")

    added = add_subcommand(
        group, "end", end_tokens, "End API tokens. Programs are refused at once."
    )
    add_choice_of_ends(added, "--token", "API tokens")

    added = add_subcommand(
        group, "create", create_token, "Create an API token, and write its text once."
    )
    add_user(added.add_mutually_exclusive_group(required=True))
    added.add_argument("--name", required=True, help="What will use it.")
    added.add_argument("--scope", nargs="+", default=[], help="What it may do.")
    added.add_argument(
        "--age", type=duration, metavar="TIME", help="How long it lasts: 12h, 30d or 2w."
    )


def list_tokens(out: Output, options: dict[str, Any]) -> None:
    """Show live API tokens."""
    found = _chosen_tokens(options)
    shown = list(found[: options["limit"]])
    if out.as_json:
        out.write_json(_as_json(*each) for each in _described(shown))
        return
    _write_table(out, shown)
    out.say(counted(found.count(), "API token"))


def end_tokens(out: Output, options: dict[str, Any]) -> None:
    """Show API tokens, ask, and end them."""
    found = _chosen_tokens(options)
    total = found.count()
    if not out.as_json:
        _write_table(out, found[:NAMED])
        if total > NAMED:
            out.stdout.write(f"and {total - NAMED} more")
    if not out.may_end(total, "API token", options):
        return
    ended = token_rows.end(found, Reason.REVOKED_BY_STAFF)
    out.write_result({"ended": ended}, f"{counted(ended, 'API token')} ended.")


def create_token(out: Output, options: dict[str, Any]) -> None:
    """Create an API token, and write its text."""
    (user,) = operations.users_with_id(str(chosen_user(options))) or [None]
    if user is None:
        raise CommandError(f"There is no user {options['user_id']!r}.")
    age = None if options["age"] is None else timedelta(microseconds=options["age"])
    try:
        info, text = api_tokens.create(user, options["name"], options["scope"], age)
    except (ValueError, ApiTokenLimitReached) as error:
        raise CommandError(str(error)) from error
    if out.as_json:
        out.write_json([{**_as_json(info, user.get_username()), "token": text}])
        return
    out.stdout.write(text)
    out.say(f"It ends {exact_time(info.expires)}, and is not shown again.")


def _write_table(out: Output, found: Iterable[ApiToken]) -> None:
    headings = ("ID", "USER", "NAME", "SCOPES", "LAST USED", "ENDS")
    lines: list[tuple[str, ...]] = [
        (
            info.id,
            user,
            info.name,
            " ".join(info.scopes) or "-",
            "-" if info.last_used is None else ago_in_words(info.last_used),
            exact_time(info.expires),
        )
        for info, user in _described(found)
    ]
    out.write_lines(headings, lines)


def _chosen_tokens(options: dict[str, Any]) -> QuerySet[ApiToken]:
    """Return the live API tokens that the arguments name, newest first; all if they name none."""
    found = token_rows.live_rows().order_by("-created", "-pk")
    user_id = chosen_user(options)
    if user_id is not None:
        found = found.filter(user_id=pk_for(user_id))
    if options.get("token"):
        found = found.filter(pk__in=chosen_ids(options, "token"))
    if (unused_for := options.get("unused_for")) is not None:
        latest = clock.now() - unused_for
        unused = Q(last_used=None, created__lte=latest) | Q(last_used__lte=latest)
        found = found.filter(unused)
    return found


def _described(found: Iterable[ApiToken]) -> Iterator[tuple[TokenInfo, str]]:
    """Yield what may be seen of each token, and its user's name."""
    infos = [info_of(row) for row in found]
    names = operations.names_of(info.user_id for info in infos)
    for info in infos:
        yield info, operations.user_in_words(info.user_id, names)


def _as_json(info: TokenInfo, user: str) -> dict[str, Any]:
    return {
        "id": info.id,
        "user_id": info.user_id,
        "username": user,
        "name": info.name,
        "scopes": info.scopes,
        "ip": info.ip,
        "user_agent": info.user_agent,
        **times_as_json(info, "created", "expires", "last_used"),
    }

"""``manage.py frontdesk throttle``: list and clear what the sign-in throttle counts."""

from typing import Any

from django.core.management import CommandError
from django.db.models import Q

from frontdesk.signin import counting
from frontdesk.staff import buckets
from frontdesk.staff.commands.arguments import SHOWN, add_group, add_subcommand, number
from frontdesk.staff.commands.output import Output, counted
from frontdesk.words.times import exact_time


def add_subcommands(subcommands: Any) -> None:
    """Add ``throttle list`` and ``throttle clear``."""
    group = add_group(subcommands, "throttle", "List and clear what the sign-in throttle counts.")

    added = add_subcommand(group, "list", list_throttle, "List failed attempts that count.")
    _add_bucket(added.add_mutually_exclusive_group())
    added.add_argument("--limit", type=number, default=SHOWN, help="At most so many.")

    added = add_subcommand(group, "clear", clear_throttle, "Forget attempts that count.")
    which = added.add_mutually_exclusive_group(required=True)
    _add_bucket(which)
    which.add_argument("--all", action="store_true", help="All accounts and networks.")


def _add_bucket(group: Any) -> None:
    group.add_argument("--username", help="Those of this user name or e-mail address.")
    group.add_argument("--network", help="Those of this network, or of that of this address.")


def list_throttle(out: Output, options: dict[str, Any]) -> None:
    """Show what has counted attempts."""
    rows = buckets.open_rows().filter(_chosen_buckets(options))
    found = [buckets.shown(row) for row in rows[: options["limit"]]]
    if out.as_json:
        out.write_json(_as_json(each) for each in found)
        return
    out.write_lines(
        ("COUNTED FOR", "WHICH", "ATTEMPTS", "STATE", "UNTIL"),
        [
            (
                each.in_words,
                each.label,
                each.share,
                "refused" if each.refuses else "counting",
                exact_time(each.until),
            )
            for each in found
        ],
    )
    out.say(counted(rows.count(), "count"))


def clear_throttle(out: Output, options: dict[str, Any]) -> None:
    """Delete counts."""
    cleared = counting.rows().filter(_chosen_buckets(options)).delete()[0]
    out.write_result({"cleared": cleared}, f"{counted(cleared, 'count')} cleared.")


def _chosen_buckets(options: dict[str, Any]) -> Q:
    """Return what selects the rows that the arguments name; all if they name none."""
    name, network = options["username"], options["network"]
    if name is not None:
        return buckets.of_account(name)
    if network is None:
        return Q()
    try:
        return buckets.of_network(network)
    except ValueError:
        raise CommandError(f"{network!r} is not an address, such as 198.51.100.7.") from None


def _as_json(each: buckets.Shown) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "which": each.label,
        "attempts": each.attempts,
        "limit": None if each.limit is None else each.limit.most,
        "refused": each.refuses,
        "until": each.until.isoformat(timespec="seconds"),
    }

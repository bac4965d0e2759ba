"""``manage.py frontdesk``: list, end, count, purge and import sessions; the throttle; API tokens."""

import json
import logging
import os
import re
import shutil
import sys
import time
from argparse import SUPPRESS, ArgumentTypeError
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser
from django.db import DatabaseError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from frontdesk import api_tokens
from frontdesk.core import clock, keys
from frontdesk.core.flow import run
from frontdesk.core.record import Record
from frontdesk.errors import ApiTokenLimitReached, InvalidSetting, StorageUnavailable
from frontdesk.http.purge import BATCH, MARGIN, purge
from frontdesk.http.values import serializer_in_force
from frontdesk.models import ApiToken
from frontdesk.sessions import SessionInfo, info_of
from frontdesk.signals import Reason
from frontdesk.signin import counting
from frontdesk.staff import buckets, importing, operations
from frontdesk.staff.rows import user_in_words
from frontdesk.staff.terminal import Progress, lines_of
from frontdesk.storages import get_storage
from frontdesk.storages.base import Scans
from frontdesk.storages.rows import is_table_missing, pk_of_id, user_id_of
from frontdesk.tokens import rows as token_rows
from frontdesk.tokens.info import TokenInfo, pk_for
from frontdesk.tokens.info import info_of as token_info
from frontdesk.words.times import ago_in_words, exact_time

SHOWN: Final = 100
"""How many sessions ``list`` shows unless ``--limit`` says otherwise."""

NAMED: Final = 10
"""How many sessions ``end`` names before it asks."""

UNITS: Final = {"m": clock.MINUTE, "h": 60 * clock.MINUTE, "d": clock.DAY, "w": 7 * clock.DAY}

UNAVAILABLE: Final = 75
"""The exit code if the storage cannot answer now (sysexits.h, ``EX_TEMPFAIL``)."""

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as shells have it."""


class Command(BaseCommand):
    """Each subcommand is a method. Results go to stdout, and all else to stderr."""

    help = "List, end, count, purge and import sessions; the sign-in throttle; API tokens."

    # Some of Django's checks ask the database. If that is down, they end in a traceback.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        subcommands = parser.add_subparsers(metavar="SUBCOMMAND")

        def add(
            name: str, method: Callable[..., None], text: str, to: Any = subcommands
        ) -> CommandParser:
            added: CommandParser = to.add_parser(name, help=text, description=text)
            added.set_defaults(method=method)
            added.add_argument("--json", action="store_true", help="Write JSON, one value a line.")
            _add_options_of_django(added)
            return added

        def add_group(name: str, text: str) -> Any:
            group = subcommands.add_parser(name, help=text, description=text)
            return group.add_subparsers(metavar="ACTION", required=True)

        added = add("list", self.list_sessions, "List live sessions, most recently used first.")
        _add_user(added.add_mutually_exclusive_group())
        added.add_argument(
            "--limit",
            type=_number,
            help=f"At most so many; {SHOWN} if not given, or all with --json.",
        )

        added = add("end", self.end_sessions, "End sessions. Their users are signed out at once.")
        _add_choice_of_ends(added, "--session", "sessions")

        add("stats", self.count_sessions, "Count live sessions.")

        added = add("purge", self.purge, "Delete expired sessions, in batches.")
        added.add_argument("--batch", type=_number, default=BATCH, help="How many at once.")
        added.add_argument("--limit", type=_number, help="Stop after so many.")
        added.add_argument(
            "--pause", type=float, default=0.0, metavar="SECONDS", help="Wait after each batch."
        )
        added.add_argument("--dry-run", action="store_true", help="Only count.")

        group = add_group("throttle", "List and clear what the sign-in throttle counts.")
        added = add("list", self.list_throttle, "List failed attempts that count.", group)
        _add_bucket(added.add_mutually_exclusive_group())
        added.add_argument("--limit", type=_number, default=SHOWN, help="At most so many.")
        added = add("clear", self.clear_throttle, "Forget attempts that count.", group)
        which = added.add_mutually_exclusive_group(required=True)
        _add_bucket(which)
        which.add_argument("--all", action="store_true", help="All accounts and networks.")

        group = add_group("tokens", "List, end and create API tokens.")
        added = add("list", self.list_tokens, "List live API tokens, newest first.", group)
        _add_user(added.add_mutually_exclusive_group())
        added.add_argument("--limit", type=_number, default=SHOWN, help="At most so many.")
        added = add("end", self.end_tokens, "End API tokens. Programs are refused at once.", group)
        _add_choice_of_ends(added, "--token", "API tokens")
        added = add(
            "create", self.create_token, "Create an API token, and write its text once.", group
        )
        _add_user(added.add_mutually_exclusive_group(required=True))
        added.add_argument("--name", required=True, help="What will use it.")
        added.add_argument("--scope", nargs="+", default=[], help="What it may do.")
        added.add_argument(
            "--age", type=_duration, metavar="TIME", help="How long it lasts: 12h, 30d or 2w."
        )

        add("import", self.import_sessions, "Move sessions in from where MIGRATE_FROM says.")

    def handle(self, *args: Any, **options: Any) -> None:
        if "method" not in options:
            self.create_parser(Path(sys.argv[0]).name, "frontdesk").print_help(self.stdout)
            return
        try:
            with _outage_said_once():
                options["method"](options)
            self.stdout.flush()
        except BrokenPipeError:
            # The reader, such as "head", has what it wanted. Python would complain at its exit:
            # https://docs.python.org/3/library/signal.html#note-on-sigpipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            said = _("Interrupted. What is done stays done.")
            raise CommandError(said, returncode=INTERRUPTED) from None
        except InvalidSetting as error:
            raise CommandError(str(error)) from error
        except (StorageUnavailable, DatabaseError) as error:
            raise CommandError(_unavailable(error), returncode=UNAVAILABLE) from error

    # list

    def list_sessions(self, options: dict[str, Any]) -> None:
        user_id, limit = _chosen_user(options), options["limit"]
        if options["json"] and limit is None:
            found = (
                operations.all_sessions() if user_id is None else operations.sessions_of(user_id)
            )
            self._write_json(_as_json(*each) for each in _described(found))
            return
        limit = limit or SHOWN
        total, newest = (
            operations.newest_of_all(limit)
            if user_id is None
            else operations.newest(operations.sessions_of(user_id), limit)
        )
        if options["json"]:
            self._write_json(_as_json(*each) for each in _described(newest))
            return
        self._write_table(newest)
        self._write_total(total, len(newest), user_id)

    def _write_total(self, total: int, shown: int, user_id: str | None) -> None:
        words = _sessions_in_words(total)
        if shown < total:
            words = _("%(shown)d of %(sessions)s. --limit shows more.") % {
                "shown": shown,
                "sessions": words,
            }
        self._say(words)
        if user_id is None:
            self._say_what_is_missing()

    # end

    def end_sessions(self, options: dict[str, Any]) -> None:
        user_id = _chosen_user(options)
        total, named = operations.newest(self._reading(_selected(options, user_id)), NAMED)
        if not options["json"]:
            self._write_table(named)
            if total > len(named):
                self.stdout.write(_("and %(count)d more") % {"count": total - len(named)})
        if options["all"]:
            self._say_what_is_missing()
        if options["dry_run"]:
            said = _("%(sessions)s would end.") % {"sessions": _sessions_in_words(total)}
            self._write_result({"would_end": total}, said, options)
        elif total and not self._is_confirmed(_question(total), options):
            self._say(_("No session was ended."))
        else:
            ended = 0
            with Progress(self.stderr, _("Ended"), total) as progress:
                for batch in operations.end_sessions(
                    record.id for record in _selected(options, user_id)
                ):
                    ended += len(batch)
                    progress.advance(len(batch))
            said = _("%(sessions)s ended.") % {"sessions": _sessions_in_words(ended)}
            self._write_result({"ended": ended}, said, options)

    def _is_confirmed(self, question: str, options: dict[str, Any]) -> bool:
        if options["yes"]:
            return True
        if not sys.stdin.isatty():
            raise CommandError(_("There is no terminal to ask on. Add --yes to end them."))
        self.stderr.write(f"{question} [y/N] ", style_func=str, ending="")
        self.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes", _("y"), _("yes")}

    # stats

    def count_sessions(self, options: dict[str, Any]) -> None:
        now, storage, users = clock.now(), get_storage(), set()
        counts: Counter[str] = Counter()
        for record in self._reading(operations.all_sessions()):
            counts["live"] += 1
            counts["anonymous"] += record.user_id is None
            counts["last_hour"] += record.last_seen > now - UNITS["h"]
            counts["last_day"] += record.last_seen > now - UNITS["d"]
            users.add(record.user_id)
        expired = storage.count_expired(now - MARGIN) if isinstance(storage, Scans) else None
        lines: list[tuple[str, str, int | None]] = [
            ("live", _("live sessions"), counts["live"]),
            ("signed_in", _("signed in"), counts["live"] - counts["anonymous"]),
            ("users", _("different users"), len(users - {None})),
            ("anonymous", _("anonymous"), counts["anonymous"] if operations.can_list() else None),
            ("used_in_the_last_hour", _("used in the last hour"), counts["last_hour"]),
            ("used_in_the_last_day", _("used in the last 24 hours"), counts["last_day"]),
            ("expired", _("expired, to be purged"), expired),
        ]
        if options["json"]:
            self._write_json([{name: count for name, _words, count in lines}])
            return
        self.stdout.write(operations.storage_in_words(storage))
        for _name, words, count in lines:
            self.stdout.write(f"{'-' if count is None else count:>10}  {words}")
        self._say_what_is_missing()

    # purge

    def purge(self, options: dict[str, Any]) -> None:
        storage, limit = get_storage(), options["limit"]
        count = storage.count_expired(clock.now() - MARGIN) if isinstance(storage, Scans) else None
        if options["dry_run"]:
            if count is None:
                raise CommandError(_("This storage cannot count what has expired."))
            said = _("%(sessions)s would be deleted.") % {"sessions": _sessions_in_words(count)}
            self._write_result({"would_delete": count}, said, options)
            return
        with Progress(self.stderr, _("Deleted"), count and min(count, limit or count)) as progress:

            def on_batch(size: int) -> None:
                progress.advance(size)
                if size:
                    time.sleep(options["pause"])

            deleted = run(purge(options["batch"], limit, on_batch))
        said = _("%(sessions)s deleted.") % {"sessions": _sessions_in_words(deleted)}
        self._write_result({"deleted": deleted}, said, options)

    # throttle

    def list_throttle(self, options: dict[str, Any]) -> None:
        rows = buckets.open_rows().filter(_chosen_buckets(options))
        found = [buckets.shown(row) for row in rows[: options["limit"]]]
        if options["json"]:
            self._write_json(_bucket_as_json(each) for each in found)
            return
        self._write_lines(
            (_("COUNTED FOR"), _("WHICH"), _("ATTEMPTS"), _("STATE"), _("UNTIL")),
            [
                (
                    each.in_words,
                    each.label,
                    each.share,
                    _("refused") if each.refuses else _("counting"),
                    exact_time(each.until),
                )
                for each in found
            ],
        )
        self._say(_counts_in_words(rows.count()))

    def clear_throttle(self, options: dict[str, Any]) -> None:
        cleared = counting.rows().filter(_chosen_buckets(options)).delete()[0]
        said = _("%(counts)s cleared.") % {"counts": _counts_in_words(cleared)}
        self._write_result({"cleared": cleared}, said, options)

    # tokens

    def list_tokens(self, options: dict[str, Any]) -> None:
        found = _chosen_tokens(options)
        shown = list(found[: options["limit"]])
        if options["json"]:
            self._write_json(_token_as_json(*each) for each in _tokens_described(shown))
            return
        self._write_tokens(shown)
        self._say(_tokens_in_words(found.count()))

    def end_tokens(self, options: dict[str, Any]) -> None:
        found = _chosen_tokens(options)
        total = found.count()
        if not options["json"]:
            self._write_tokens(found[:NAMED])
            if total > NAMED:
                self.stdout.write(_("and %(count)d more") % {"count": total - NAMED})
        if options["dry_run"]:
            said = _("%(tokens)s would end.") % {"tokens": _tokens_in_words(total)}
            self._write_result({"would_end": total}, said, options)
            return
        question = ngettext("End this API token?", "End these %(count)d API tokens?", total)
        if total and not self._is_confirmed(question % {"count": total}, options):
            self._say(_("No API token was ended."))
            return
        ended = token_rows.end(found, Reason.REVOKED_BY_STAFF)
        said = _("%(tokens)s ended.") % {"tokens": _tokens_in_words(ended)}
        self._write_result({"ended": ended}, said, options)

    def create_token(self, options: dict[str, Any]) -> None:
        (user,) = operations.users_with_id(str(_chosen_user(options))) or [None]
        if user is None:
            raise CommandError(_("There is no user %(name)r.") % {"name": options["user_id"]})
        age = None if options["age"] is None else timedelta(microseconds=options["age"])
        try:
            info, text = api_tokens.create(user, options["name"], options["scope"], age)
        except (ValueError, ApiTokenLimitReached) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self._write_json([{**_token_as_json(info, user.get_username()), "token": text}])
            return
        self.stdout.write(text)
        self._say(
            _("It ends %(time)s, and is not shown again.") % {"time": exact_time(info.expires)}
        )

    def _write_tokens(self, found: Iterable[ApiToken]) -> None:
        headings = (_("ID"), _("USER"), _("NAME"), _("SCOPES"), _("LAST USED"), _("ENDS"))
        lines: list[tuple[str, ...]] = [
            (
                info.id,
                user,
                info.name,
                " ".join(info.scopes) or "-",
                "-" if info.last_used is None else ago_in_words(info.last_used),
                exact_time(info.expires),
            )
            for info, user in _tokens_described(found)
        ]
        self._write_lines(headings, lines)

    # import

    def import_sessions(self, options: dict[str, Any]) -> None:
        counts: importing.Outcomes = Counter()
        with Progress(self.stderr, _("Imported"), importing.to_import()) as progress:
            for batch in importing.imported():
                counts.update(batch)
                progress.advance(batch.total())
        result = {
            "moved": counts[importing.MOVED],
            "there_already": counts[importing.THERE],
            "unreadable": counts[importing.UNREADABLE],
        }
        said = _(
            "%(sessions)s moved, %(there)d there already, %(unreadable)d empty or unreadable."
        ) % {
            "sessions": _sessions_in_words(result["moved"]),
            "there": result["there_already"],
            "unreadable": result["unreadable"],
        }
        self._write_result(result, said, options)

    # Output.

    def _say(self, text: str) -> None:
        self.stderr.write(text, style_func=str)

    def _say_what_is_missing(self) -> None:
        if not operations.can_list():
            self._say(
                _(
                    "This storage cannot list its sessions, so each user's were read. Anonymous ones are "
                    "missing."
                )
            )

    def _reading(self, records: Iterable[Record]) -> Iterator[Record]:
        with Progress(self.stderr, _("Reading sessions")) as progress:
            for record in records:
                progress.advance()
                yield record

    def _write_result(self, result: dict[str, int], words: str, options: dict[str, Any]) -> None:
        if options["json"]:
            self._write_json([result])
        else:
            self.stdout.write(words)

    def _write_json(self, values: Iterable[dict[str, Any]]) -> None:
        for value in values:
            self.stdout.write(json.dumps(value, default=str))

    def _write_table(self, records: Iterable[Record]) -> None:
        headings = (_("ID"), _("USER"), _("DEVICE"), _("ADDRESS"), _("LAST USED"))
        self._write_lines(headings, [_as_row(*each) for each in _described(records)])

    def _write_lines(self, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        if rows:
            width = shutil.get_terminal_size().columns if self.stdout.isatty() else None
            for line in lines_of([headings, *rows], width):
                self.stdout.write(line)


def _add_options_of_django(parser: CommandParser) -> None:
    """Let Django's own options also come after the name of the subcommand."""
    parser.add_argument("-v", "--verbosity", type=int, default=SUPPRESS, help=SUPPRESS)
    for name in ("--settings", "--pythonpath"):
        parser.add_argument(name, default=SUPPRESS, help=SUPPRESS)
    for name in ("--traceback", "--no-color", "--force-color", "--skip-checks"):
        parser.add_argument(name, action="store_true", default=SUPPRESS, help=SUPPRESS)


def _add_user(group: Any) -> None:
    group.add_argument("--user", help="The user with this user name or id.")
    group.add_argument("--username", help="The user with exactly this user name.")
    group.add_argument("--user-id", metavar="ID", help="The user with exactly this id.")


def _add_choice_of_ends(parser: CommandParser, ids: str, what: str) -> None:
    whose = parser.add_mutually_exclusive_group(required=True)
    _add_user(whose)
    whose.add_argument(ids, metavar="ID", nargs="+", help=f"The {what} with these ids.")
    whose.add_argument("--all", action="store_true", help=f"All {what}, yours included.")
    parser.add_argument(
        "--unused-for",
        type=_duration,
        metavar="TIME",
        help="Only those that were not used for so long: 15m, 12h, 30d or 2w.",
    )
    parser.add_argument("--dry-run", action="store_true", help="Only show which would end.")
    parser.add_argument("--yes", "--noinput", action="store_true", help="Do not ask.")


def _add_bucket(group: Any) -> None:
    group.add_argument("--username", help="Those of this user name or e-mail address.")
    group.add_argument("--network", help="Those of this network, or of that of this address.")


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
        raise CommandError(
            _("%(text)r is not an address, such as 198.51.100.7.") % {"text": network}
        ) from None


def _bucket_as_json(each: buckets.Shown) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "which": each.label,
        "attempts": each.attempts,
        "limit": None if each.limit is None else each.limit.most,
        "refused": each.refuses,
        "until": each.until.isoformat(timespec="seconds"),
    }


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ArgumentTypeError(f"{text!r} is not a whole number, 1 or more")
    return int(text)


def _duration(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    if not match:
        raise ArgumentTypeError(f"{text!r} is not a time such as 15m, 12h, 30d or 2w")
    return int(match[1]) * UNITS[match[2]]


def _chosen_user(options: dict[str, Any]) -> str | None:
    """Return the id of the user that the arguments name; ``None`` if they name none.

    Raises ``CommandError`` if there is no such user, or if ``--user`` may mean two users.
    """
    name, user_id, either = options["username"], options["user_id"], options["user"]
    if user_id is not None:
        # The user may have been deleted, and still have sessions.
        if pk_of_id(user_id) is None:
            raise CommandError(_("No user can have the id %(id)r.") % {"id": user_id})
        return str(user_id)
    text = name if either is None else either
    if text is None:
        return None
    called = operations.users_called(text)
    found = called if either is None else [*called, *operations.users_with_id(text)]
    ids = list(dict.fromkeys(user_id_of(user) for user in found))
    if not ids:
        raise CommandError(_("There is no user %(name)r.") % {"name": text})
    if len(ids) > 1:
        raise CommandError(
            _(
                "%(name)r is the user name of the user with the id %(id)s, and the id of the user "
                "%(other)r. Say which one: --username %(name)s or --user-id %(name)s."
            )
            % {"name": text, "id": ids[0], "other": found[-1].get_username()}
        )
    return ids[0]


def _selected(options: dict[str, Any], user_id: str | None) -> Iterable[Record]:
    """Return the sessions that are to end."""
    found: Iterable[Record]
    if options["session"]:
        if wrong := [each for each in options["session"] if not keys.is_id(each)]:
            raise CommandError(
                _("%(id)r is not a session id. An id has 15 characters, as the list shows them.")
                % {"id": wrong[0]}
            )
        found = operations.find(options["session"])
    elif user_id is not None:
        found = operations.sessions_of(user_id)
    else:
        found = operations.all_sessions()
    unused_for = options["unused_for"]
    if unused_for is None:
        return found
    latest = clock.now() - unused_for
    return (record for record in found if record.last_seen <= latest)


def _described(records: Iterable[Record]) -> Iterator[tuple[SessionInfo, str]]:
    """Yield what may be seen of each session, and its user's name. One query finds a batch of names."""
    remaining, serializer = iter(records), serializer_in_force()
    while batch := list(islice(remaining, operations.BATCH)):
        names = operations.names_of(record.user_id for record in batch)
        for record in batch:
            yield info_of(record, serializer), user_in_words(record.user_id, names)


def _as_row(info: SessionInfo, user: str) -> tuple[str, ...]:
    return info.id, user, info.device, info.ip or "-", ago_in_words(info.last_seen)


def _as_json(info: SessionInfo, user: str) -> dict[str, Any]:
    return {
        "id": info.id,
        "user_id": info.user_id,
        "username": None if info.user_id is None else user,
        "device": info.device,
        "ip": info.ip,
        "user_agent": info.user_agent,
        **_times(info, "created", "authenticated", "last_seen", "idle_until", "ends_at"),
    }


def _question(total: int) -> str:
    question = ngettext("End this session?", "End these %(count)d sessions?", total)
    return question % {"count": total}


def _chosen_tokens(options: dict[str, Any]) -> QuerySet[ApiToken]:
    """Return the live API tokens that the arguments name, newest first; all if they name none."""
    found = token_rows.live_rows().order_by("-created", "-pk")
    user_id = _chosen_user(options)
    if user_id is not None:
        found = found.filter(user_id=pk_for(user_id))
    if ids := options.get("token"):
        if wrong := [each for each in ids if not keys.is_id(each)]:
            raise CommandError(
                _("%(id)r is not a token id. An id has 15 characters, as the list shows them.")
                % {"id": wrong[0]}
            )
        found = found.filter(pk__in=ids)
    if (unused_for := options.get("unused_for")) is not None:
        latest = clock.now() - unused_for
        unused = Q(last_used=None, created__lte=latest) | Q(last_used__lte=latest)
        found = found.filter(unused)
    return found


def _tokens_described(found: Iterable[ApiToken]) -> Iterator[tuple[TokenInfo, str]]:
    """Yield what may be seen of each token, and its user's name."""
    infos = [token_info(row) for row in found]
    names = operations.names_of(info.user_id for info in infos)
    for info in infos:
        yield info, user_in_words(info.user_id, names)


def _token_as_json(info: TokenInfo, user: str) -> dict[str, Any]:
    return {
        "id": info.id,
        "user_id": info.user_id,
        "username": user,
        "name": info.name,
        "scopes": info.scopes,
        "ip": info.ip,
        "user_agent": info.user_agent,
        **_times(info, "created", "expires", "last_used"),
    }


def _times(info: SessionInfo | TokenInfo, *names: str) -> dict[str, str | None]:
    times = {name: getattr(info, name) for name in names}
    return {name: time and time.isoformat(timespec="seconds") for name, time in times.items()}


def _counts_in_words(count: int) -> str:
    return ngettext("%(count)d count", "%(count)d counts", count) % {"count": count}


def _tokens_in_words(count: int) -> str:
    return ngettext("%(count)d API token", "%(count)d API tokens", count) % {"count": count}


def _sessions_in_words(count: int) -> str:
    return ngettext("%(count)d session", "%(count)d sessions", count) % {"count": count}


@contextmanager
def _outage_said_once() -> Iterator[None]:
    """Leave out of the log that the storage cannot answer, which the command says itself.

    Only if the project has no handler for the log. Python would write it to stderr then.
    """
    logger, handler = logging.getLogger("frontdesk"), logging.StreamHandler()
    if logger.hasHandlers():
        yield
        return
    handler.setLevel(logging.WARNING)
    handler.addFilter(lambda record: vars(record).get("outage") != get_storage().outage.name)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _unavailable(error: StorageUnavailable | DatabaseError) -> str:
    words = {"error": " ".join(str(error).split()).rstrip(".?")}
    if isinstance(error, StorageUnavailable):
        return _("The session storage cannot answer: %(error)s.") % words
    if is_table_missing(error):
        return _("The database cannot answer: %(error)s. Have you run manage.py migrate?") % words
    return _("The database cannot answer: %(error)s.") % words

"""``manage.py frontdesk``: list, end, stats and purge, on every storage."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from frontdesk.errors import StorageUnavailable
from frontdesk.signals import Reason
from frontdesk.staff import operations
from frontdesk.staff.commands import sessions as command
from frontdesk.staff.commands.terminal import Progress, lines_of
from frontdesk.storages import get_storage
from frontdesk.storages.rows import user_id_of
from tests import services
from tests.requests.test_users import PROJECTS, run
from tests.staff.conftest import (
    SAFARI,
    enter,
    frontdesk,
    in_a_cache,
    in_memory,
    in_the_database,
    is_live,
    where_all_can_be_listed,
)

pytestmark = pytest.mark.django_db


def ids_in(result) -> list[str]:
    """Return the ids in a table, in its order."""
    return re.findall(r"^([0-9a-z]{15})\b", result.out, re.MULTILINE)


class Terminal(StringIO):
    """Text that goes to a terminal."""

    def isatty(self):
        return True


# --- the command itself -------------------------------------------------------------------------


def test_command_alone_prints_help(capsys):
    result = frontdesk()
    assert result.code == 0
    for name in ("list", "end", "stats", "purge", "import"):
        assert name in result.out


def test_options_of_django_may_follow_the_subcommand(storage):
    assert frontdesk("stats", "-v", "0", "--traceback", "--no-color").code == 0


@pytest.mark.parametrize("arguments", [["list"], ["end", "--all", "--yes"], ["stats"], ["purge"]])
def test_unavailable_storage_is_one_line_and_code_75(flaky, user, arguments, monkeypatch):
    def fails(*_):
        raise StorageUnavailable("the server is away")

    for name in ("scan", "count_expired", "purge"):
        monkeypatch.setattr(flaky, name, fails)
    result = frontdesk(*arguments)
    assert result.code == 75
    assert result.err == "The session storage cannot answer: the server is away."


@pytest.mark.django_db(transaction=True)
@in_the_database
def test_missing_table_is_told_before_any_traceback(storage):
    with connection.schema_editor() as editor:
        editor.delete_model(operations.Session)
    try:
        result = frontdesk("list")
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(operations.Session)
    assert result.code == 75
    assert "manage.py migrate" in result.err


def manage(*arguments: str, **options):
    """Start ``manage.py frontdesk`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "django", "frontdesk", *arguments],
        env=services.child_environment(),
        **options,
    )


@pytest.mark.django_db(transaction=True)
@in_the_database
def test_reader_that_goes_away_ends_the_list_quietly(storage, user):
    for _ in range(3):
        enter(user)
    read, write = os.pipe()
    os.close(read)  # as head does after its last line
    process = manage("list", "--json", stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert process.communicate(timeout=60)[1].decode() == ""
    assert process.returncode == 0


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("arguments", [["list"], ["list", "--user-id", "1"], ["stats"]])
def test_missing_server_is_told_once_and_before_any_traceback(arguments):
    environment = services.child_environment(DJANGO_SETTINGS_MODULE="tests.staff.no_server")
    done = subprocess.run(
        [sys.executable, "-m", "django", "frontdesk", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 75
    assert done.stderr.count("cannot answer") == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_log_of_the_project_has_the_outage_too(flaky, user, caplog):
    flaky.down.add("ids_of")
    assert frontdesk("list", "--user-id", "1").code == 75
    (record,) = caplog.records
    assert "The session storage cannot answer" in record.getMessage()


def test_other_lines_of_the_log_still_reach_the_terminal():
    """The end is reported, and that the history has not recorded it."""
    environment = services.child_environment(DJANGO_SETTINGS_MODULE="tests.staff.no_server")
    program = """
import django, logging
django.setup()
from frontdesk.management.commands.frontdesk import _outage_said_once
with _outage_said_once():
    logging.getLogger("frontdesk").error("The history is away.", extra={"outage": "The history"})
    logging.getLogger("frontdesk").error("The storage is away.", extra={"outage": "The session storage"})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == "The history is away.\n"


def test_interruption_says_that_what_is_done_stays(storage, user, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(operations, "newest_of_all", interrupted)
    result = frontdesk("list")
    assert result.code == 130
    assert "stays done" in result.err


# --- which user ---------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--user", "--username", "--user-id"])
def test_user_is_named_by_user_name_or_id(storage, user, other_user, option):
    session = enter(user)
    enter(other_user)
    name, user_id = user.get_username(), user_id_of(user)
    given = {"--username": [name], "--user-id": [user_id], "--user": [name, user_id]}[option]
    for each in given:
        result = frontdesk("list", option, each)
        assert ids_in(result) == [session.session_id]
        assert name in result.out
    assert frontdesk("end", option, given[0], "--yes", "--json").json == [{"ended": 1}]


@pytest.mark.parametrize("project", PROJECTS)
def test_user_is_named_with_the_user_model_of(project):
    """A process has only one user model."""
    this = f"{__file__}::test_user_is_named_by_user_name_or_id"
    run(project, "pytest", "-q", "-p", "no:cacheprovider", "-k", "database", this)


@pytest.fixture
def namesake(user, other_user):
    """Another user, whose user name is the id of ``user``."""
    other_user.username = str(user.pk)
    other_user.save()
    return other_user


@pytest.mark.parametrize("subcommand", [["list"], ["end", "--yes"]])
def test_name_that_is_the_id_of_another_is_an_error(storage, user, namesake, subcommand):
    mine, other = enter(user), enter(namesake)
    result = frontdesk(*subcommand, "--user", str(user.pk))
    assert (result.code, result.out) == (1, "")
    for part in (str(namesake.pk), "ada", f"--username {user.pk}", f"--user-id {user.pk}"):
        assert part in result.err
    assert is_live(mine)
    assert is_live(other)


def test_username_and_user_id_are_exact(storage, user, namesake):
    mine, other = enter(user), enter(namesake)
    assert ids_in(frontdesk("list", "--username", str(user.pk))) == [other.session_id]
    assert ids_in(frontdesk("list", "--user-id", str(user.pk))) == [mine.session_id]
    frontdesk("end", "--user-id", str(user.pk), "--yes")
    assert (is_live(mine), is_live(other)) == (False, True)


def test_sessions_of_a_deleted_user_are_found_by_id(storage, user):
    session = enter(user)
    get_user_model().objects.filter(pk=user.pk)._raw_delete("default")
    assert ids_in(frontdesk("list", "--user-id", str(user.pk))) == [session.session_id]


@in_memory
@pytest.mark.parametrize("option", ["--user", "--username", "--user-id"])
@pytest.mark.parametrize("name", ["nobody", "\0", "9" * 40, "x y"])
def test_unknown_user_is_an_error(storage, user, option, name):
    if option == "--user-id" and name.isdigit():
        return  # an id that a user could have had
    result = frontdesk("list", f"{option}={name}")
    assert (result.code, result.out) == (1, "")
    assert "user" in result.err


# --- list ---------------------------------------------------------------------------------------


def test_list_is_newest_first_and_has_a_total(storage, clock, user):
    ids = []
    for _ in range(3):
        ids.append(enter(user).session_id)
        clock.move(minutes=1)
    result = frontdesk("list")
    assert ids_in(result) == ids[::-1]
    assert "3 sessions" in result.err


def test_list_shows_a_limited_number_and_says_so(storage, clock, user):
    for _ in range(3):
        newest = enter(user)
        clock.move(minutes=1)
    result = frontdesk("list", "--limit", "1")
    assert ids_in(result) == [newest.session_id]
    assert "1 of 3 sessions" in result.err


def test_list_without_sessions_is_no_error(storage):
    result = frontdesk("list")
    assert (result.code, result.out) == (0, "")
    assert "0 sessions" in result.err


@where_all_can_be_listed
def test_list_has_anonymous_sessions(storage, user):
    enter(cart=1)
    assert "anonymous" in frontdesk("list").out


@in_a_cache
@pytest.mark.parametrize("arguments", [["list"], ["stats"], ["end", "--all", "--yes"]])
def test_storage_that_cannot_list_says_what_is_missing(storage, user, arguments):
    enter(user)
    enter(cart=1)
    result = frontdesk(*arguments)
    assert result.code == 0
    assert "Anonymous ones are missing" in result.err


def test_json_has_a_session_a_line(storage, clock, user):
    clock.set(datetime(2026, 5, 1, 12, tzinfo=UTC))
    session = enter(user, agent=SAFARI, ip="192.0.2.7", secret="of the session")
    assert frontdesk("list", "--json").json == [
        {
            "id": session.session_id,
            "user_id": str(user.pk),
            "username": "ada",
            "device": "Safari on iPhone",
            "ip": "192.0.2.7",
            "user_agent": SAFARI,
            "created": "2026-05-01T12:00:00+00:00",
            "authenticated": "2026-05-01T12:00:00+00:00",
            "last_seen": "2026-05-01T12:00:00+00:00",
            "idle_until": "2026-05-15T12:00:00+00:00",
            "ends_at": "2026-05-31T12:00:00+00:00",
        }
    ]


def test_json_has_all_sessions_unless_limited(storage, user, monkeypatch):
    monkeypatch.setattr(command, "SHOWN", 2)
    for _ in range(5):
        enter(user)
    assert len(frontdesk("list", "--json").json) == 5
    assert len(frontdesk("list", "--json", "--limit", "3").json) == 3


def test_no_key_and_no_value_is_written(storage, user):
    session = enter(user, secret="of the session")
    for arguments in (["list"], ["list", "--json"], ["stats"], ["end", "--all", "--dry-run"]):
        result = frontdesk(*arguments)
        for hidden in (session.session_key, "of the session", user.get_session_auth_hash()):
            assert hidden not in result.out + result.err


@in_the_database
def test_list_of_a_table_reads_only_what_it_shows(storage, user, monkeypatch):
    for _ in range(20):
        enter(user)
    with CaptureQueriesContext(connection) as seen:
        frontdesk("list", "--limit", "2")
    assert len(seen) == 3  # the count, the sessions, their users
    assert any("LIMIT 2" in query["sql"] for query in seen)


def test_table_fits_the_terminal():
    rows = [
        ("ID", "USER", "DEVICE", "ADDRESS", "LAST USED"),
        ("a" * 15, "u" * 60, "d" * 40, "2001:db8:1:2:3:4:5:6", "just now"),
    ]
    lines = list(lines_of(rows, 80))
    assert max(map(len, lines)) == 80
    assert lines[1].startswith("a" * 15)
    assert lines[1].endswith("just now")
    assert "…" in lines[1]


def test_table_in_a_file_is_not_cut():
    rows = [("ID", "USER", "USED"), ("a", "u" * 300, "now")]
    assert "u" * 300 in list(lines_of(rows))[1]


def test_table_has_nothing_that_controls_a_terminal():
    (line,) = lines_of([("a", "x\x1b[2J\r\ny\xa0z", "b")])
    assert line == "a  x?[2J y z  b"


# --- end ----------------------------------------------------------------------------------------


def test_sessions_of_a_user_end(storage, user, other_user, ends):
    one, two, other = enter(user), enter(user), enter(other_user)
    with ends() as found:
        result = frontdesk("end", "--user", "ada", "--yes")
    assert (result.code, "2 sessions ended." in result.out) == (0, True)
    assert [is_live(each) for each in (one, two, other)] == [False, False, True]
    expected = [(each.session_id, str(user.pk), Reason.REVOKED_BY_STAFF) for each in (one, two)]
    assert sorted(found) == sorted(expected)


def test_named_sessions_end(storage, user):
    one, two, other = enter(user), enter(), enter(user)
    frontdesk("end", "--session", one.session_id, two.session_id, "--yes")
    assert [is_live(each) for each in (one, two, other)] == [False, False, True]


@where_all_can_be_listed
def test_all_sessions_end(storage, user, other_user, monkeypatch):
    monkeypatch.setattr(operations, "BATCH", 2)
    found = [enter(user), enter(other_user), enter(cart=1), enter(user), enter(user)]
    assert frontdesk("end", "--all", "--yes", "--json").json == [{"ended": 5}]
    assert not any(map(is_live, found))


@in_a_cache
def test_all_sessions_of_users_end_without_a_list(storage, user, other_user):
    found = [enter(user), enter(other_user)]
    assert frontdesk("end", "--all", "--noinput", "--json").json == [{"ended": 2}]
    assert not any(map(is_live, found))


def test_only_sessions_unused_for_long_end(storage, clock, user):
    old = enter(user)
    clock.move(days=2)
    recent = enter(user)
    frontdesk("end", "--user", "ada", "--unused-for", "1d", "--yes")
    assert (is_live(old), is_live(recent)) == (False, True)


def test_dry_run_names_what_would_end_and_ends_nothing(storage, user):
    session = enter(user, agent=SAFARI)
    result = frontdesk("end", "--user", "ada", "--dry-run")
    for words in (session.session_id, "ada", "Safari on iPhone", "1 session would end."):
        assert words in result.out
    assert frontdesk("end", "--user", "ada", "--dry-run", "--json").json == [{"would_end": 1}]
    assert is_live(session)


@pytest.mark.parametrize("arguments", [["--user", "ada"], ["--session", "a" * 15]])
def test_nothing_to_end_is_no_error(storage, user, arguments):
    result = frontdesk("end", *arguments)
    assert (result.code, result.out) == (0, "0 sessions ended.\n")


@in_memory
@pytest.mark.parametrize("id", ["x", "a" * 40, "A" * 15, ""])
def test_malformed_session_id_is_an_error(storage, id):
    result = frontdesk("end", f"--session={id}", "--yes")
    assert result.code == 1
    assert "not a session id" in result.err


@in_memory
def test_end_without_a_terminal_asks_for_yes(storage, user, monkeypatch):
    session = enter(user)
    monkeypatch.setattr(sys, "stdin", StringIO("y\n"))
    result = frontdesk("end", "--user", "ada")
    assert result.code == 1
    assert "--yes" in result.err
    assert is_live(session)


@in_memory
@pytest.mark.parametrize(
    ("answer", "ends"), [("y", True), ("YES", True), ("n", False), ("", False), ("maybe", False)]
)
def test_end_says_what_it_ends_and_asks(storage, user, monkeypatch, answer, ends):
    session, _ = enter(user), enter(user)
    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
    result = frontdesk("end", "--user", "ada")
    assert result.code == 0
    assert session.session_id in result.out
    assert "End these 2 sessions? [y/N]" in result.err
    assert is_live(session) is not ends


@in_memory
def test_end_names_only_a_few_of_many(storage, user):
    for _ in range(13):
        enter(user)
    result = frontdesk("end", "--user", "ada", "--dry-run")
    assert len(ids_in(result)) == 10
    assert "and 3 more" in result.out


# --- stats --------------------------------------------------------------------------------------


@where_all_can_be_listed
def test_stats_count_sessions(storage, clock, user, other_user):
    enter(user)
    clock.move(days=2)
    enter(user)
    clock.move(minutes=90)
    enter(other_user)
    enter(cart=1)
    (found,) = frontdesk("stats", "--json").json
    assert found == {
        "live": 4,
        "signed_in": 3,
        "users": 2,
        "anonymous": 1,
        "used_in_the_last_hour": 2,
        "used_in_the_last_day": 3,
        "expired": 0,
    }


@in_a_cache
def test_stats_leave_out_what_the_storage_cannot_count(storage, user):
    enter(user)
    enter(cart=1)
    (found,) = frontdesk("stats", "--json").json
    assert (found["live"], found["anonymous"], found["expired"]) == (1, None, None)


@in_the_database
def test_stats_are_lines_of_a_number_and_words(storage, user):
    enter(user)
    result = frontdesk("stats")
    assert "the database" in result.out
    assert re.search(r"^ +1  live sessions$", result.out, re.MULTILINE)


# --- purge --------------------------------------------------------------------------------------


@where_all_can_be_listed
def test_purge_deletes_expired_sessions_only(storage, clock, user):
    enter(user)
    clock.move(days=20)
    live = enter(user)
    assert frontdesk("purge", "--json").json == [{"deleted": 1}]
    assert get_storage().count_expired(clock.now()) == 0
    assert is_live(live)


@where_all_can_be_listed
def test_purge_dry_run_counts_and_deletes_nothing(storage, clock, user):
    enter(user)
    clock.move(days=20)
    assert frontdesk("purge", "--dry-run", "--json").json == [{"would_delete": 1}]
    # Storages need not show what has expired, but they count what is there.
    assert get_storage().count_expired(clock.now()) == 1


@in_memory
def test_purge_works_in_batches_up_to_a_limit(storage, clock, user):
    for _ in range(5):
        enter(user)
    clock.move(days=20)
    assert frontdesk("purge", "--batch", "2", "--limit", "3", "--json").json == [{"deleted": 3}]
    assert frontdesk("purge", "--batch", "2", "--json").json == [{"deleted": 2}]


@in_memory
def test_purge_pauses_after_each_batch(storage, clock, user, monkeypatch):
    for _ in range(3):
        enter(user)
    clock.move(days=20)
    pauses = []
    monkeypatch.setattr(command.time, "sleep", pauses.append)
    frontdesk("purge", "--batch", "2", "--pause", "0.5")
    assert pauses == [0.5, 0.5]


@in_a_cache
def test_purge_where_the_cache_forgets_by_itself_is_no_error(storage):
    assert frontdesk("purge").code == 0
    assert frontdesk("purge", "--dry-run").code == 1


@where_all_can_be_listed
def test_clearsessions_of_django_purges_too(storage, clock, user):
    over = enter(user)
    clock.move(days=20)
    call_command("clearsessions")
    assert get_storage().load([over.session_id]) == []


# --- progress -----------------------------------------------------------------------------------


class Stream(Terminal):
    """A terminal with the ``write()`` of a command's streams."""

    def write(self, text, style_func=None, ending=""):
        return super().write(text + ending)


def test_progress_is_a_bar_on_one_line_that_is_cleared(monkeypatch):
    times = iter(range(100))
    monkeypatch.setattr("frontdesk.staff.commands.terminal.time.monotonic", lambda: next(times))
    stream = Stream()
    with Progress(stream, "Ended", 1500) as progress:
        progress.advance(750)
    bar = "#" * 15 + "." * 15
    assert stream.getvalue() == f"\rEnded [{bar}] 750/1,500\x1b[K\r\x1b[K"


def test_progress_is_silent_without_a_terminal(monkeypatch):
    monkeypatch.setattr("frontdesk.staff.commands.terminal.INTERVAL", -1)
    stream = Stream()
    monkeypatch.setattr(stream, "isatty", lambda: False)
    with Progress(stream, "Ended") as progress:
        progress.advance()
    assert stream.getvalue() == ""

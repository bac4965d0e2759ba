"""``manage.py frontdesk purge`` as real processes: interrupted, and twice at once."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from django.core.management.base import OutputWrapper
from django.db import connections, transaction

from frontdesk import clock
from frontdesk.desk.console import Console
from frontdesk.models import Session
from tests import services

EXPIRED = 600

PURGE = """
import sys
import django
django.setup()
from django.core.management import execute_from_command_line
from frontdesk.signals import session_ended

def listener(session_id, **_):
    print("told", session_id, file=sys.stderr)

session_ended.connect(listener)
print("ready", file=sys.stderr, flush=True)
sys.stdin.readline()
execute_from_command_line(["manage.py", "frontdesk", "purge", "--skip-checks", "--json", *sys.argv[1:]])
"""


@pytest.fixture
def expired(database):
    """Sessions whose time is over, on the database of the test."""
    past = clock.now() - clock.DAY
    Session.objects.using(database).bulk_create(
        Session(
            digest=f"{number:064x}",
            created=past,
            last_seen=past,
            idle=clock.SECOND,
            deadline=past + clock.DAY * 30,
            expires=past + clock.SECOND,
            ip="",
            user_agent="",
        )
        for number in range(EXPIRED)
    )


def remaining(alias) -> int:
    return Session.objects.using(alias).count()


@pytest.fixture
def purge(database):
    """Start a purge that waits for a line of input: ``purge("--batch", "10")``."""
    default = os.environ.get("FRONTDESK_TEST_DB", "sqlite")
    engine = default if database == "default" else database
    started = []

    def start(*arguments) -> subprocess.Popen:
        child = subprocess.Popen(
            [sys.executable, "-c", PURGE, *arguments],
            env=services.child_environment(FRONTDESK_TEST_DB=engine),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        assert child.stderr.readline() == "ready\n", child.stderr.read()
        return child

    yield start
    for child in started:
        with child:  # closes its pipes
            if child.poll() is None:
                child.kill()


def go(child) -> None:
    child.stdin.write("\n")
    child.stdin.flush()


def outcome(child) -> tuple[int, dict, list[str], str]:
    """The exit code, what was written, and the ids that were told."""
    out, err = child.communicate(timeout=60)
    told = [line.split()[1] for line in err.splitlines() if line.startswith("told ")]
    assert child.returncode in {0, 130}, err
    return child.returncode, json.loads(out), told, err


@services.each_database(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_interrupted_it_finishes_its_batch_says_what_was_done_and_can_go_on(
    database, expired, purge, number
):
    child = purge("--batch", "20", "--pause", "0.3")
    go(child)
    until = time.monotonic() + 30
    while remaining(database) == EXPIRED and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(number)
    code, said, told, err = outcome(child)
    left = remaining(database)
    assert code == 130
    assert said == {"removed": EXPIRED - left, "interrupted": True}
    assert 0 < said["removed"] < EXPIRED
    assert said["removed"] % 20 == 0
    assert len(told) == said["removed"]
    assert "Interrupted." in err

    again = purge()
    go(again)
    code, said, _, _ = outcome(again)
    assert (code, said["removed"]) == (0, left)
    assert remaining(database) == 0


@services.each_database(transaction=True)
def test_two_at_once_delete_each_session_once_and_tell_each_once(database, expired, purge):
    both = [purge("--batch", "15"), purge("--batch", "15")]
    for child in both:
        go(child)
    (code, said, told, _), (other_code, other_said, other_told, _) = map(outcome, both)
    assert (code, other_code) == (0, 0)
    assert remaining(database) == 0
    assert said["removed"] + other_said["removed"] == EXPIRED
    assert sorted(told + other_told) == [f"{number:064x}" for number in range(EXPIRED)]


@services.each_database(transaction=True)
def test_postgresql_leaves_to_another_what_that_one_is_deleting(database, expired, purge):
    """So a purge that hangs in the middle of its batch does not hold up the next one."""
    if connections[database].vendor != "postgresql":
        pytest.skip("Elsewhere the second one waits for the first.")
    with transaction.atomic(using=database):
        held = Session.objects.using(database).order_by("pk").select_for_update()[:5]
        names = {row.pk for row in held}
        child = purge("--batch", "50")
        go(child)
        _, said, told, _ = outcome(child)
    assert said["removed"] == EXPIRED - 5
    assert not set(told) & names


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "drawn"), [(Terminal, True), (io.StringIO, False)])
def test_a_bar_is_drawn_on_a_terminal_and_only_there(stream, drawn):
    err = stream()
    console = Console(OutputWrapper(io.StringIO()), OutputWrapper(err))
    with console.progress("Deleted", 4) as progress:
        progress.advance(4)
    assert err.getvalue().endswith("100% 4/4\n") is drawn
    assert drawn or err.getvalue() == ""


def manage(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "django", "frontdesk", *arguments],
        env=services.child_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["list", "--limit", "0"], ["end"], ["end", "--everybody", "--user", "a"]],
    ids=" ".join,
)
def test_arguments_that_make_no_sense_are_exit_code_2_of_the_process(arguments):
    done = manage(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["stats"], 0),
        (["list", "--json"], 1),
        (["list", "--user", "nobody"], 1),
        (["end", "--everybody"], 2),
        (["purge", "--dry-run"], 0),
    ],
    ids=str,
)
def test_the_exit_code_of_the_process(arguments, code):
    done = manage(*arguments, "--skip-checks")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr

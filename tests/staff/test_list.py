"""``manage.py frontdesk list`` and ``stats``, on every storage."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.test.utils import CaptureQueriesContext

from frontdesk.storages import get_storage
from tests.staff.conftest import SAFARI, enter, frontdesk, name_of, sees_anonymous

pytestmark = pytest.mark.django_db


def test_everybody_who_is_in_is_listed(storage_setting, user, other_user):
    sessions = {name_of(enter(user)), name_of(enter(user)), name_of(enter(other_user))}
    said = frontdesk("list", "--json")
    assert said.code == 0
    assert {one["id"] for one in said.json} == sessions
    assert sorted(one["username"] for one in said.json) == ["ada", "ada", "bob"]


def test_anonymous_sessions_are_listed_where_the_storage_sees_them(storage_setting, user):
    enter(user)
    enter(cart=1)
    said = frontdesk("list", "--json")
    assert len(said.json) == (2 if sees_anonymous() else 1)
    assert ("Anonymous sessions are not among them" in said.err) is not sees_anonymous()


@pytest.mark.parametrize("named", ["username", "pk"])
def test_the_sessions_of_one_user_are_listed_by(storage_setting, user, other_user, named):
    session = enter(user)
    enter(other_user)
    said = frontdesk("list", "--json", "--user", str(getattr(user, named)))
    assert [one["id"] for one in said.json] == [name_of(session)]


def test_a_username_that_looks_like_anothers_id_is_a_username(user, other_user):
    get_user_model().objects.filter(pk=other_user.pk).update(username=str(user.pk))
    enter(user)
    session = enter(other_user)
    said = frontdesk("list", "--json", "--user", str(user.pk))
    assert [one["id"] for one in said.json] == [name_of(session)]


@pytest.mark.parametrize("name", ["nobody", "987654", "", "\0", "9" * 40, "-1"])
def test_an_unknown_user_is_exit_code_1(user, name):
    said = frontdesk("list", f"--user={name}")
    assert (said.code, said.out) == (1, "")
    assert "There is no user" in said.err


def test_the_json_of_a_session_says_what_staff_may_know(clock, user):
    clock.set(datetime(2026, 5, 1, 12, tzinfo=UTC))
    session = enter(user, agent=SAFARI, ip="192.0.2.7", secret="of the session")
    assert frontdesk("list", "--json").json == [
        {
            "id": name_of(session),
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


def test_neither_keys_nor_values_are_written(storage_setting, user):
    session = enter(user, secret="of the session")
    for arguments in (["list"], ["list", "--json"], ["stats"], ["stats", "--json"]):
        said = frontdesk(*arguments)
        assert session.session_key not in said.out + said.err
        assert "of the session" not in said.out + said.err
        assert user.get_session_auth_hash() not in said.out


def test_the_table_has_a_line_for_each_session(storage_setting, user, other_user):
    enter(user)
    enter(other_user, agent=SAFARI)
    said = frontdesk("list")
    heading, *rows = said.out.splitlines()
    assert heading.split()[:3] == ["ID", "USER", "DEVICE"]
    assert len(rows) == 2
    assert any("bob" in row and "Safari on iPhone" in row for row in rows)


def test_a_strangers_words_do_not_steer_the_terminal(user):
    enter(user, ip="192.0.2.1", agent="\x1b[2J\x1b]0;mine\x07/1.0")
    get_user_model().objects.update(username="a\x1b[31mda")
    assert "\x1b" not in frontdesk("list").out


def test_when_nobody_is_in_the_json_is_an_empty_list_and_the_code_1(storage_setting, db):
    said = frontdesk("list", "--json")
    assert (said.code, said.json) == (1, [])
    assert "Nobody is in." in said.err


def test_what_is_over_by_todays_limits_is_not_listed(storage_setting, clock, limits, user):
    enter(user)
    clock.move(minutes=10)
    session = enter(user)
    limits(absolute=300)
    assert [one["id"] for one in frontdesk("list", "--json").json] == [name_of(session)]
    assert frontdesk("stats", "--json").json["live"] == 1


def test_a_list_goes_on_where_the_last_page_ended(user):
    names = sorted(name_of(enter(user)) for _ in range(5))
    first = [one["id"] for one in frontdesk("list", "--json", "--limit", "2").json]
    rest = [one["id"] for one in frontdesk("list", "--json", "--after", first[-1]).json]
    assert first + rest == names


@pytest.mark.parametrize("storage_setting", ["cache"], indirect=True)
def test_a_storage_that_cannot_list_has_no_pages(storage_setting, user):
    assert frontdesk("list", "--after", "a").code == 2


@pytest.mark.parametrize(
    "arguments",
    [["--limit", "0"], ["--limit", "x"], ["--after", "a", "--user", "ada"], ["--nonsense"]],
    ids=" ".join,
)
def test_senseless_arguments_are_refused(user, arguments):
    assert frontdesk("list", *arguments).code in {1, 2}  # in process, argparse's error is Django's


def test_a_session_whose_user_is_gone_says_so(user, django_capture_on_commit_callbacks):
    enter(user)
    get_user_model().objects.filter(pk=user.pk)._raw_delete("default")
    assert f"(user {user.pk} is gone)" in frontdesk("list").out


@pytest.mark.parametrize("subcommand", [["list"], ["stats"], ["end", "--everybody", "--yes"]])
def test_an_outage_is_exit_code_75(flaky, user, subcommand, monkeypatch):
    from frontdesk.errors import StorageUnavailable

    def scan(after=""):
        raise StorageUnavailable("the desk is closed")
        yield

    monkeypatch.setattr(flaky, "scan", scan)
    said = frontdesk(*subcommand)
    assert said.code == 75
    assert "the desk is closed" in said.err
    assert flaky.incident.open


@pytest.mark.parametrize("count", [1, 100])
def test_a_list_takes_three_statements_however_many_there_are(user, other_user, count):
    from django.db import connection

    for number in range(count):
        enter(user if number % 2 else other_user)
    with CaptureQueriesContext(connection) as seen:
        frontdesk("list", "--json")
    # A page of rows, that there are no more, and the names of the users.
    assert len(seen) == 3, [query["sql"] for query in seen]


# --- stats ------------------------------------------------------------------------------------------


def test_stats_count_the_live_and_who_is_signed_in(storage_setting, user, other_user):
    for who in (user, user, other_user):
        enter(who)
    enter(cart=1)
    stats = frontdesk("stats", "--json").json
    assert stats["signed_in"] == 3
    assert stats["live"] == (4 if sees_anonymous() else 3)
    assert stats["anonymous"] == (1 if sees_anonymous() else None)
    assert stats["storages"][type(get_storage()).__name__]["live"] == stats["live"]


def test_stats_count_the_sign_ins_of_each_day(storage_setting, clock, user):
    enter(user)
    clock.move(days=1)
    enter(user)
    enter(user)
    per_day = frontdesk("stats", "--json").json["signed_in_per_day"]
    assert list(per_day.values()) == [1, 2]
    assert list(per_day) == sorted(per_day)


def test_stats_count_the_bytes_of_the_values(storage_setting, user):
    enter(user)
    before = frontdesk("stats", "--json").json
    enter(user, note="x" * 1000)
    after = frontdesk("stats", "--json").json
    (one,), (both,) = before["storages"].values(), after["storages"].values()
    # A second sign-in's values, which are as large, and the note with its name and quotes.
    assert both["bytes"] - 2 * one["bytes"] == len("note") + 1000 + 2


def test_stats_without_anybody_are_zeros_and_exit_code_0(storage_setting, db):
    said = frontdesk("stats", "--json")
    assert said.code == 0
    assert (said.json["live"], said.json["signed_in"]) == (0, 0)


def test_stats_in_a_table_name_each_number(user):
    enter(user)
    said = frontdesk("stats")
    rows = [line.split() for line in said.out.splitlines()]
    assert ["anonymous", "0"] in rows
    assert ["signed", "in", "1"] in rows

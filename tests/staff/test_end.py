"""``manage.py frontdesk end``, on every storage (OWASP ASVS 7.4.5)."""

import sys

import pytest

from frontdesk import everyone
from frontdesk.signals import Reason
from frontdesk.storages import get_storage
from tests.staff.conftest import enter, frontdesk, is_live, name_of, sees_anonymous

pytestmark = pytest.mark.django_db


def test_all_sessions_of_a_user_end_and_nobody_elses(storage_setting, user, other_user):
    mine, also_mine, other = enter(user), enter(user), enter(other_user)
    said = frontdesk("end", "--user", "ada", "--yes")
    assert (said.code, said.out) == (0, "Ended 2 sessions.\n")
    assert [is_live(session) for session in (mine, also_mine, other)] == [False, False, True]


def test_one_session_ends(storage_setting, user):
    one, other = enter(user), enter(user)
    said = frontdesk("end", "--session", name_of(one), "--yes", "--json")
    assert said.json == {"ended": 1}
    assert (is_live(one), is_live(other)) == (False, True)


def test_one_anonymous_session_ends(storage_setting, db):
    one = enter(cart=1)
    assert frontdesk("end", "--session", name_of(one), "--yes").code == 0
    assert not is_live(one)


def test_everybodys_sessions_end(storage_setting, user, other_user):
    sessions = [enter(user), enter(other_user), enter(user)]
    anonymous = enter(cart=1)
    said = frontdesk("end", "--everybody", "--yes", "--json")
    assert not any(is_live(session) for session in sessions)
    assert is_live(anonymous) is not sees_anonymous()
    assert said.json == {"ended": 4 if sees_anonymous() else 3}
    assert ("were not seen" in said.err) is not sees_anonymous()


def test_many_more_than_fit_one_call_end(storage_setting, user, monkeypatch):
    monkeypatch.setattr(everyone, "TOGETHER", 3)
    sessions = [enter(user) for _ in range(10)]
    assert frontdesk("end", "--everybody", "--yes", "--json").json == {"ended": 10}
    assert not any(is_live(session) for session in sessions)


@pytest.mark.parametrize("whose", [["--user", "ada"], ["--everybody"]], ids=" ".join)
def test_only_those_unseen_for_long_end(storage_setting, clock, user, whose):
    old = enter(user)
    clock.move(days=3)
    young = enter(user)
    said = frontdesk("end", *whose, "--unseen-for", "2d", "--yes", "--json")
    assert said.json == {"ended": 1}
    assert (is_live(old), is_live(young)) == (False, True)


@pytest.mark.parametrize("whose", [["--user", "ada"], ["--everybody"]], ids=" ".join)
def test_only_those_signed_in_for_long_end_however_active(storage_setting, clock, user, whose):
    old = enter(user)
    clock.move(days=3)
    old["still"] = "here"
    old.save()
    young = enter(user)
    assert frontdesk("end", *whose, "--unseen-for", "2d", "--yes").code == 1
    assert is_live(old)
    assert frontdesk("end", *whose, "--signed-in-for", "2d", "--yes").code == 0
    assert (is_live(old), is_live(young)) == (False, True)


def test_what_ends_is_told_as_ended_by_staff(storage_setting, told, user, other_user):
    one, two, three = enter(user), enter(other_user), enter(user)
    with told() as endings:
        frontdesk("end", "--session", name_of(one), "--yes")
        frontdesk("end", "--everybody", "--yes")
    staff = Reason.REVOKED_BY_STAFF
    assert set(endings) == {
        (name_of(one), str(user.pk), staff),
        (name_of(two), str(other_user.pk), staff),
        (name_of(three), str(user.pk), staff),
    }
    assert len(endings) == 3


def test_a_session_that_has_just_moved_is_ended_and_told_with_its_user(storage_setting, told, user):
    session = enter(user)
    record = session.record
    session.cycle_key()
    session.save()
    with told() as endings:
        assert everyone.end_records([record], Reason.REVOKED_BY_STAFF) == 1
    assert endings == [(name_of(session), str(user.pk), Reason.REVOKED_BY_STAFF)]
    assert not is_live(session)


@pytest.mark.parametrize("storage_setting", ["memory", "database", "file"], indirect=True)
def test_a_session_that_moves_behind_the_scan_does_not_escape(storage_setting, user, monkeypatch):
    """It gets a key that sorts before where the scan is: the first pass cannot see it there."""
    session, kind, passes = enter(user), type(get_storage()), []
    enter(user)
    scan, before = kind.scan, name_of(session)

    def moving(self, after=""):
        passes.append(after)
        for record in scan(self, after):
            if len(passes) == 1 and record.digest == before:
                session.cycle_key()
                session.save()
            else:
                yield record

    monkeypatch.setattr(kind, "scan", moving)
    assert frontdesk("end", "--everybody", "--yes", "--json").json == {"ended": 2}
    assert not is_live(session)


def test_those_who_come_while_everybody_is_ended_stay(user, monkeypatch):
    enter(user)
    scan, kind, late = get_storage().scan, type(get_storage()), []

    def arriving(self, after=""):
        late.append(enter(user))
        return scan(after)

    monkeypatch.setattr(kind, "scan", arriving)
    assert frontdesk("end", "--everybody", "--yes", "--json").json == {"ended": 1}
    assert len(late) == 2
    assert all(is_live(session) for session in late)


def test_a_user_without_sessions_is_exit_code_1(storage_setting, user):
    said = frontdesk("end", "--user", "ada", "--yes", "--json")
    assert (said.code, said.json) == (1, {"ended": 0})


def test_of_an_unknown_session_only_that_is_said(db):
    said = frontdesk("end", "--session", "0" * 64, "--yes")
    assert (said.code, said.out, said.err) == (1, "", "There was no such session.")


def test_an_unknown_user_is_exit_code_1_and_nothing_is_asked(user, terminal):
    session = enter(user)
    said = frontdesk("end", "--user", "nobody")
    assert said.code == 1
    assert "End " not in said.err
    assert is_live(session)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--user", "ada", "--everybody"],
        ["--session", "x"],
        ["--session", "g" * 64],
        ["--session", "a" * 64, "--unseen-for", "1d"],
        ["--everybody", "--unseen-for", "1"],
        ["--everybody", "--unseen-for", "-1d"],
    ],
    ids=" ".join,
)
def test_senseless_arguments_end_nothing(user, arguments):
    session = enter(user)
    assert frontdesk("end", "--yes", *arguments).code in {1, 2}
    assert is_live(session)


# --- asking -----------------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch):
    """Somebody sits at it: ``terminal("y")`` is what they type."""

    class Keyboard:
        typed = ""

        def isatty(self):
            return True

        def readline(self):
            return f"{self.typed}\n"

    keyboard = Keyboard()
    monkeypatch.setattr(sys, "stdin", keyboard)

    def typing(text):
        keyboard.typed = text

    return typing


@pytest.mark.parametrize(("typed", "ends"), [("y", True), ("YES", True), ("", False), ("n", False)])
def test_a_terminal_is_asked_first(user, terminal, typed, ends):
    session = enter(user)
    terminal(typed)
    said = frontdesk("end", "--user", "ada")
    assert f"End all sessions of ada (user id {user.pk})? [y/N]" in said.err
    assert is_live(session) is not ends
    assert said.code == (0 if ends else 1)


def test_without_a_terminal_yes_has_to_be_said(user, monkeypatch):
    session = enter(user)
    monkeypatch.setattr(sys, "stdin", None)
    said = frontdesk("end", "--everybody")
    assert said.code == 2
    assert "--yes" in said.err
    assert is_live(session)

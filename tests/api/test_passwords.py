"""New passwords: the same as on the pages, by the same forms."""

import re

import pytest
from django.core import mail

from frontdesk import sessions
from frontdesk.signals import Reason, session_ended
from tests.api.conftest import code
from tests.fixtures import PASSWORD

pytestmark = pytest.mark.django_db

NEW = "a lamp in the cellar"

CHANGE = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}


@pytest.fixture
def reasons():
    found = []

    def receiver(reason, **kwargs):
        found.append(reason)

    session_ended.connect(receiver)
    yield found
    session_ended.disconnect(receiver)


@pytest.mark.django_db(transaction=True)
def test_asvs_7_4_3_a_new_password_ends_the_other_sessions(new_api, user, reasons):
    here, there = new_api(), new_api()
    here.sign_in(user)
    there.sign_in(user)
    key = here.browser.key
    answer = here.post("password", **CHANGE)
    assert (answer.status_code, answer.content) == (204, b"")
    assert here.browser.key != key
    assert [each.username() for each in (here, there)] == ["ada", None]
    assert reasons == [Reason.PASSWORD_CHANGE]
    user.refresh_from_db()
    assert user.check_password(NEW)


def test_a_user_may_keep_the_other_sessions(new_api, user):
    here, there = new_api(), new_api()
    here.sign_in(user)
    there.sign_in(user)
    assert here.post("password", **CHANGE, other_sessions="keep").status_code == 204
    assert [each.username() for each in (here, there)] == ["ada", "ada"]


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"old_password": "wrong"}, {"old_password": "password_incorrect"}),
        ({"new_password2": "other"}, {"new_password2": "password_mismatch"}),
        (
            {"new_password1": "short", "new_password2": "short"},
            {"new_password2": "password_too_short"},
        ),
        ({"other_sessions": "all"}, {"other_sessions": "invalid_choice"}),
    ],
)
def test_a_password_that_is_refused_changes_nothing(new_api, user, change, errors):
    here, there = new_api(), new_api()
    here.sign_in(user)
    there.sign_in(user)
    answer = here.post("password", **{**CHANGE, **change})
    assert code(answer) == "invalid_input"
    found = answer.json()["errors"]
    assert {name: each[0]["code"] for name, each in found.items()} == errors
    assert [each.username() for each in (here, there)] == ["ada", "ada"]


def test_changing_needs_a_user(api):
    assert code(api.post("password", **CHANGE)) == "not_signed_in"


def test_staff_who_act_as_another_user_change_nothing(acting_as, member, other_user):
    acting_as(other_user)
    assert code(member.post("password", **CHANGE)) == "acting_as_another_user"
    other_user.refresh_from_db()
    assert other_user.check_password(PASSWORD)


# --- by mail ------------------------------------------------------------------------------------


def link(api):
    """Ask for a link and return its two parts."""
    assert api.post("password/reset", email="ada@example.com").status_code == 204
    (found,) = re.findall(r"http://testserver/accounts/reset/(.+?)/(.+?)/\s", mail.outbox[-1].body)
    return dict(zip(("uid", "token"), found, strict=True))


def test_the_answer_does_not_tell_whether_there_is_an_account(api, user):
    answers = [
        api.post("password/reset", email=address)
        for address in ("ada@example.com", "nobody@example.com")
    ]
    assert [answer.status_code for answer in answers] == [204, 204]
    headers = [{**answer.headers, "Expires": ""} for answer in answers]
    assert headers[0] == headers[1]
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


def test_no_mail_is_sent_to_what_is_no_address(api, user):
    answer = api.post("password/reset", email="ada")
    assert [error["code"] for error in answer.json()["errors"]["email"]] == ["invalid"]
    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_a_reset_ends_all_sessions_and_signs_nobody_in(new_api, user, reasons):
    api, there = new_api(), new_api()
    there.sign_in(user)
    parts = link(api)
    answer = api.post("password/reset/confirm", **parts, new_password1=NEW, new_password2=NEW)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [each.username() for each in (api, there)] == [None, None]
    assert sessions.count(user) == 0
    assert reasons == [Reason.PASSWORD_CHANGE]
    user.refresh_from_db()
    assert user.check_password(NEW)
    again = api.post("password/reset/confirm", **parts, new_password1=NEW, new_password2=NEW)
    assert [error["code"] for error in again.json()["errors"]["__all__"]] == ["invalid_link"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "x"},
        {"uid": "x"},
        {"uid": "é"},
        {"uid": "9" * 1000},
        {"uid": "OTk5"},
        {"token": "a-" * 1000},
    ],
)
def test_a_wrong_link_changes_nothing(member, user, wrong):
    parts = {**link(member), **wrong}
    answer = member.post("password/reset/confirm", **parts, new_password1=NEW, new_password2=NEW)
    assert code(answer) == "invalid_input"
    assert [error["code"] for error in answer.json()["errors"]["__all__"]] == ["invalid_link"]
    assert member.username() == "ada"
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_new_passwords_that_do_not_match_end_nothing(member, user):
    parts = link(member)
    answer = member.post("password/reset/confirm", **parts, new_password1=NEW, new_password2="x")
    assert list(answer.json()["errors"]) == ["new_password2"]
    assert member.username() == "ada"

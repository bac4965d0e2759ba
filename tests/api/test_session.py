"""Signing in and out, and who is signed in."""

import json
import uuid

import pytest
from django.http import JsonResponse

from frontdesk import sessions
from tests.api.conftest import code
from tests.fixtures import DATABASE, PASSWORD, use
from tests.requests.browsers import cookie, directives, varies
from tests.requests.doubles import PRIMITIVES

pytestmark = pytest.mark.django_db


def test_a_client_without_a_cookie_is_nobody(api):
    found = api.get("session")
    assert found.status_code == 200
    assert found.json()["user"] is found.json()["session"] is None
    assert cookie(found) is None


def test_the_user_is_id_and_name_and_the_session_has_no_key(api, user):
    answer = api.post("session", username="ada", password=PASSWORD)
    assert answer.json()["user"] == {"id": user.pk, "username": "ada"}
    (info,) = sessions.for_user(user)
    assert answer.json()["session"]["id"] == info.id
    assert api.browser.key not in answer.content.decode()
    assert set(answer.json()) == {"user", "session", "csrf"}


def test_the_session_is_the_same_before_and_after_it_is_stored(api, user, clock):
    told = api.post("session", username="ada", password=PASSWORD).json()["session"]
    found = api.get("session").json()["session"]
    assert told == found
    assert found["current"] is True
    assert found["methods"] == ["password"]
    (listed,) = api.get("sessions").json()["sessions"]
    assert listed == found


def test_signing_in_as_another_user_starts_another_session(member, other_user):
    first = member.get("session").json()["session"]["id"]
    second = member.sign_in(other_user)
    assert first != second
    assert member.get("session").json()["session"]["id"] == second
    assert member.username() == "bob"


def test_signing_in_again_keeps_the_id_and_replaces_the_key(member, user):
    first, key = member.get("session").json()["session"]["id"], member.browser.key
    assert member.sign_in(user) == first
    assert member.browser.key not in {"", key}


@pytest.mark.parametrize(
    "body",
    [{"username": "ada", "password": "wrong"}, {"username": "nobody", "password": PASSWORD}],
)
def test_wrong_credentials_are_answered_alike(api, user, body):
    answer = api.post("session", **body)
    assert code(answer) == "invalid_input"
    assert [error["code"] for error in answer.json()["errors"]["__all__"]] == ["invalid_login"]
    assert api.username() is None


def test_signing_out_ends_the_session(member, user):
    answer = member.delete("session")
    assert (answer.status_code, answer.content) == (204, b"")
    assert sessions.count(user) == 0
    assert member.username() is None
    assert member.delete("session").status_code == 204


@pytest.mark.parametrize("key", ["", "a1" * 20, "%00"])
def test_signing_out_without_a_session_is_no_error(api, key):
    api.browser.key = key
    assert api.delete("session").status_code == 204


# --- what the project decides -------------------------------------------------------------------


def tell(user):
    return {"name": user.get_username().title(), "mail": user.email, "uuid": uuid.UUID(int=1)}


@pytest.mark.parametrize("given", [tell, "tests.api.test_session.tell"])
def test_the_project_decides_what_is_told_of_a_user(member, settings, given):
    settings.FRONTDESK["API_USER"] = given
    from frontdesk import conf

    conf.options.cache_clear()
    told = member.get("session").json()["user"]
    assert told == json.loads(
        JsonResponse({"name": "Ada", "mail": "ada@example.com", "uuid": uuid.UUID(int=1)}).content
    )


def test_remember_me_is_a_field_only_where_the_project_has_it(api, user, settings):
    body = {"username": "ada", "password": PASSWORD, "remember": True}
    refused = api.post("session", **body)
    assert refused.json()["errors"]["remember"][0]["code"] == "unknown_field"
    settings.FRONTDESK = {**settings.FRONTDESK, "REMEMBER_ME": True}
    assert cookie(api.post("session", **body))["max-age"] > 0
    assert cookie(api.post("session", **body | {"remember": False}))["max-age"] == ""


def test_an_unknown_carrier_is_refused(api, user):
    answer = api.post("session", username="ada", password=PASSWORD, carrier="pigeon")
    assert code(answer) == "invalid_input"
    assert [error["code"] for error in answer.json()["errors"]["carrier"]] == ["invalid_choice"]
    assert api.username() is None
    answer = api.post("session", username="ada", password=PASSWORD, carrier="cookie")
    assert answer.status_code == 200


def test_at_the_limit_a_client_may_make_room(new_api, user, settings):
    settings.FRONTDESK = {
        **settings.FRONTDESK,
        "MAX_SESSIONS_PER_USER": 1,
        "AT_MAX_SESSIONS": "refuse",
    }
    first, second = new_api(), new_api()
    session_id = first.sign_in(user)
    refused = second.post("session", username="ada", password=PASSWORD)
    assert refused.status_code == 409
    assert code(refused) == "session_limit_reached"
    assert [each["id"] for each in refused.json()["would_end"]] == [session_id]
    assert cookie(refused) is None
    second.csrf = refused.json()["csrf"]
    answer = second.post("session", username="ada", password=PASSWORD, make_room=True)
    assert answer.status_code == 200
    assert first.username() is None


# --- the password again -------------------------------------------------------------------------


def test_the_password_makes_the_sign_in_recent(member, user, clock, settings):
    clock.move(minutes=16)
    needs = member.delete("sessions")
    assert needs.status_code == 401
    assert code(needs) == "recent_sign_in_required"
    assert needs["WWW-Authenticate"] == (
        'Bearer error="insufficient_user_authentication", max_age="900"'
    )
    key, before = member.browser.key, member.get("session").json()["session"]
    answer = member.patch("session", password=PASSWORD)
    assert answer.status_code == 200
    assert answer.json()["session"]["id"] == before["id"]
    assert answer.json()["session"]["authenticated"] > before["authenticated"]
    assert member.browser.key != key
    assert member.delete("sessions").json() == {"ended": 0}


def test_a_wrong_password_does_not(member, clock):
    clock.move(minutes=16)
    answer = member.patch("session", password="wrong")
    assert code(answer) == "invalid_input"
    assert [error["code"] for error in answer.json()["errors"]["password"]] == ["refused"]
    assert code(member.delete("sessions")) == "recent_sign_in_required"


def test_a_user_without_a_password_signs_in_again(member, user):
    user.set_unusable_password()
    user.save()
    browser = member.browser
    browser.force_login(user)
    member.csrf = ""
    assert code(member.patch("session", password=PASSWORD)) == "no_password"


def test_staff_who_act_as_another_user_prove_and_end_nothing(acting_as, member, other_user):
    acting_as(other_user)
    for answer in (
        member.patch("session", password=PASSWORD),
        member.delete("sessions"),
        member.delete("sessions/anything"),
    ):
        assert answer.status_code == 403
        assert code(answer) == "acting_as_another_user"
    acting_as(None)
    assert member.username() == "ada"


# --- caches and outages -------------------------------------------------------------------------


def test_no_answer_is_stored_by_a_cache(member):
    answers = [
        member.get("session"),
        member.get("sessions"),
        member.get("history"),
        member.get("sessions/nothing"),
        member.post("session", username="x"),
        member.delete("session"),
        member.get("sessions"),
    ]
    assert {answer.status_code for answer in answers} == {200, 204, 400, 401, 405}
    for answer in answers:
        assert {"no-store", "private"} <= directives(answer)


def test_answers_depend_on_the_cookie(member):
    assert varies(member.get("session"))


@pytest.mark.parametrize(
    ("method", "path", "body", "down"),
    [
        ("GET", "session", None, PRIMITIVES),
        ("GET", "sessions", None, ["ids_of"]),
        ("DELETE", "session", None, ["swap"]),
        ("POST", "session", {"username": "ada", "password": PASSWORD}, ["swap"]),
        ("PATCH", "session", {"password": PASSWORD}, ["swap"]),
    ],
)
def test_an_outage_is_a_problem_and_keeps_the_cookie(flaky, member, method, path, body, down):
    flaky.down = set(down)
    answer = member.call(method, path, body)
    assert answer.status_code == 503
    assert code(answer) == "unavailable"
    assert answer["Retry-After"] == "5"
    assert directives(answer) == {"no-store"}
    assert cookie(answer) is None
    flaky.down = set()
    assert member.username() == "ada"


def test_a_sign_in_that_cannot_be_stored_is_unavailable(flaky, api, user):
    api.get("session")
    flaky.down = {"swap"}
    answer = api.post("session", username="ada", password=PASSWORD)
    assert code(answer) == "unavailable"
    assert user.username not in answer.content.decode()
    flaky.down = set()
    assert api.username() is None


def test_the_database_storage_serves_the_same(api, user, settings):
    use(settings, DATABASE)
    session_id = api.sign_in(user)
    assert api.get("sessions").json()["sessions"][0]["id"] == session_id

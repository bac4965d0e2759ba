"""API tokens by the JSON API: made with a recent sign-in, shown once, and the user's own."""

from datetime import timedelta

import pytest

from frontdesk import api_tokens, conf
from frontdesk.api_tokens import MAX_PER_USER
from tests.api.conftest import code

pytestmark = pytest.mark.django_db

NEW = {"name": "backup", "scopes": ["orders:read"]}


@pytest.fixture(autouse=True)
def _scopes(settings, _api):
    scopes = {"orders:read": "Read orders", "orders:write": "Change orders"}
    settings.FRONTDESK = {**settings.FRONTDESK, "API_SCOPES": scopes}


def test_the_text_is_shown_once_and_works(member, user, rf):
    answer = member.post("tokens", **NEW)
    assert answer.status_code == 201
    text = answer.json()["token"]
    request = rf.get("/", headers={"Authorization": f"Bearer {text}"})
    assert api_tokens.authenticate(request).user == user
    listed = member.get("tokens")
    assert text[19:] not in listed.content.decode()
    (token,) = listed.json()["tokens"]
    assert {**token, "token": text} == answer.json()
    assert (token["name"], token["scopes"]) == ("backup", ["orders:read"])
    assert listed.json()["scopes"]["orders:write"] == "Change orders"


def test_it_lasts_as_long_as_was_asked_for(member, user):
    lasting = [member.post("tokens", **NEW, **age).status_code for age in ({}, {"age": 3600})]
    assert lasting == [201, 201]
    short, usual = api_tokens.for_user(user)
    assert short.expires - short.created == timedelta(hours=1)
    assert usual.expires - usual.created == timedelta(days=90)


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"name": " "}, {"name": "required"}),
        ({"name": "a" * 101}, {"name": "max_length"}),
        ({"scopes": []}, {"scopes": "required"}),
        ({"scopes": ["*"]}, {"scopes": "invalid_choice"}),
        ({"scopes": "orders:read"}, {"scopes": "wrong_type"}),
        ({"scopes": [["orders:read"]]}, {"scopes": "wrong_type"}),
        ({"scopes": ["\ud800"]}, {"scopes": "invalid_text"}),
        ({"age": 0}, {"age": "min_value"}),
        ({"age": 10**30}, {"age": "max_value"}),
        ({"age": True}, {"age": "wrong_type"}),
        ({"age": "3600"}, {"age": "wrong_type"}),
        ({"user": 1}, {"user": "unknown_field"}),
    ],
)
def test_a_wrong_field_makes_no_token(member, user, change, errors):
    answer = member.post("tokens", **{**NEW, **change})
    assert code(answer) == "invalid_input"
    found = answer.json()["errors"]
    assert {name: each[0]["code"] for name, each in found.items()} == errors
    assert api_tokens.for_user(user) == []


def test_making_and_ending_need_a_recent_sign_in(member, user, clock):
    token, _text = api_tokens.create(user, "backup", ["orders:read"])
    clock.move(minutes=16)
    assert code(member.post("tokens", **NEW)) == "recent_sign_in_required"
    assert code(member.delete(f"tokens/{token.id}")) == "recent_sign_in_required"
    assert api_tokens.for_user(user) == [token]
    assert member.get("tokens").status_code == 200


def test_there_are_at_most_so_many(member, user):
    for number in range(MAX_PER_USER):
        api_tokens.create(user, f"number {number}", ["orders:read"])
    answer = member.post("tokens", **NEW)
    assert answer.status_code == 409
    assert code(answer) == "token_limit_reached"
    assert [error["code"] for error in answer.json()["errors"]["__all__"]] == ["limit"]


def test_one_is_ended(member, user):
    token, _text = api_tokens.create(user, "backup", ["orders:read"])
    assert member.delete(f"tokens/{token.id}").status_code == 204
    assert api_tokens.for_user(user) == []
    assert code(member.delete(f"tokens/{token.id}")) == "not_found"


def test_owasp_api1_the_token_of_another_user_is_not_found(member, other_user):
    token, _text = api_tokens.create(other_user, "backup", ["orders:read"])
    assert code(member.delete(f"tokens/{token.id}")) == "not_found"
    assert api_tokens.for_user(other_user) == [token]
    assert member.get("tokens").json()["tokens"] == []


def test_a_token_signs_nobody_in_here(api, user):
    _token, text = api_tokens.create(user, "backup", ["orders:read"])
    for path in ("sessions", "tokens", "history"):
        answer = api.raw("GET", path, Authorization=f"Bearer {text}")
        assert answer.status_code == 401


def test_without_scopes_there_is_none_to_make(member, settings):
    settings.FRONTDESK["API_SCOPES"] = {}
    conf.options.cache_clear()
    answer = member.post("tokens", **NEW)
    assert code(answer) == "not_found"
    assert "API_SCOPES" in answer.json()["detail"]
    assert member.get("tokens").json() == {"tokens": [], "scopes": {}}

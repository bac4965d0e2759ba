"""What is refused before an endpoint does anything: methods, bodies, forged requests."""

import json

import pytest
from django.middleware.csrf import get_token
from django.views.decorators.csrf import csrf_protect

from frontdesk import sessions
from frontdesk.api import dispatch
from frontdesk.api.endpoints import ENDPOINTS
from frontdesk.api.inputs import MAX_BODY
from tests.api.conftest import code, filled_in
from tests.fixtures import PASSWORD
from tests.requests.browsers import cookie

pytestmark = pytest.mark.django_db

CREDENTIALS = {"username": "ada", "password": PASSWORD}

PATHS = sorted({filled_in(endpoint.path) for endpoint in ENDPOINTS})

UNSAFE = [
    (endpoint.method, filled_in(endpoint.path))
    for endpoint in ENDPOINTS
    if endpoint.method != "GET"
]


def token(api):
    return api.get("session").json()["csrf"]


# --- forged requests (OWASP ASVS 3.5.1 to 3.5.3) ------------------------------------------------


@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_asvs_3_5_1_a_request_without_the_token_is_refused(member, user, method, path):
    answer = member.raw(method, path, b"{}")
    assert answer.status_code == 403
    assert code(answer) == "csrf_failed"
    assert sessions.count(user) == 1
    assert member.username() == "ada"


def test_asvs_3_5_1_signing_in_without_the_token_is_refused(api, user):
    """Otherwise another site could sign its visitors in as the attacker (login CSRF)."""
    answer = api.raw("POST", "session", json.dumps(CREDENTIALS).encode())
    assert code(answer) == "csrf_failed"
    assert cookie(answer) is None


@pytest.mark.parametrize("middleware", ["with the middleware", "without it"])
def test_the_token_is_asked_for_in_projects_without_the_middleware(api, user, settings, middleware):
    if middleware == "without it":
        settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if "Csrf" not in path]
    headers = {"X-CSRFToken": token(api)}
    body = json.dumps(CREDENTIALS).encode()
    assert code(api.raw("POST", "session", body)) == "csrf_failed"
    assert api.raw("POST", "session", body, **headers).status_code == 200


def test_a_foreign_origin_is_refused_with_the_token(api, user):
    headers = {"X-CSRFToken": token(api), "Origin": "https://evil.example"}
    answer = api.raw("POST", "session", json.dumps(CREDENTIALS).encode(), **headers)
    assert code(answer) == "csrf_failed"


def test_a_trusted_origin_may_have_its_own_page(api, user, settings, monkeypatch):
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example.com"]
    # Django's decorator reads the setting once, perhaps in an earlier test.
    fresh = csrf_protect(dispatch._protected.__wrapped__)
    monkeypatch.setattr(dispatch, "_protected", fresh)
    body = json.dumps(CREDENTIALS).encode()
    headers = {"X-CSRFToken": token(api), "Origin": "https://app.example.com"}
    assert api.raw("POST", "session", body, **headers).status_code == 200
    without = api.raw("POST", "session", body, Origin="https://app.example.com")
    assert code(without) == "csrf_failed"


def test_asvs_14_3_2_and_3_4_2_no_answer_is_stored_or_shared_with_another_origin(member):
    for path in ("session", "sessions", "history"):
        answer = member.call("GET", path, Origin="https://evil.example")
        assert "no-store" in answer["Cache-Control"]
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_token_may_live_in_the_session(api, user, settings):
    settings.CSRF_USE_SESSIONS = True
    headers = {"X-CSRFToken": token(api)}
    answer = api.raw("POST", "session", json.dumps(CREDENTIALS).encode(), **headers)
    assert answer.status_code == 200
    assert api.username() == "ada"


def test_a_problem_leaves_the_token_as_it_is(api, user):
    headers = {"X-CSRFToken": token(api)}
    wrong = json.dumps({**CREDENTIALS, "password": "wrong"}).encode()
    assert code(api.raw("POST", "session", wrong, **headers)) == "invalid_input"
    answer = api.raw("POST", "session", json.dumps(CREDENTIALS).encode(), **headers)
    assert answer.status_code == 200


def test_a_token_of_a_page_is_good_here(api, user):
    page = api.browser.do(get_token)
    headers = {"X-CSRFToken": page.answer}
    answer = api.raw("POST", "session", json.dumps(CREDENTIALS).encode(), **headers)
    assert answer.status_code == 200


def test_asvs_3_5_3_reading_changes_nothing(member, user):
    key, (before,) = member.browser.key, sessions.for_user(user)
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET":
            assert member.get(endpoint.path).status_code == 200
    assert member.browser.key == key
    assert sessions.for_user(user) == [before]


def test_login_required_middleware_leaves_the_answer_to_the_api(api, user, settings):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    assert api.get("session").status_code == 200
    assert code(api.get("sessions")) == "not_signed_in"
    assert api.post("session", **CREDENTIALS).status_code == 200


# --- methods ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "NONSENSE"])
def test_a_method_that_is_not_there_names_those_that_are(member, path, method):
    there = {each.method for each in ENDPOINTS if filled_in(each.path) == path}
    options = member.call("OPTIONS", path)
    assert options.status_code == 204
    allowed = set(options["Allow"].split(", "))
    assert allowed - {"HEAD", "OPTIONS"} == there
    if method not in there:
        answer = member.call(method, path)
        assert answer.status_code == 405
        assert code(answer) == "method_not_allowed"
        assert set(answer["Allow"].split(", ")) == allowed


def test_head_is_get_without_the_body(member):
    answer = member.call("HEAD", "session")
    assert (answer.status_code, answer.content) == (200, b"")


# --- bodies (OWASP API4) ------------------------------------------------------------------------

DEEP = b'{"username": ' + b"[" * 30_000

MALFORMED = {
    "nothing": b" ",
    "text": b"hello",
    "half": b'{"username": "ada"',
    "list": b"[]",
    "null": b"null",
    "number": b"1",
    "NaN": b'{"username": NaN}',
    "Infinity": b'{"username": -Infinity}',
    "many digits": b'{"username": ' + b"9" * 10_000 + b"}",
    "deep": DEEP,
    "not UTF-8": b'{"username": "\xff"}',
    "UTF-16": '{"username": "ada"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"username": "ada"}',
    "control character": b'{"username": "\x00"}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_is_no_json_object_is_a_400(api, body):
    answer = api.raw("POST", "session", body, **{"X-CSRFToken": token(api)})
    assert answer.status_code == 400
    assert code(answer) == "invalid_json"


WRONG = {
    "nothing": ({}, {"username": "required", "password": "required"}),
    "null": ({"username": None, "password": "x"}, {"username": "wrong_type"}),
    "number": ({"username": 1, "password": True}, dict.fromkeys(CREDENTIALS, "wrong_type")),
    "list": ({"username": ["ada"], "password": {}}, dict.fromkeys(CREDENTIALS, "wrong_type")),
    "text for a boolean": ({**CREDENTIALS, "make_room": "yes"}, {"make_room": "wrong_type"}),
    "empty": ({**CREDENTIALS, "carrier": ""}, {"carrier": "empty"}),
    "unknown": ({**CREDENTIALS, "is_staff": True}, {"is_staff": "unknown_field"}),
    "Django's token": (
        {**CREDENTIALS, "csrfmiddlewaretoken": "x"},
        {"csrfmiddlewaretoken": "unknown_field"},
    ),
    "zero byte": ({**CREDENTIALS, "username": "a\0"}, {"username": "null_characters_not_allowed"}),
    "half a surrogate pair": ({**CREDENTIALS, "username": "\ud800"}, {"username": "invalid_text"}),
    "long": ({**CREDENTIALS, "username": "a" * 1000}, {"__all__": "invalid_login"}),
}


@pytest.mark.parametrize(("body", "errors"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_named(api, user, body, errors):
    answer = api.post("session", **body)
    assert answer.status_code == 400
    assert code(answer) == "invalid_input"
    found = answer.json()["errors"]
    assert {name: each[0]["code"] for name, each in found.items()} == errors
    assert all(error["message"] for each in found.values() for error in each)
    assert api.username() is None


def test_of_many_unknown_fields_some_are_named(api):
    answer = api.post("session", **{f"field{number}": 1 for number in range(1000)})
    assert len(answer.json()["errors"]) == 20


@pytest.mark.parametrize("size", [MAX_BODY + 1, 1_000_000])
def test_owasp_api4_a_large_body_is_a_413(api, user, size):
    body = json.dumps(CREDENTIALS).encode()
    padded = body + b" " * (size - len(body))
    answer = api.raw("POST", "session", padded, **{"X-CSRFToken": token(api)})
    assert answer.status_code == 413
    assert code(answer) == "body_too_large"
    assert api.username() is None


def test_a_body_of_the_largest_size_is_read(api, user):
    body = json.dumps(CREDENTIALS).encode()
    padded = body + b" " * (MAX_BODY - len(body))
    headers = {"X-CSRFToken": token(api)}
    assert api.raw("POST", "session", padded, **headers).status_code == 200


def test_a_project_may_allow_less(api, user, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert code(api.post("session", **CREDENTIALS)) == "body_too_large"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ],
)
def test_another_content_type_is_a_415(api, user, content_type):
    answer = api.raw(
        "POST",
        "session",
        json.dumps(CREDENTIALS).encode(),
        content_type,
        **{"X-CSRFToken": token(api)},
    )
    assert answer.status_code == 415
    assert code(answer) == "unsupported_media_type"
    assert answer["Accept"] == "application/json"


def test_a_content_type_may_have_parameters(api, user):
    body, headers = json.dumps(CREDENTIALS).encode(), {"X-CSRFToken": token(api)}
    answer = api.raw("POST", "session", body, "Application/JSON; charset=utf-8", **headers)
    assert answer.status_code == 200

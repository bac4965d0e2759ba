"""Programs, which sign in by the API and send the key in a header."""

import json

import pytest

from frontdesk import sessions
from tests.api.conftest import code
from tests.fixtures import DATABASE, PASSWORD, use


@pytest.fixture(autouse=True)
def _for_programs(settings, _api):
    settings.FRONTDESK = {**settings.FRONTDESK, "HEADER_CARRIER": "apps"}
    use(settings, DATABASE)


class Program:
    """A client without cookies, such as a command-line tool."""

    def __init__(self, api):
        self.api = api
        self.key = ""

    def call(self, method, path, body=None, **headers):
        data = b"" if body is None else json.dumps(body).encode()
        authorization = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        response = self.api.raw(method, path, data, **authorization, **headers)
        assert not response.cookies
        if response.content:
            self.key = response.json().get("key", self.key)
        return response

    def sign_in(self, user, password=PASSWORD, **headers):
        body = {"username": user.get_username(), "password": password, "carrier": "header"}
        return self.call("POST", "session", body, **headers)

    @property
    def username(self):
        user = self.call("GET", "session").json()["user"]
        return user and user["username"]


@pytest.fixture
def program(new_api):
    return Program(new_api())


def test_a_program_signs_in_without_a_csrf_token(program, user):
    response = program.sign_in(user)
    assert response.status_code == 200
    assert response.json()["session"]["carrier"] == "header"
    assert response.json()["csrf"] is None
    assert program.username == "ada"


def test_the_key_is_shown_once(program, user):
    assert program.sign_in(user).json()["key"].startswith("fds_")
    assert "key" not in program.call("GET", "session").json()


def test_a_wrong_password_gives_no_key(program, user):
    response = program.sign_in(user, "wrong")
    assert response.status_code == 400
    assert "key" not in response.json()


NEW = {"old_password": PASSWORD, "new_password1": "a lamp in 1", "new_password2": "a lamp in 1"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PATCH", "session", {"password": PASSWORD}), ("POST", "password", NEW)],
)
def test_a_session_that_ends_meanwhile_gives_no_new_key(
    program, user, monkeypatch, method, path, body
):
    program.sign_in(user)

    def ending(request):
        sessions.end_all(user)
        return header_key(request)

    header_key = sessions.header_key
    monkeypatch.setattr(sessions, "header_key", ending)
    response = program.call(method, path, body)
    assert (response.status_code, code(response)) == (401, "invalid_key")
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_entering_the_password_again_gives_a_new_key(program, user):
    program.sign_in(user)
    old = program.key
    assert program.call("PATCH", "session", {"password": PASSWORD}).status_code == 200
    assert program.key != old
    assert program.username == "ada"
    program.key = old
    assert program.username is None


def test_a_new_password_gives_a_new_key(program, user):
    program.sign_in(user)
    body = {
        "old_password": PASSWORD,
        "new_password1": "another lantern in the hall",
        "new_password2": "another lantern in the hall",
    }
    response = program.call("POST", "password", body)
    assert list(response.json()) == ["key"]
    assert program.username == "ada"


def test_sign_out_ends_the_session(program, user):
    program.sign_in(user)
    assert program.call("DELETE", "session").status_code == 204
    assert program.username is None
    assert sessions.count(user) == 0


def test_a_program_lists_and_ends_sessions(program, user, new_api):
    new_api().sign_in(user)
    program.sign_in(user)
    found = program.call("GET", "sessions").json()["sessions"]
    assert [each["carrier"] for each in found] == ["header", "cookie"]
    assert program.call("DELETE", f"sessions/{found[1]['id']}").status_code == 204
    assert sessions.count(user) == 1


def test_a_bad_key_is_challenged_as_such(program, user):
    assert program.call("GET", "sessions")["WWW-Authenticate"] == "Bearer"
    program.sign_in(user)
    sessions.end_all(user)
    response = program.call("GET", "sessions")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert response.json()["code"] == "invalid_key"


@pytest.mark.parametrize(
    "header", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}]
)
def test_a_page_in_a_browser_gets_no_key(program, user, header):
    response = program.sign_in(user, **header)
    assert (response.status_code, response.json()["code"]) == (403, "carrier_refused")
    assert sessions.count(user) == 0


def test_no_key_is_given_unless_the_setting_allows_it(program, user, settings):
    settings.FRONTDESK = {**settings.FRONTDESK, "HEADER_CARRIER": "off"}
    response = program.sign_in(user)
    assert (response.status_code, response.json()["code"]) == (403, "carrier_refused")
    assert "HEADER_CARRIER" in response.json()["detail"]


def test_a_browser_that_is_signed_in_stays_so(new_api, user):
    browser = new_api()
    browser.sign_in(user)
    Program(browser).sign_in(user)
    assert browser.username() == "ada"
    assert sessions.count(user) == 2


def test_a_browser_still_needs_a_csrf_token(new_api, user):
    body = {"username": "ada", "password": PASSWORD, "carrier": "cookie"}
    response = new_api().raw("POST", "session", json.dumps(body).encode())
    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")


def test_a_program_over_the_limit_gets_no_csrf_token(new_api, user, settings):
    settings.FRONTDESK = {
        **settings.FRONTDESK,
        "MAX_SESSIONS_PER_USER": 1,
        "AT_MAX_SESSIONS": "refuse",
    }
    first, second = Program(new_api()), Program(new_api())
    first.sign_in(user)
    refused = second.sign_in(user)
    assert refused.json()["code"] == "session_limit_reached"
    assert refused.json()["csrf"] is None

"""The authentication for Django Ninja, in sync and async operations."""

import asyncio

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError
from ninja.testing import TestAsyncClient, TestClient

from frontdesk import api_tokens, sessions
from frontdesk.core import credentials
from frontdesk.core.keys import Key
from tests.contrib import ninja_site
from tests.contrib.conftest import INSUFFICIENT, INVALID, NO_ERROR, bearer
from tests.fixtures import sign_in
from tests.requests.browsers import cookie, directives

pytestmark = pytest.mark.django_db

BOTH = ["/session-or-token/", "/token-or-session/"]
SESSION = ["/session/", *BOTH]
TOKEN = ["/token/", *BOTH]

UNKNOWN_KEY = credentials.credential_of(credentials.SESSION, Key("0" * 40))
UNKNOWN_TOKEN = credentials.credential_of(credentials.API_TOKEN, Key("0" * 40))


@pytest.fixture(autouse=True)
def _urls(_site, settings):
    settings.ROOT_URLCONF = "tests.contrib.ninja_site"


@pytest.fixture(params=["/api", "/aapi"])
def api(request):
    """Run the test with sync and with async operations, each under WSGI and under ASGI."""
    return request.param


def refused(answer):
    """Return the status of a refusal, and the challenge, which is a string also if there is none."""
    return answer.status_code, answer.get("WWW-Authenticate", "")


# --- sessions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("view", SESSION)
def test_a_cookie_signs_in(member, api, view):
    assert member.get(api + view).json()["user"] == "ada"


@pytest.mark.parametrize("view", SESSION)
def test_a_key_in_the_header_signs_in(browser, key, api, view):
    answer = browser.get(api + view, **bearer(key))
    assert answer.json()["user"] == "ada"
    assert cookie(answer) is None


def test_auth_is_the_user(browser, key, api):
    kinds = {"/api": "LazyObject", "/aapi": "User"}
    assert browser.get(f"{api}/session/", **bearer(key)).json()["auth"] == kinds[api]


@pytest.mark.parametrize("view", SESSION)
def test_a_cookie_needs_a_csrf_token(new_browser, user, api, view):
    browser = new_browser(enforce_csrf_checks=True)
    browser.force_login(user)
    answer = browser.post(api + view)
    assert refused(answer) == (403, "")
    assert "CSRF" in answer.json()["detail"]


@pytest.mark.parametrize("in_session", [False, True])
@pytest.mark.parametrize("view", SESSION)
def test_a_cookie_with_a_csrf_token_may_post(new_browser, user, settings, api, view, in_session):
    settings.CSRF_USE_SESSIONS = in_session
    browser = new_browser(enforce_csrf_checks=True)
    browser.force_login(user)
    if in_session:
        browser.put(_csrftoken="a" * 32)
    else:
        browser.cookies["csrftoken"] = "a" * 32
    assert browser.post(api + view, headers={"X-CSRFToken": "a" * 32}).status_code == 200


@pytest.mark.parametrize("view", SESSION)
def test_a_key_in_the_header_needs_none(new_browser, key, api, view):
    browser = new_browser(enforce_csrf_checks=True)
    assert browser.post(api + view, **bearer(key)).status_code == 200


@pytest.mark.parametrize("view", [*SESSION, "/token/"])
def test_a_client_that_is_not_signed_in_gets_a_401(browser, api, view):
    assert refused(browser.get(api + view)) == (401, NO_ERROR)


@pytest.mark.parametrize("view", SESSION)
@pytest.mark.parametrize("sent", ["fds_", "fds_" + "a" * 47, UNKNOWN_KEY])
def test_a_bad_key_is_said_to_be_invalid(browser, user, api, view, sent):
    assert refused(browser.get(api + view, **bearer(sent))) == (401, INVALID)


@pytest.mark.parametrize("view", SESSION)
def test_an_ended_session_is_said_to_be_invalid(browser, user, key, api, view):
    sessions.end_all(user)
    assert refused(browser.get(api + view, **bearer(key))) == (401, INVALID)


def test_a_page_in_a_browser_cannot_use_a_key(browser, key, api):
    answer = browser.get(f"{api}/session/", **bearer(key, Origin="https://example.com"))
    assert (answer.status_code, answer.json()["code"]) == (403, "carrier_refused")


def test_a_user_who_is_not_active_has_no_session(browser, key, api):
    get_user_model().objects.update(is_active=False)
    assert refused(browser.get(f"{api}/session/", **bearer(key))) == (401, INVALID)


def test_a_key_counts_for_nothing_if_the_setting_is_off(browser, key, set_options, api):
    set_options(HEADER_CARRIER="off")
    assert refused(browser.get(f"{api}/session/", **bearer(key))) == (401, INVALID)


# --- API tokens ---------------------------------------------------------------------------------


@pytest.mark.parametrize("view", TOKEN)
def test_a_token_with_the_scope_opens_the_view(browser, token, api, view):
    answer = browser.get(api + view, **bearer(token))
    assert answer.json() == {"user": "ada", "auth": "TokenInfo"}


def test_middlewares_see_whose_token_it_was(client, token, user, api):
    request = client.get(f"{api}/token/", **bearer(token)).wsgi_request
    assert request.user == user
    assert isinstance(request.auth, api_tokens.TokenInfo)
    assert request.session.is_empty()


@pytest.mark.parametrize("view", TOKEN)
def test_csrf_is_not_asked_of_a_token(new_browser, token, api, view):
    browser = new_browser(enforce_csrf_checks=True)
    assert browser.post(api + view, **bearer(token)).status_code == 200


@pytest.mark.parametrize("view", TOKEN)
@pytest.mark.parametrize("sent", ["fdt_", "fdt_" + "a" * 47, UNKNOWN_TOKEN])
def test_a_bad_token_is_said_to_be_invalid(browser, user, api, view, sent):
    assert refused(browser.get(api + view, **bearer(sent))) == (401, INVALID)


@pytest.mark.parametrize("view", TOKEN)
def test_an_ended_token_is_said_to_be_invalid(browser, user, token, api, view):
    api_tokens.end_all(user)
    assert refused(browser.get(api + view, **bearer(token))) == (401, INVALID)


def test_a_user_who_is_not_active_has_no_token(browser, token, api):
    get_user_model().objects.update(is_active=False)
    assert refused(browser.get(f"{api}/token/", **bearer(token))) == (401, INVALID)


@pytest.mark.parametrize("view", TOKEN)
def test_a_token_without_the_scope_is_told_which_is_needed(browser, user, api, view):
    _info, text = api_tokens.create(user, "writer", ["orders:write"])
    answer = browser.get(api + view, **bearer(text))
    assert refused(answer) == (403, INSUFFICIENT)
    assert "scope" in answer.json()["detail"]


def test_a_scope_that_is_no_longer_declared_opens_nothing(browser, token, set_options, api):
    set_options(API_SCOPES={"orders:write": "Change orders"})
    assert refused(browser.get(f"{api}/token/", **bearer(token))) == (403, INSUFFICIENT)
    assert browser.get(f"{api}/any/", **bearer(token)).status_code == 200


def test_all_scopes_are_needed(browser, token, api):
    status, challenge = refused(browser.get(f"{api}/two/", **bearer(token)))
    assert status == 403
    assert challenge.endswith('scope="orders:read orders:write"')


# --- several ------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", BOTH)
def test_the_token_counts_and_not_the_cookie(browser, token, other_user, api, view):
    sign_in(browser, other_user)
    answer = browser.get(api + view, **bearer(token))
    assert answer.json() == {"user": "ada", "auth": "TokenInfo"}
    assert browser.get(api + view).json()["user"] == "bob"
    assert browser.username() == "bob"


def test_a_token_is_no_session(member, token, api):
    assert refused(member.get(f"{api}/session/", **bearer(token))) == (401, INVALID)


def test_a_session_is_no_token(browser, key, api):
    assert refused(browser.get(f"{api}/any/", **bearer(key))) == (401, INVALID)


def test_a_cookie_opens_no_view_that_only_takes_tokens(member, api):
    assert refused(member.get(f"{api}/token/")) == (401, NO_ERROR)


def test_credentials_of_another_kind_are_left_to_another_auth(browser, api):
    answer = browser.get(f"{api}/with-other/", **bearer("jwt"))
    assert answer.json() == {"user": "", "auth": "str"}
    assert refused(browser.get(f"{api}/with-other/", **bearer("x"))) == (401, INVALID)


@pytest.mark.parametrize("sent", [UNKNOWN_KEY, UNKNOWN_TOKEN])
def test_what_is_wrong_is_not_left_to_another_auth(browser, user, api, sent):
    assert browser.get(f"{api}/anyone/").json()["auth"] == "str"
    assert refused(browser.get(f"{api}/anyone/", **bearer(sent))) == (401, INVALID)


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_api_may_have_sync_and_async_operations(browser, token, method):
    answer = getattr(browser, method)("/mixed/", **bearer(token))
    assert answer.json() == {"user": "ada", "auth": "TokenInfo"}


def test_a_views_own_401_does_not_call_good_credentials_invalid(browser, key, token, api):
    for sent in (key, token):
        assert refused(browser.get(f"{api}/refusing/", **bearer(sent))) == (401, "")


# --- the answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("view", TOKEN)
def test_no_cache_may_give_what_a_token_opens_to_others(browser, token, api, view):
    answer = browser.get(api + view, **bearer(token))
    assert "Authorization" in answer["Vary"]
    assert directives(answer) == {"no-store"}


def test_what_a_session_opens_stays_out_of_shared_caches(member, api):
    answer = member.get(f"{api}/token-or-session/")
    assert {"Authorization", "Cookie"} <= {each.strip() for each in answer["Vary"].split(",")}
    assert directives(answer) == {"private"}


def test_an_outage_is_no_refusal(browser, token, monkeypatch, api):
    def fail(*_args):
        raise OperationalError("the server has gone")

    monkeypatch.setattr("frontdesk.storages.rows.OneRow.fetch", fail)
    assert browser.get(f"{api}/token/", **bearer(token)).status_code == 503


# --- with Ninja's own clients -------------------------------------------------------------------


@pytest.fixture(params=["sync", "async"])
def call(request):
    """Call it as Ninja's test clients are called."""
    client = TestAsyncClient(ninja_site.aapi) if request.param == "async" else None

    def get(path, **kwargs):
        if client is None:
            return TestClient(ninja_site.api).get(path, **kwargs)
        return asyncio.run(client.get(path, **kwargs))

    return get


@pytest.mark.django_db(transaction=True)
def test_its_client_sends_a_token(call, token):
    assert call("/token/", **bearer(token)).json() == {"user": "ada", "auth": "TokenInfo"}
    assert call("/two/", **bearer(token)).status_code == 403
    assert call("/token/").status_code == 401


def test_its_client_may_name_the_user(call, user):
    assert call("/session/", user=user).json() == {"user": "ada", "auth": "User"}
    assert call("/session/").status_code == 401


# --- the schema ---------------------------------------------------------------------------------


def test_the_schema_describes_both():
    schemes = ninja_site.mixed.get_openapi_schema()["components"]["securitySchemes"]
    session, token = schemes["SessionAuth"], schemes["TokenAuth"]
    assert (session["type"], session["in"], session["name"]) == ("apiKey", "cookie", "sessionid")
    assert "fds_" in session["description"]
    assert (token["type"], token["scheme"], token["bearerFormat"]) == ("http", "bearer", "fdt_")


def test_the_schema_says_that_either_will_do():
    schema = ninja_site.mixed.get_openapi_schema()
    (path,) = schema["paths"].values()
    assert path["get"]["security"] == [{"SessionAuth": []}, {"TokenAuth": []}]

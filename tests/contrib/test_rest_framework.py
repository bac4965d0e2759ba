"""The authentication classes for Django REST framework."""

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

from frontdesk import api_tokens, sessions
from frontdesk.contrib.rest_framework import TokenAuth
from frontdesk.core import credentials
from frontdesk.core.keys import Key
from tests.contrib import rest_framework_site as drf
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
    settings.ROOT_URLCONF = "tests.contrib.rest_framework_site"


def refused(answer):
    """Return the status of a refusal, and the challenge, which is a string also if there is none."""
    return answer.status_code, answer.get("WWW-Authenticate", "")


# --- sessions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("view", SESSION)
def test_a_cookie_signs_in(member, view):
    assert member.get(view).json() == {"user": "ada", "auth": "NoneType"}


@pytest.mark.parametrize("view", SESSION)
def test_a_key_in_the_header_signs_in(browser, key, view):
    answer = browser.get(view, **bearer(key))
    assert answer.json() == {"user": "ada", "auth": "NoneType"}
    assert cookie(answer) is None


@pytest.mark.parametrize("view", SESSION)
def test_a_cookie_needs_a_csrf_token(new_browser, user, view):
    browser = new_browser(enforce_csrf_checks=True)
    browser.force_login(user)
    answer = browser.post(view)
    assert refused(answer) == (403, "")
    assert "CSRF" in answer.json()["detail"]


@pytest.mark.parametrize("view", SESSION)
def test_a_cookie_with_a_csrf_token_may_post(new_browser, user, view):
    browser = new_browser(enforce_csrf_checks=True)
    browser.force_login(user)
    browser.cookies["csrftoken"] = "a" * 32
    assert browser.post(view, headers={"X-CSRFToken": "a" * 32}).status_code == 200


@pytest.mark.parametrize("view", SESSION)
def test_a_key_in_the_header_needs_none(new_browser, key, view):
    browser = new_browser(enforce_csrf_checks=True)
    assert browser.post(view, **bearer(key)).status_code == 200


@pytest.mark.parametrize("view", [*SESSION, "/token/"])
def test_a_client_that_is_not_signed_in_gets_a_401(browser, view):
    assert refused(browser.get(view)) == (401, NO_ERROR)


@pytest.mark.parametrize("view", [*SESSION, "/public/"])
@pytest.mark.parametrize("sent", ["fds_", "fds_" + "a" * 47, UNKNOWN_KEY])
def test_a_bad_key_is_said_to_be_invalid(browser, user, view, sent):
    assert refused(browser.get(view, **bearer(sent))) == (401, INVALID)


@pytest.mark.parametrize("view", SESSION)
def test_an_ended_session_is_said_to_be_invalid(browser, user, key, view):
    sessions.end_all(user)
    assert refused(browser.get(view, **bearer(key))) == (401, INVALID)


@pytest.mark.parametrize("view", SESSION)
def test_a_page_in_a_browser_cannot_use_a_key(browser, key, view):
    answer = browser.get(view, **bearer(key, Origin="https://example.com"))
    assert (answer.status_code, answer.json()["code"]) == (403, "carrier_refused")


@pytest.mark.parametrize("view", SESSION)
def test_a_user_who_is_not_active_has_no_session(browser, key, view):
    get_user_model().objects.update(is_active=False)
    assert refused(browser.get(view, **bearer(key))) == (401, INVALID)


def test_a_key_counts_for_nothing_if_the_setting_is_off(browser, key, set_options):
    set_options(HEADER_CARRIER="off")
    assert refused(browser.get("/session/", **bearer(key))) == (401, INVALID)


# --- API tokens ---------------------------------------------------------------------------------


@pytest.mark.parametrize("view", TOKEN)
def test_a_token_with_the_scope_opens_the_view(browser, token, view):
    assert browser.get(view, **bearer(token)).json() == {"user": "ada", "auth": "TokenInfo"}


def test_middlewares_see_whose_token_it_was(client, token, user):
    request = client.get("/token/", **bearer(token)).wsgi_request
    assert request.user == user
    assert isinstance(request.auth, api_tokens.TokenInfo)
    assert request.session.is_empty()


@pytest.mark.parametrize("view", TOKEN)
def test_csrf_is_not_asked_of_a_token(new_browser, token, view):
    browser = new_browser(enforce_csrf_checks=True)
    assert browser.post(view, **bearer(token)).status_code == 200


@pytest.mark.parametrize("view", [*TOKEN, "/public/", "/token-or-password/"])
@pytest.mark.parametrize("sent", ["fdt_", "fdt_" + "a" * 47, UNKNOWN_TOKEN])
def test_a_bad_token_is_said_to_be_invalid(browser, user, view, sent):
    assert refused(browser.get(view, **bearer(sent))) == (401, INVALID)


@pytest.mark.parametrize("view", TOKEN)
def test_an_ended_token_is_said_to_be_invalid(browser, user, token, view):
    api_tokens.end_all(user)
    assert refused(browser.get(view, **bearer(token))) == (401, INVALID)


@pytest.mark.parametrize("view", TOKEN)
def test_a_user_who_is_not_active_has_no_token(browser, token, view):
    get_user_model().objects.update(is_active=False)
    assert refused(browser.get(view, **bearer(token))) == (401, INVALID)


@pytest.mark.parametrize("view", TOKEN)
def test_a_token_without_the_scope_is_told_which_is_needed(browser, user, view):
    _info, text = api_tokens.create(user, "writer", ["orders:write"])
    answer = browser.get(view, **bearer(text))
    assert refused(answer) == (403, INSUFFICIENT)
    assert "scope" in answer.json()["detail"]


@pytest.mark.parametrize("view", TOKEN)
def test_a_scope_that_is_no_longer_declared_opens_nothing(browser, token, set_options, view):
    set_options(API_SCOPES={"orders:write": "Change orders"})
    assert refused(browser.get(view, **bearer(token))) == (403, INSUFFICIENT)
    assert browser.get("/any/", **bearer(token)).status_code == 200


def test_a_view_without_scopes_takes_any_token(browser, user):
    _info, text = api_tokens.create(user, "no scopes")
    assert browser.get("/any/", **bearer(text)).status_code == 200


def test_all_scopes_of_a_class_are_needed(rf, token):
    kind = TokenAuth.requiring("orders:read", "orders:write")
    view = drf.View.as_view(authentication_classes=[kind])
    answer = view(rf.get("/", **bearer(token)))
    assert refused(answer)[1].endswith('scope="orders:read orders:write"')
    assert TokenAuth.scopes == ()


def test_a_token_needs_no_session_of_the_site(rf, token):
    """Such as in a project without the session middleware."""
    answer = drf.Token.as_view()(rf.get("/", **bearer(token)))
    assert answer.data == {"user": "ada", "auth": "TokenInfo"}


# --- several classes ----------------------------------------------------------------------------


@pytest.mark.parametrize("view", BOTH)
def test_the_token_counts_and_not_the_cookie(browser, token, other_user, view):
    sign_in(browser, other_user)
    assert browser.get(view, **bearer(token)).json() == {"user": "ada", "auth": "TokenInfo"}
    assert browser.get(view).json() == {"user": "bob", "auth": "NoneType"}
    assert browser.username() == "bob"


def test_a_token_is_no_session(member, token):
    assert refused(member.get("/session/", **bearer(token))) == (401, INVALID)


def test_a_session_is_no_token(browser, key):
    assert refused(browser.get("/token/", **bearer(key))) == (401, INVALID)
    assert refused(browser.get("/any/", **bearer(key))) == (401, INVALID)


def test_a_cookie_opens_no_view_that_only_takes_tokens(member):
    assert refused(member.get("/token/")) == (401, NO_ERROR)


def test_credentials_of_another_kind_are_left_to_other_classes(browser, user):
    answer = browser.get("/with-other/", **bearer("jwt"))
    assert answer.json() == {"user": "other", "auth": "str"}
    basic = {"Authorization": "Basic YWRhOmEgbGFudGVybiBpbiB0aGUgaGFsbA=="}
    assert browser.get("/token-or-password/", headers=basic).json()["user"] == "ada"


def test_what_no_class_accepts_is_said_to_be_invalid(browser):
    assert refused(browser.get("/with-other/", **bearer("x"))) == (401, INVALID)


def test_a_public_view_needs_nothing(browser):
    assert browser.get("/public/").json()["user"] == ""


def test_a_views_own_401_does_not_call_good_credentials_invalid(browser, key, token):
    for sent in (key, token):
        assert refused(browser.get("/refusing/", **bearer(sent))) == (401, NO_ERROR)


# --- the answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["/token/", "/session-or-token/", "/token-or-session/"])
def test_no_cache_may_give_what_a_token_opens_to_others(browser, token, view):
    answer = browser.get(view, **bearer(token))
    assert "Authorization" in answer["Vary"]
    assert directives(answer) == {"no-store"}


def test_what_a_session_opens_stays_out_of_shared_caches(member):
    answer = member.get("/token-or-session/")
    assert {"Authorization", "Cookie"} <= {each.strip() for each in answer["Vary"].split(",")}
    assert directives(answer) == {"private"}


def test_an_outage_is_no_refusal(browser, token, monkeypatch):
    def fail(*_args):
        raise OperationalError("the server has gone")

    monkeypatch.setattr("frontdesk.storages.rows.OneRow.fetch", fail)
    assert browser.get("/token/", **bearer(token)).status_code == 503


# --- with REST framework's own client -----------------------------------------------------------


@pytest.fixture
def client():
    return APIClient(enforce_csrf_checks=True)


def test_its_client_sends_a_token(client, token):
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert client.post("/token/").json() == {"user": "ada", "auth": "TokenInfo"}


def test_its_client_sends_a_session(client, user):
    assert client.login(username="ada", password="a lantern in the hall")
    assert client.get("/session/").json()["user"] == "ada"
    assert client.post("/session/").status_code == 403


def test_its_client_may_name_the_user(client, user):
    client.force_authenticate(user=user)
    assert client.post("/session-or-token/").json()["user"] == "ada"


# --- the schema ---------------------------------------------------------------------------------


@pytest.fixture
def schema(monkeypatch):
    """Call it for the document of drf-spectacular, in a version of OpenAPI."""

    def generate(version):
        monkeypatch.setattr(spectacular_settings, "OAS_VERSION", version)
        return SchemaGenerator(patterns=drf.urlpatterns[:6]).get_schema(public=True)

    return generate


def security(schema, path):
    return schema["paths"][path]["get"]["security"]


def test_the_schema_describes_both(schema):
    schemes = schema("3.0.3")["components"]["securitySchemes"]
    kinds = {name: (each["type"], each.get("bearerFormat")) for name, each in schemes.items()}
    assert kinds == {
        "sessionCookie": ("apiKey", None),
        "sessionKey": ("http", "fds_"),
        "apiToken": ("http", "fdt_"),
        "basicAuth": ("http", None),
    }
    assert schemes["sessionCookie"]["name"] == "sessionid"


def test_the_schema_says_that_either_will_do(schema):
    document = schema("3.0.3")
    assert security(document, "/session/") == [{"sessionCookie": []}, {"sessionKey": []}]
    assert security(document, "/token-or-session/")[0] == {"apiToken": []}
    assert len(security(document, "/token-or-session/")) == 3


def test_the_schema_names_the_scopes_if_openapi_allows_that(schema):
    assert security(schema("3.1.0"), "/token/") == [{"apiToken": ["orders:read"]}]
    assert security(schema("3.0.3"), "/token/") == [{"apiToken": []}]


def test_the_schema_knows_no_key_if_the_setting_is_off(schema, set_options):
    set_options(HEADER_CARRIER="off")
    assert security(schema("3.0.3"), "/session/") == [{"sessionCookie": []}]


def test_the_classes_may_be_named_in_the_settings(settings):
    names = ["frontdesk.contrib.rest_framework.SessionAuth"]
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": names}
    assert [kind.__name__ for kind in api_settings.DEFAULT_AUTHENTICATION_CLASSES] == [
        "SessionAuth"
    ]

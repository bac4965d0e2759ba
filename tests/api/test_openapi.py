"""The OpenAPI document says what the API does."""

import re

import pytest
from django.urls import get_resolver
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from frontdesk.api import urls
from frontdesk.api.endpoints import ENDPOINTS
from frontdesk.api.openapi import codes_of
from frontdesk.api.problems import DETAILS
from tests.requests.browsers import cookie, directives, varies

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(api):
    return api.raw("GET", "openapi.json", content_type="").json()


def test_it_is_valid(document):
    assert document["openapi"].startswith("3.1.")
    validate(document, cls=OpenAPIV31SpecValidator)


def test_it_has_exactly_the_urls(document):
    routes = {"/" + re.sub(r"<str:(\w+)>", r"{\1}", str(each.pattern)) for each in urls.urlpatterns}
    assert set(document["paths"]) == routes
    assert len(urls.urlpatterns) == len(routes)


def test_it_says_where_the_api_is(document):
    assert document["servers"] == [{"url": "/api/auth"}]
    assert get_resolver().resolve("/api/auth/session").view_name == "frontdesk_api:session"


def test_every_problem_is_one_of_some_endpoint():
    named = {code for endpoint in ENDPOINTS for code in codes_of(endpoint)}
    assert set(DETAILS) - named == {"method_not_allowed"}


def test_a_setting_decides_about_remember_me(api, settings):
    def fields():
        operation = api.raw("GET", "openapi.json").json()["paths"]["/session"]["post"]
        return operation["requestBody"]["content"]["application/json"]["schema"]["properties"]

    assert "remember" not in fields()
    settings.FRONTDESK = {**settings.FRONTDESK, "REMEMBER_ME": True}
    assert fields()["remember"]["type"] == "boolean"


def test_it_may_be_cached_and_reads_no_session(flaky, member):
    flaky.down = {"load"}
    answer = member.get("openapi.json")
    assert answer.status_code == 200
    assert directives(answer) == {"public", "max-age=3600"}
    assert cookie(answer) is None
    assert not varies(answer)
    again = member.call("GET", "openapi.json", **{"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert directives(again) == {"public", "max-age=3600"}
    assert member.call("GET", "openapi.json", **{"If-None-Match": '"x"'}).status_code == 200


def test_it_is_the_same_in_every_language(new_api, settings):
    english = new_api().raw("GET", "openapi.json").content
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    api, german = new_api(), {"Accept-Language": "de"}
    problem = api.call("POST", "session", {}, **german).json()
    assert problem["errors"]["username"][0]["message"] == "Dieses Feld ist zwingend erforderlich."
    assert api.raw("GET", "openapi.json", **german).content == english


def test_it_answers_only_get(api):
    assert api.call("POST", "openapi.json").status_code == 405

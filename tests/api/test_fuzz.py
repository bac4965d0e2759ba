"""Whatever comes, the API answers as its OpenAPI document says (OWASP API4, CS as user input).

The examples are the same in each run. ``-m slow`` tries more of them.
"""

import re
from functools import cache

import pytest
import schemathesis
from django.contrib.auth import get_user_model
from django.test import Client
from django.test.client import ClientHandler
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from frontdesk.api.endpoints import ENDPOINTS
from frontdesk.api.openapi import document

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _scopes(settings, _api):
    settings.FRONTDESK = {**settings.FRONTDESK, "API_SCOPES": {"orders:read": "Read orders"}}


PREFIX = "/api/auth"

CASES = [
    pytest.param(endpoint, mode, id=f"{endpoint.method} {endpoint.path} {mode.value}")
    for endpoint in ENDPOINTS
    for mode in GenerationMode
    # Without input, there is none that does not fit.
    if mode.is_positive or endpoint.body or endpoint.query
]

CHECKED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
]


def application(environ, start_response):
    """The site as a WSGI server sees it, but in the test's transaction."""
    response = ClientHandler(enforce_csrf_checks=True)(environ)
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]


@cache
def schema():
    described = document(ENDPOINTS, PREFIX)
    for path in described["paths"].values():
        for operation in path.values():
            # Each example brings its own. tests/api/test_requests.py leaves them out.
            del operation["security"]
    return schemathesis.openapi.from_dict(described)


def answers_as_described(operation, generation_mode, examples):
    user = get_user_model().objects.get()
    checks = CHECKS.get_by_names(CHECKED)

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=generation_mode))
    def attempt(case):
        browser = Client()
        browser.force_login(user)
        token = browser.get(f"{PREFIX}/session").json()["csrf"]
        response = case.call(
            app=application,
            headers={"X-CSRFToken": token},
            cookies={name: morsel.value for name, morsel in browser.cookies.items()},
        )
        case.validate_response(response, checks=checks)

    attempt()


def path_of(endpoint):
    return re.sub(r"<str:(\w+)>", r"{\1}", f"/{endpoint.path}")


@pytest.mark.parametrize(("endpoint", "generation_mode"), CASES)
def test_an_endpoint_answers_as_described(user, endpoint, generation_mode):
    path = path_of(endpoint)
    answers_as_described(schema()[path][endpoint.method], generation_mode, 25)


@pytest.mark.slow
@pytest.mark.parametrize(("endpoint", "generation_mode"), CASES)
def test_an_endpoint_answers_many_requests_as_described(user, endpoint, generation_mode):
    path = path_of(endpoint)
    answers_as_described(schema()[path][endpoint.method], generation_mode, 200)

"""A site with the API, and clients that speak JSON to it, under WSGI and under ASGI."""

import json
import re
from inspect import isawaitable

import pytest
from asgiref.sync import async_to_sync

from tests.fixtures import *  # noqa: F403
from tests.fixtures import PASSWORD


@pytest.fixture(autouse=True)
def _api(site, settings):
    settings.ROOT_URLCONF = "tests.api.urls"
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    settings.AUTH_PASSWORD_VALIDATORS = [
        {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}
    ]


class API:
    """A client that keeps cookies and the CSRF token, as a single-page app does."""

    def __init__(self, browser):
        self.browser = browser(enforce_csrf_checks=True)
        self.csrf = ""

    def raw(self, method, path, data=b"", content_type="application/json", **headers):
        """Send ``data`` as it is, without a token unless it is among the headers."""
        response = self.browser.generic(
            method, f"/api/auth/{path}", data, content_type, headers=headers
        )
        if isawaitable(response):

            async def wait():
                return await response

            response = async_to_sync(wait)()
        return response

    def call(self, method, path, body=None, **headers):
        """Send ``body`` as JSON with the token."""
        if method not in {"GET", "HEAD"} and not self.csrf:
            self.csrf = self.get("session").json()["csrf"]
        data = b"" if body is None else json.dumps(body).encode()
        return self.raw(method, path, data, **{"X-CSRFToken": self.csrf}, **headers)

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, **body):
        response = self.call("POST", path, body)
        if path == "session" and response.status_code == 200:
            self.csrf = response.json()["csrf"]
        return response

    def patch(self, path, **body):
        return self.call("PATCH", path, body)

    def delete(self, path):
        return self.call("DELETE", path)

    def sign_in(self, user, password=PASSWORD):
        response = self.post("session", username=user.get_username(), password=password)
        assert response.status_code == 200, response.content
        return response.json()["session"]["id"]

    def username(self):
        user = self.get("session").json()["user"]
        return user and user["username"]


@pytest.fixture
def new_api(new_browser):
    """Call it for another client without a cookie."""
    return lambda: API(new_browser)


@pytest.fixture
def api(new_api):
    return new_api()


@pytest.fixture
def member(api, user):
    """A client in which ``user`` has just signed in."""
    api.sign_in(user)
    return api


def code(response):
    """Return the code of a problem, after a look at its form."""
    assert response["Content-Type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == response.status_code
    assert document["type"] == "about:blank"
    assert document["title"]
    assert document["detail"]
    return document["code"]


def filled_in(path, value="x"):
    """Return the path of an endpoint with ``value`` for what it leaves open."""
    return re.sub(r"<str:\w+>", value, path)

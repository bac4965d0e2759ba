"""No error report about a request to the API holds a password, a key or the text of a token."""

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.handlers.wsgi import WSGIRequest
from django.views.debug import ExceptionReporter
from django.views.decorators.debug import sensitive_variables

from frontdesk import api_tokens, conf, sessions
from tests.api.conftest import API
from tests.fixtures import PASSWORD

pytestmark = pytest.mark.django_db

NEW = "a lamp in the cellar"


class Broken(Exception):
    pass


@sensitive_variables()
def breaks(*args, **kwargs):
    raise Broken


@pytest.fixture
def client(new_browser, user, monkeypatch):
    client = API(lambda **more: new_browser(raise_request_exception=False, **more))
    client.sign_in(user)
    return client


def breaks_sign_in(settings, monkeypatch):
    settings.FRONTDESK["API_USER"] = breaks
    conf.options.cache_clear()


def breaks_check(settings, monkeypatch):
    monkeypatch.setattr("django.contrib.auth.backends.ModelBackend.authenticate", breaks)


def breaks_password(settings, monkeypatch):
    monkeypatch.setattr(AbstractBaseUser, "set_password", breaks)


def breaks_ending(settings, monkeypatch):
    monkeypatch.setattr(sessions, "end_others", breaks)


def breaks_token(settings, monkeypatch):
    monkeypatch.setattr("frontdesk.api.views.token_as_json", breaks)


CREDENTIALS = {"username": "ada", "password": PASSWORD}
CHANGE = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}


@pytest.mark.parametrize(
    ("method", "path", "body", "arrange"),
    [
        ("POST", "session", CREDENTIALS, breaks_sign_in),
        ("POST", "session", CREDENTIALS, breaks_check),
        ("PATCH", "session", {"password": PASSWORD}, breaks_sign_in),
        ("PATCH", "session", {"password": PASSWORD}, breaks_check),
        ("POST", "password", CHANGE, breaks_password),
        ("POST", "password", CHANGE, breaks_ending),
        ("POST", "tokens", {"name": "backup", "scopes": ["orders:read"]}, breaks_token),
    ],
)
def test_no_report_holds_a_secret(client, settings, monkeypatch, method, path, body, arrange):
    made = []
    create = api_tokens.create
    monkeypatch.setattr(api_tokens, "create", lambda *args: made.append(create(*args)) or made[-1])
    settings.FRONTDESK["API_SCOPES"] = {"orders:read": "Read orders"}
    conf.options.cache_clear()
    key = client.browser.key
    arrange(settings, monkeypatch)
    response = client.call(method, path, body)
    assert response.status_code == 500
    kind, error, trace = response.exc_info
    assert kind is Broken
    request = next(
        value
        for frame in frames_of(trace)
        for value in frame.f_locals.values()
        if isinstance(value, WSGIRequest) or type(value).__name__ == "ASGIRequest"
    )
    reporter = ExceptionReporter(request, kind, error, trace)
    report = reporter.get_traceback_html() + reporter.get_traceback_text()
    assert "frontdesk/api" in report
    assert PASSWORD not in report
    assert NEW not in report
    assert key[15:] not in report
    assert all(text[19:] not in report for _token, text in made)
    assert bool(made) is (path == "tokens")


def frames_of(trace):
    while trace:
        yield trace.tb_frame
        trace = trace.tb_next

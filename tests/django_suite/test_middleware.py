"""Django's tests of the two middlewares, run against frontdesk's."""

import pytest
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.sessions.backends.base import SessionBase

from frontdesk import middleware
from frontdesk.engine import SessionStore
from tests.django_suite import source

session_tests = source.load(
    "sessions_tests.tests", models=source.stub("sessions_tests.models", SessionStore=None)
)


class LoginRequiredMiddlewareSubclass(LoginRequiredMiddleware):
    """As in the module that is stubbed, which wants the models of its app."""

    redirect_field_name = "redirect_to"


auth_tests = source.load(
    "auth_tests.test_middleware",
    test_checks=source.stub(
        "auth_tests.test_checks", LoginRequiredMiddlewareSubclass=LoginRequiredMiddlewareSubclass
    ),
)


class Rows:
    """Stands in for Django's model of a session, in the one test that looks at its row."""

    def __init__(self, session: SessionBase) -> None:
        self._session = session

    def get_decoded(self):
        return self._session.load()

    class objects:  # noqa: N801 (a manager's name)
        @staticmethod
        def get(session_key):
            session = SessionStore(session_key)
            assert session.exists(session_key)
            return Rows(session)


@source.without(
    {
        "test_session_update_error_redirect": "a request whose session has ended gets its response, "
        "where Django answers with a 400 (SessionInterrupted)",
    }
)
class TestSessionMiddleware(session_tests.SessionMiddlewareTests):
    @pytest.fixture(autouse=True)
    def _ours(self, monkeypatch):
        monkeypatch.setattr(session_tests, "SessionMiddleware", middleware.SessionMiddleware)
        monkeypatch.setattr(session_tests, "Session", Rows)


class TestAuthenticationMiddleware(auth_tests.TestAuthenticationMiddleware):
    @pytest.fixture(autouse=True)
    def _ours(self, monkeypatch):
        monkeypatch.setattr(
            auth_tests, "AuthenticationMiddleware", middleware.AuthenticationMiddleware
        )


@source.without(
    {
        "test_protected_view_logged_in_performance": "it asserts two queries, for the session and its "
        "user; here one query reads both (tests/requests/test_counts.py)",
    },
    since=(6, 1),
)
class TestLoginRequiredMiddleware(auth_tests.TestLoginRequiredMiddleware):
    """On frontdesk's middlewares, as in the settings; one test names Django's, on frontdesk's engine."""

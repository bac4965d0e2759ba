"""Two small projects with an API, one on REST framework and one on Ninja, and credentials for them."""

import pytest
from django.contrib import auth

from frontdesk import api_tokens, conf, sessions
from tests.fixtures import *  # noqa: F403
from tests.fixtures import DATABASE, PASSWORD, use
from tests.requests.site import step

SCOPES = {"orders:read": "Read orders", "orders:write": "Change orders"}

NO_ERROR = 'Bearer realm="api"'
INVALID = 'Bearer realm="api", error="invalid_token"'
INSUFFICIENT = 'Bearer realm="api", error="insufficient_scope", scope="orders:read"'


@pytest.fixture(autouse=True)
def _site(site, settings):
    settings.FRONTDESK |= {
        "API_SCOPES": SCOPES,
        "HISTORY_RETENTION": None,
        "MAX_SESSIONS_PER_USER": None,
        "HEADER_CARRIER": "apps",
    }
    use(settings, DATABASE)


@pytest.fixture
def set_options(settings):
    """Change settings of ``FRONTDESK`` without making another storage."""

    def change(**options):
        settings.FRONTDESK.update(options)
        conf.options.cache_clear()

    return change


@pytest.fixture
def token(user):
    """The text of a token of ``user`` that may read orders."""
    _info, text = api_tokens.create(user, "backup", ["orders:read"])
    return text


@pytest.fixture
def key(new_browser, user):
    """The credential of a session of ``user`` of the header carrier."""

    def task(request):
        sessions.use_header(request)
        name = user.get_username()
        found = yield step(auth, "authenticate", request, username=name, password=PASSWORD)
        yield step(auth, "login", request, found)
        return (yield step(sessions, "header_key", request))

    return new_browser().do(task).answer


def bearer(text, **more):
    """Return what Django's test clients send as headers."""
    return {"headers": {"Authorization": f"Bearer {text}", **more}}

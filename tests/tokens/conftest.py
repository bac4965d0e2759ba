"""The site of tests/requests with views for programs, and users with API tokens."""

from datetime import timedelta

import pytest

from frontdesk import api_tokens, conf
from tests.fixtures import *  # noqa: F403
from tests.tokens import site as api

SCOPES = {"orders:read": "Read orders", "orders:write": "Change orders"}


@pytest.fixture(autouse=True)
def _site(site, settings):
    settings.ROOT_URLCONF = "tests.tokens.site"
    settings.FRONTDESK |= {"API_SCOPES": SCOPES, "HISTORY_RETENTION": None}
    conf.options.cache_clear()
    api.seen.clear()


@pytest.fixture
def set_options(settings):
    """Change settings of ``FRONTDESK`` without making another storage."""

    def change(**options):
        settings.FRONTDESK.update(options)
        conf.options.cache_clear()

    return change


@pytest.fixture
def text(user):
    """The text of a token of ``user`` that may read orders."""
    _info, made = api_tokens.create(user, "backup", ["orders:read"], timedelta(days=30))
    return made


def bearer(text, **more):
    """Return what Django's two test clients send as headers."""
    return {"headers": {"Authorization": f"Bearer {text}", **more}}

"""How many statements a request takes on the database storage."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.contrib.conftest import bearer

pytestmark = pytest.mark.django_db(transaction=True)

SESSION = ["/session/", "/session-or-token/", "/token-or-session/"]
TOKEN = ["/token/", "/session-or-token/", "/token-or-session/"]


@pytest.fixture(params=["rest_framework", "ninja", "ninja, async"], autouse=True)
def prefix(request, _site, settings):
    """The paths below which the views are, in each project."""
    name, _, mode = request.param.partition(", ")
    settings.ROOT_URLCONF = f"tests.contrib.{name}_site"
    return {"rest_framework": "", "ninja": "/aapi" if mode else "/api"}[name]


def verbs(browser, path, **extra):
    with CaptureQueriesContext(connection) as seen:
        assert browser.get(path, **extra).status_code == 200
    return [query["sql"].split()[0] for query in seen.captured_queries]


@pytest.mark.parametrize("view", SESSION)
def test_a_session_takes_one_select(browser, member, key, prefix, view):
    assert verbs(browser, prefix + view, **bearer(key)) == ["SELECT"]
    assert verbs(member, prefix + view) == ["SELECT"]


@pytest.mark.parametrize("view", TOKEN)
def test_a_token_takes_one_select_and_at_most_one_update_a_minute(
    browser, token, clock, prefix, view
):
    assert verbs(browser, prefix + view, **bearer(token)) == ["SELECT", "UPDATE"]
    assert verbs(browser, prefix + view, **bearer(token)) == ["SELECT"]
    clock.move(seconds=60)
    assert verbs(browser, prefix + view, **bearer(token)) == ["SELECT", "UPDATE"]


@pytest.mark.parametrize("view", TOKEN)
def test_a_token_does_not_ask_for_the_cookies_session(member, token, prefix, view):
    verbs(member, prefix + view, **bearer(token))
    assert verbs(member, prefix + view, **bearer(token)) == ["SELECT"]

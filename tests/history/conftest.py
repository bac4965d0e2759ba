"""People whose comings and goings are remembered; the site and the storages are those of tests/requests."""

import pytest
from django.contrib import auth
from django.contrib.auth import get_user_model

from frontdesk import history, history_rows
from frontdesk.models import HistoryEntry
from frontdesk.outage import HISTORY, Incident
from tests.requests.conftest import (  # noqa: F401
    PASSWORD,
    _site,
    browser,
    clock,
    colour,
    flaky,
    journal,
    limits,
    member,
    new_browser,
    other_user,
    own_cache,
    storage_setting,
    user,
)
from tests.requests.site import step

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEWER_FIREFOX = FIREFOX.replace("140.0", "141.0")
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture(autouse=True)
def _no_incident(monkeypatch):
    monkeypatch.setattr(history, "incident", Incident(HISTORY))


@pytest.fixture
def device(new_browser):  # noqa: F811
    """device(SAFARI) is a browser that says so of itself."""

    def make(agent=FIREFOX):
        visitor = new_browser()
        # Each of Django's two clients takes it under another name.
        visitor.defaults |= {"HTTP_USER_AGENT": agent, "user-agent": agent}
        return visitor

    return make


def lose_the_table(patch):
    """Let the table not be there until ``patch`` is undone, as between a deployment and its migration."""
    patch.setattr(HistoryEntry._meta, "db_table", "frontdesk_not_migrated")
    patch.setattr(history_rows, "_inserts", {})


def sign_in(visitor, name="ada", password=PASSWORD, **extra):
    return visitor.post("/login/", {"username": known_as(name), "password": password}, **extra)


def known_as(name):
    """Return what the person of this name types; tests/projects/ has other user models."""
    is_mail = get_user_model().USERNAME_FIELD == "email"
    return f"{name}@desk.example" if is_mail else name


def leave(request):
    """A task for ``browser.do``: sign out."""
    yield step(auth, "logout", request)


def told(**wanted):
    """Return what the history holds, oldest first: what, and the reason if it has one."""
    rows = HistoryEntry.objects.filter(**wanted).order_by("pk")
    return [f"{row.what}: {row.reason}".removesuffix(": ") for row in rows]

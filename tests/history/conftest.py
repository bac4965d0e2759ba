"""Users whose sign-ins are recorded. The history is written after the commit, so tests commit."""

import pytest

from frontdesk import conf
from frontdesk.history import recording
from frontdesk.models import HistoryEntry
from frontdesk.storages.outage import Outage
from tests.fixtures import *  # noqa: F403

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEWER_FIREFOX = FIREFOX.replace("140.0", "141.0")
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture(autouse=True)
def _site(site, monkeypatch):
    monkeypatch.setattr(recording, "outage", Outage("The sign-in history", ""))


@pytest.fixture
def set_options(settings):
    """Change settings of ``FRONTDESK`` without making another storage."""

    def change(**options):
        settings.FRONTDESK.update(options)
        conf.options.cache_clear()

    return change


@pytest.fixture
def device(new_browser):
    """``device(SAFARI)`` is a browser that sends this as its user agent."""

    def make(agent=FIREFOX, **options):
        browser = new_browser(**options)
        # Each of Django's two clients takes it under another name.
        browser.defaults |= {"HTTP_USER_AGENT": agent, "user-agent": agent}
        return browser

    return make


def log_in(browser, name="ada", password="a lantern in the hall", **extra):
    """Sign in through Django's view."""
    return browser.post("/login/", {"username": name, "password": password}, **extra)


def recorded(**wanted):
    """Return what the history has, oldest first: what, and the reason if there is one."""
    rows = HistoryEntry.objects.filter(**wanted).order_by("pk")
    return [f"{row.what}: {row.reason}".removesuffix(": ") for row in rows]

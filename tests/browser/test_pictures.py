"""The pictures that the documentation shows, of today's pages: make pictures.

Fonts differ from machine to machine, so no test compares pixels. A plain run of the slow tests takes the
pictures into a temporary directory and compares only their names with those that the pages show.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from frontdesk.testing import Clock
from tests.browser.steps import LAPTOP, NAME, PASSWORD, PHONE, at, sign_in
from tests.docs.pages import PAGES, pictures

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]

MORNING = datetime(2026, 3, 2, 9, 14, tzinfo=UTC)

TABLET = {
    "user_agent": (
        "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.5 Mobile/15E148 Safari/604.1"
    ),
}
DESKTOP = {
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
}
STAFF, SHOPPER = "eve", "bob"

LIGHT_AND_DARK = {"": "light", "-dark": "dark"}


@pytest.fixture
def options():
    return {"TRUSTED_PROXY_COUNT": 1}


@pytest.fixture
def _behind_a_proxy(site, settings):
    """Pages show the name of the site, not a port that happens to be free."""
    settings.USE_X_FORWARDED_HOST = True
    settings.ALLOWED_HOSTS = ["shop.example"]
    settings.CSRF_TRUSTED_ORIGINS = [site]
    User.objects.create_user(SHOPPER, password=PASSWORD)
    User.objects.create_superuser(STAFF, password=PASSWORD)


@pytest.fixture
def clock():
    with Clock(MORNING) as clock:
        yield clock


@pytest.fixture
def directory(tmp_path):
    return Path(os.environ.get("FRONTDESK_PICTURES", tmp_path))


def device(address, look=LAPTOP, scale=1.75):
    headers = {"X-Forwarded-For": address, "X-Forwarded-Host": "shop.example"}
    return {
        **look,
        "viewport": {"width": 900, "height": 320},
        "device_scale_factor": scale,
        "extra_http_headers": headers,
        "timezone_id": "UTC",
    }


@pytest.mark.usefixtures("_behind_a_proxy")
@pytest.mark.parametrize("look", [device("192.0.2.71")])
def test_each_picture_that_a_page_shows_is_taken(page, new_tab, clock, directory):
    taken = set()

    def take(tab, name, width=900):
        tab.set_viewport_size({"width": width, "height": 320})
        for suffix, scheme in LIGHT_AND_DARK.items():
            tab.emulate_media(color_scheme=scheme)
            path = directory / f"{name}{suffix}.png"
            tab.screenshot(path=path, full_page=True, animations="disabled", caret="hide")
            taken.add(path.name)

    sign_in(new_tab(**device("203.0.113.24", PHONE)))
    clock.advance(timedelta(days=2, hours=3))
    sign_in(new_tab(**device("198.51.100.9", TABLET)), "not this one")
    clock.advance(timedelta(hours=6))
    sign_in(new_tab(**device("203.0.113.24", TABLET)))
    clock.advance(timedelta(hours=19))

    page.goto("/accounts/login/")
    take(page, "sign-in")
    sign_in(page)
    at(page, f"Home of {NAME}")
    clock.advance(timedelta(minutes=5))
    page.goto("/accounts/sessions/")
    at(page, "Where you are signed in")
    take(page, "sessions")
    take(page, "sessions-narrow", width=390)
    page.goto("/accounts/sessions/history/")
    take(page, "history")

    clock.advance(timedelta(hours=1))
    page.goto("/")
    page.get_by_label("Reason").fill("Too many parcels")
    page.get_by_role("button", name="Close the account").click()
    at(page, "Enter your password to close your account")
    take(page, "reauthenticate")

    clock.advance(timedelta(minutes=3))
    other = new_tab(**device("198.51.100.40", DESKTOP))
    other.goto("/accounts/login/")
    other.locator("[name=username]").fill(SHOPPER)
    other.locator("[name=password]").fill(PASSWORD)
    other.locator("main button[type=submit]").first.click()
    at(other, f"Home of {SHOPPER}")
    clock.advance(timedelta(minutes=12))
    staff = new_tab(**device("192.0.2.5", DESKTOP, scale=1.5))
    staff.goto("/admin/login/?next=/admin/frontdesk/session/")
    staff.locator("[name=username]").fill(STAFF)
    staff.locator("[name=password]").fill(PASSWORD)
    staff.locator("[type=submit]").click()
    at(staff, "Live sessions")
    staff.set_viewport_size({"width": 1100, "height": 320})
    staff.locator("#toggle-nav-sidebar").click()
    take(staff, "admin-sessions", width=1100)

    assert taken == {picture.name for each in PAGES for picture in pictures(each)}

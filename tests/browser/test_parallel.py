"""Nobody is signed out by requests of their own that were under way when the key changed.

Each picture was asked for with the old cookie, and is answered after the new one has been set. Django's
own middleware clears the cookie then, as it does not know the old key any more; a picture that writes
would replace it by that of a new, anonymous session.
"""

import pytest
from playwright.sync_api import expect

from tests.browser.slow import pictures_under_way
from tests.browser.steps import PASSWORD, heading, sign_in, write

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.shared]

ANOTHER = "a-lantern-in-the-hall"
ORDERS = ("early", "late", "both")


@pytest.fixture
def tabs(page, in_browser, settings):
    """Two tabs of one browser: one to act in, and one that waits for its pictures."""
    settings.ROOT_URLCONF = "tests.browser.slow_urls"
    other = in_browser(page.context.new_page)
    in_browser(other.goto, "/")
    return page, other


def test_a_sign_in_outlives_the_pictures_that_were_under_way(page, tabs):
    page, other = tabs
    page.goto("/notebook/")  # so that there is an old key
    page.goto("/accounts/login/")
    with pictures_under_way(other, *ORDERS):
        sign_in(page)
        assert heading(page).endswith("guest")
    page.goto("/badge/")
    assert heading(page).endswith("guest")


def test_a_changed_password_outlives_the_pictures_that_were_under_way(page, tabs):
    page, other = tabs
    page.goto("/accounts/login/")
    sign_in(page)
    page.goto("/accounts/password_change/")
    page.get_by_label("Old password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(ANOTHER)
    page.get_by_label("New password confirmation").fill(ANOTHER)
    with pictures_under_way(other, *ORDERS):
        page.get_by_role("button", name="Change password").click()
        assert heading(page) == "Your password is changed"
    page.goto("/badge/")
    assert heading(page).endswith("guest")


def test_a_sign_out_stays_one_whatever_was_under_way(page, tabs):
    page, other = tabs
    page.goto("/notebook/")
    write(page, "Ask about the umbrella stand")
    page.goto("/accounts/login/")
    sign_in(page)
    with pictures_under_way(other, *ORDERS):
        page.get_by_role("button", name="Sign out").click()
        assert heading(page) == "You are signed out"
    page.goto("/badge/")
    assert heading(page) == "Sign in"
    page.goto("/notebook/")
    expect(page.get_by_text("Nothing written yet.")).to_be_visible()


def test_signing_in_again_outlives_the_pictures_of_the_session_before(page, tabs):
    page, other = tabs
    page.goto("/accounts/login/")
    sign_in(page)
    with pictures_under_way(other, *ORDERS):
        page.get_by_role("button", name="Sign out").click()
        page.goto("/accounts/login/")
        sign_in(page)
        assert heading(page).endswith("guest")
    page.goto("/badge/")
    assert heading(page).endswith("guest")
